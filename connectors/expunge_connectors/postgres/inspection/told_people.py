"""Told people: a column by whose e-mail address or phone number a row says whose it is, though no key names anybody.

Bob's post in Ann's thread says by his address that it is his, whether or not the map finds posts by it. It does where
an account of his holds the address, and none of the person above does: so the data is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import member_schemas, rows_concerned, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.table_sampling import SampledTable
from expunge_connectors.postgres.inspection.value_holders import Holders, kind_of, looks_so, spelled, value
from expunge_connectors.postgres.sql.comparison import normalised
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_spec import TableSpec

_ROWS = 1000
_TEXTS = {"text", "character varying", "character"}


@dataclass(frozen=True, slots=True)
class ToldPeople:
    """A column of the row `t` in which values stand that the rows of persons hold."""

    name: str
    value: sql.Composed
    holders: Holders

    def other_than(
        self, inspection: InspectionContext, spec: TableSpec, person: sql.Composable, nobody: Sequence[sql.Composable]
    ) -> sql.Composed:
        """The row tells somebody's value, and not this person's. Of a member's row somebody is who is of that member.

        Args:
            inspection: Where the collection is.
            spec: Of the row's collection.
            person: The key of somebody, as a text.
            nobody: Where keys stand in the row: a row that names somebody by a key is theirs, whatever else it tells.
        """
        held = self.holders
        return and_(
            *(sql.SQL("{} IS NULL").format(one) for one in nobody),
            sql.SQL("EXISTS (SELECT FROM {} AS p WHERE {} AND {} <> {} AND {})").format(
                held.table.identifier,
                held.hold(self.value, "p"),
                held.named("p"),
                person,
                rows_concerned.of_one_member(inspection, spec, "t", held.spec, "p"),
            ),
            sql.SQL("NOT EXISTS (SELECT FROM {} AS q WHERE {} AND {} = {})").format(
                held.table.identifier, held.hold(self.value, "q"), held.named("q"), person
            ),
        )


def told_in(found: Iterable[tuple[str, str]], known: Sequence[Holders]) -> list[ToldPeople]:
    """Of whom these (column, kind) of the row `t` tell."""
    return [ToldPeople(name, value(name, kind), held) for name, kind in found for held in known if held.kind == kind]


def places(
    connection: Connection, inspection: InspectionContext, asked: Mapping[str, Collection[str]]
) -> dict[str, list[tuple[str, str]] | None]:
    """(column, kind) where values stand: the map says so, or some value of a sample looks so.

    Samples of all tables are asked for at once, for every inspection asks: one by one they took half of its time.

    Args:
        connection: Of the store.
        inspection: Where collections and tables are.
        asked: Collections -> the kinds of values that matter there.

    Returns:
        For each collection; None: the server would not say which of its columns look so.
    """
    doubtful = {name: list(_doubtful(inspection, name, kinds)) for name, kinds in asked.items()}
    seen = _seen(connection, inspection, {name: unknown for name, unknown in doubtful.items() if unknown})
    return {name: _places(inspection, name, kinds, seen.get(name, set())) for name, kinds in asked.items()}


def unlinked(inspection: InspectionContext, name: str) -> tuple[list[Column], list[Column]]:
    """The columns of a collection's table that no link compares: those that hold texts, and those of documents."""
    spec = inspection.spec.collections[name]
    compared = {one for link in spec.found_by for one in link.names}
    columns = inspection.catalogue.tables[spec.table].columns.values()
    documents = [one for one in columns if one.base in {"json", "jsonb"} and one.name not in compared]
    return [one for one in _texts(inspection, name) if one.name not in compared], documents


def inside(live: Column, kind: str) -> tuple[sql.Composed, sql.Composed]:
    """A join to the row `t`, and a text anywhere in a document of it that looks so, as it is compared."""
    told = sql.Identifier("inside", "value")
    join = sql.SQL(
        " CROSS JOIN LATERAL (SELECT DISTINCT item #>> '{{}}'"
        " FROM pg_catalog.jsonb_path_query({}::jsonb, '$.**') AS item"
        " WHERE pg_catalog.jsonb_typeof(item) = 'string') AS inside (value)"
    ).format(column("t", live.name))
    return join, sql.SQL("CASE WHEN {} THEN {} END").format(looks_so(kind, told), spelled(kind, told))


def mostly_held(table: Table, live: Column, held: Holders) -> sql.Composed:
    """At least half of the values in a sample are held by persons: a city may be called as one of them."""
    sampled = SampledTable(table.schema, table.name, 0, 0, table.text, ())
    return sql.SQL(
        "(SELECT count(*) > 0 AND count(*) <= 2 * (SELECT count(*) FROM {told} AS one"
        " WHERE EXISTS (SELECT FROM {persons} AS p WHERE {held})) FROM {told} AS every)"
    ).format(
        told=sql.SQL("(SELECT DISTINCT {} AS value FROM {} WHERE {} IS NOT NULL)").format(
            normalised(held.rule, column("s", live.name)),
            table_sampling.sample(sampled, _ROWS, [live.name]),
            column("s", live.name),
        ),
        persons=held.table.identifier,
        held=held.hold(sql.Identifier("one", "value"), "p"),
    )


def _places(
    inspection: InspectionContext, name: str, kinds: Collection[str], seen: set[tuple[str, str]] | None
) -> list[tuple[str, str]] | None:
    if seen is None:
        return None
    known = {*_said(inspection, name), *seen}
    return [(one.name, kind) for one in _texts(inspection, name) for kind in kinds if (one.name, kind) in known]


def _texts(inspection: InspectionContext, name: str) -> list[Column]:
    """The columns of a collection's table that hold texts."""
    columns = inspection.catalogue.tables[inspection.spec.collections[name].table].columns.values()
    return [one for one in columns if one.base in _TEXTS or one.base.rpartition(".")[2] == "citext"]


def _said(inspection: InspectionContext, name: str) -> set[tuple[str, str | None]]:
    """(column, kind) where the map says that such values stand."""
    spec, identities = inspection.spec.collections[name], inspection.data_map.identities
    sources = [(link.identity or "", link.source) for link in spec.found_by if link.lead is None]
    return {
        (source.column, kind_of(identities[identity].rule))
        for identity, source in (*sources, *spec.yields.items())
        if identity in identities and not identities[identity].shareable and not source.several
    }


def _doubtful(inspection: InspectionContext, name: str, kinds: Collection[str]) -> Iterator[tuple[Column, str]]:
    """(column, kind) of which only the values say."""
    compared = {one for link in inspection.spec.collections[name].found_by for one in link.names}
    said = _said(inspection, name)
    for one in _texts(inspection, name):
        if one.name not in compared:
            yield from ((one, kind) for kind in sorted(kinds) if (one.name, kind) not in said)


def _seen(
    connection: Connection, inspection: InspectionContext, asked: Mapping[str, Sequence[tuple[Column, str]]]
) -> dict[str, set[tuple[str, str]] | None]:
    """(column, kind) where some value of a sample looks so, for each collection."""
    live = inspection.catalogue.tables
    wanted = [(live[inspection.spec.collections[name].table], columns) for name, columns in asked.items()]
    tables = table_sampling.all_sampled(
        connection, ((table, {one.name: one for one, _ in columns}.values()) for table, columns in wanted)
    )
    looks = [[looks_so(kind, column("s", one.name)) for one, kind in columns] for columns in asked.values()]
    samples = dict(zip(asked, zip(tables, looks, strict=True), strict=True))
    once = [name for name, (table, _) in zip(asked, wanted, strict=True) if not inspection.in_schemas(table)]
    met = dict(zip(once, table_sampling.met(connection, _ROWS, [samples[name] for name in once]), strict=True))
    for name in samples.keys() - met.keys():
        met[name] = _met_anywhere(connection, inspection, *samples[name])
    return {
        name: None
        if (each := met[name]) is None
        else {(one.name, kind) for (one, kind), is_so in zip(columns, each, strict=True) if is_so}
        for name, columns in asked.items()
    }


def _met_anywhere(
    connection: Connection, inspection: InspectionContext, table: SampledTable, looks: Sequence[sql.Composable]
) -> list[bool] | None:
    """Which conditions some row of a sample meets, in any member's schema.

    None: none is known to be met, and the server would not say of all schemas. What is met is asked of each of them.
    """
    sizeless = replace(table, rows=0, pages=0)  # how large the table of another schema is nobody has asked
    answers = member_schemas.asked(connection, inspection, table_sampling.met_by(_ROWS, sizeless, looks)).values()
    known = [one for one in answers if one is not None]
    found = [any(one[at] for one in known) for at in range(len(looks))]
    return None if not any(found) and len(known) < len(answers) else found
