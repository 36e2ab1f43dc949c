"""Row kinds (`where`): columns that hold ids of many tables' rows, and values that no row has (ADR 23)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.polymorphic_columns import kind_column
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.catalog.unique_columns import Uniques
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.kind_values import KindValues
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind, misfits
from expunge_connectors.postgres.row_kinds import RowKind, compared
from expunge_connectors.postgres.sql.comparison import of_kind
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec

_SECONDS = 20
_UNSEEN = sql.SQL("SELECT EXISTS (SELECT FROM {table}) AND NOT EXISTS (SELECT FROM {table} AS t WHERE {kind})")


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """What links and yields leave open of the kind of a row, or say wrongly."""
    unique = inspection.uniques
    until = time.monotonic() + _SECONDS
    for name, spec, table in inspection.live_data():
        yield from _undeclared(inspection, unique, KindValues(connection, until), name, spec, table)
        there = (kind for kind in sorted(spec.kinds, key=lambda one: one.text) if kind.column in table.columns)
        kinds = compared(tuple(there))  # that a column is missing is told already
        wrong = list(misfits(kinds, table.columns.__getitem__))
        for kind, column, value in wrong:
            yield inspection.error(
                "where-value",
                name,
                f"`where` of {table.text} names `{value}`, which cannot stand in {kind.column} ({column.type}).",
                "Name what stands in the column: of Django's content_type_id the number, SELECT id FROM"
                " django_content_type WHERE app_label = … AND model = ….",
            )
        if not wrong:
            yield from _unseen(connection, inspection, name, table, kinds, until)


def _unseen(  # noqa: PLR0913, PLR0917 - a table, what is asked of it, and for how long
    connection: Connection,
    inspection: InspectionContext,
    name: str,
    table: Table,
    kinds: Iterable[RowKind],
    until: float,
) -> Iterator[Finding]:
    """Values that no row has: they may be misspelled, and find nothing."""
    for kind in kinds:
        for value in kind.values:
            one = of_kind([BoundKind(table.columns[kind.column], (value,))], "t")
            statement = _UNSEEN.format(table=table.identifier, kind=one)
            answer = None if time.monotonic() > until else table_sampling.asked(connection, statement)
            if answer == [(True,)]:
                yield inspection.warning(
                    "where-unseen",
                    name,
                    f"`where` names `{value}`, and no row of {table.text} has it in {kind.column}: it finds nothing.",
                    f"Compare it with the values of {kind.column} that there are: capitals and spaces count.",
                )


def _undeclared(  # noqa: PLR0913, PLR0917 - a table, and what its columns are held against
    inspection: InspectionContext, unique: Uniques, held: KindValues, name: str, spec: TableSpec, table: Table
) -> Iterator[Finding]:
    """Columns that hold ids of many tables' rows by their name, and no `where`."""
    for link in spec.found_by:
        if _by_a_key(inspection, link.identity):
            for column in link.names:
                own = inspection.tables_of(link)
                yield from _polymorphic(inspection, unique, held, name, table, column, link.where, own, _LINK)
        yield from _led_from(inspection, unique, held, name, link)
    for identity, source in spec.yields.items():
        if _by_a_key(inspection, identity):
            own = inspection.tables_of(Link(column=source.column, identity=identity))
            yield from _polymorphic(inspection, unique, held, name, table, source.column, source.where, own, _YIELD)


_LINK = "Say in the link of which kind the row must be: `where: {{{kind}: …}}`"
_YIELD = "Say of which kind the row must be: `{{column: {column}, where: {{{kind}: …}}}}`"
_LEAD = "Let `{lead}` yield {column} `where: {{{kind}: …}}`, as an identity of kind internal, and link by that"


def _by_a_key(inspection: InspectionContext, identity: str | None) -> bool:
    """What is compared is an id; an e-mail address is one, whatever stands beside it."""
    return identity is None or inspection.data_map.identities[identity].kind is not IdentityKind.REUSABLE


def _led_from(
    inspection: InspectionContext, unique: Uniques, held: KindValues, name: str, link: Link
) -> Iterator[Finding]:
    """The same of the columns that `of` names, unless every row there was found by its kind."""
    lead, columns = link.lead or (name, ())
    spec = inspection.spec.collections[lead]
    live = inspection.catalogue.tables.get(spec.table)
    for column in columns if live is not None and lead != name else ():
        said = [{one.column for one in found.where} for found in spec.found_by]
        declared = tuple(RowKind(column=one) for one in set.intersection(*said)) if said else ()
        own = frozenset([inspection.spec.collections[name].table])
        yield from _polymorphic(inspection, unique, held, name, live, column, declared, own, _LEAD, lead)


def _polymorphic(  # noqa: PLR0913, PLR0917 - a column, and what the map says of it
    inspection: InspectionContext,
    unique: Uniques,
    held: KindValues,
    name: str,
    table: Table | None,
    column: str,
    where: tuple[RowKind, ...],
    own: frozenset[str],
    remedy: str,
    lead: str = "",
) -> Iterator[Finding]:
    kind = None if table is None else kind_column(column, table.columns)
    if table is None or kind in {one.column for one in where}:
        return
    # A foreign key leads to one table, and what is unique for itself numbers the rows of this one.
    keys = inspection.catalogue.foreign_keys
    if frozenset({column}) in unique.get(table.text, ()) or any(
        key.child == table.text and column in key.columns for key in keys
    ):
        return
    if kind is None and not where:
        kind = held.beside(table, column, own)
    if kind is None:
        return
    yield inspection.error(
        "polymorphic-column",
        name,
        f"{table.text}.{column} seems to hold ids of rows of many tables, of which {kind} says which: somebody else's"
        " rows, with the same id of another table, would be taken for this person's.",
        f"{remedy.format(kind=kind, column=column, lead=lead)}. If {column} names rows of one table alone, say so:"
        f" `where: {{{kind}: {{reason: …, approved_by: …}}}}`.",
    )
