"""Sample findings (`check --sample`): likely identifiers in unmapped tables and columns."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.keyspace.identifier_patterns import IN_TEXT, share
from expunge_connectors.postgres.catalog.key_types import INTEGER, UUID, key_type
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.inspection.table_sampling import SampledColumn, SampledTable
from expunge_connectors.postgres.inspection.tombstone_leftovers import computed_columns
from expunge_connectors.postgres.sql.tombstones import without
from expunge_connectors.postgres.table_spec import Removal, TableSpec

_ID_LIKE = re.compile(r"(^|_)(id|ids|uid|uuid|by|user|owner|author|customer|member|person|account|contact)$")
_NUMBERED = frozenset({"smallint", "integer", "bigint", "numeric"})
_ADDRESSES = frozenset({"inet", "cidr"})


@dataclass(frozen=True, slots=True)
class _Persons:
    """The column with the ids of the persons of one collection."""

    collection: str
    table: sql.Identifier
    column: str
    base: str


def findings(connection: Connection, inspection: InspectionContext, rows: int) -> Iterator[Finding]:
    """What looks like an identifier, by column, and what could not be looked at."""
    persons = list(_persons(inspection))
    until = time.monotonic() + table_sampling.SECONDS_IN_ALL
    unread: list[str] = []
    late: list[str] = []
    for table in table_sampling.tables(connection):
        collection = inspection.collection_of(table.root)
        specs = inspection.parts(collection)
        free = inspection.declared_free(table.text)
        columns = [] if free else list(_unmapped(connection, inspection, table, specs))
        other_tenant = collection is not None and inspection.like_first(table.root) != table.root
        if not columns or other_tenant:
            continue
        unread += [f"{table.text}.{one.name}" for one in columns if not one.readable]
        readable = [one for one in columns if one.readable]
        if not readable:
            continue
        conditions = dict(_conditions(readable, persons, _removals(inspection, table, specs)))
        answer = table_sampling.counted(connection, table, rows, conditions) if time.monotonic() < until else None
        if answer is None:
            late.append(table.text)
            continue
        size, counts = answer
        for column in readable:
            found = list(_found(column, persons, counts))
            if found:
                kinds = ", ".join(f"{words} in {share(count, size)}" for words, count in found)
                place = f"{table.text}.{column.name}"
                yield inspection.warning(
                    "unmapped-identifiers",
                    collection,
                    f"{place} seems to hold {kinds} of {size} rows looked at, and no part of the map covers it.",
                    _remedy(inspection, table, column)
                    if specs
                    else f"Map {table.text}, declare it a log, or put {table.text} or {place} under `unmapped_ok`.",
                )
    yield from _unknown(inspection, unread, late)


def _unknown(inspection: InspectionContext, unread: list[str], late: list[str]) -> Iterator[Finding]:
    if unread:
        tables = sorted({place.rpartition(".")[0] for place in unread})
        yield inspection.info(
            "sweep-unread",
            None,
            f"The role may not read {', '.join(tables)}: what stands there is unknown, not fine.",
            f"GRANT SELECT ON {', '.join(map(quoted_table, tables))} TO {quoted(inspection.role)}; or look yourself.",
        )
    if late:
        yield inspection.info(
            "sweep-unfinished",
            None,
            f"A sample of {', '.join(late)} could not be read in time: what stands there is unknown, not fine.",
            "Try again with fewer rows (--rows), or look yourself.",
        )


def _remedy(inspection: InspectionContext, table: SampledTable, column: SampledColumn) -> str:
    live = inspection.catalogue.tables.get(table.text)
    if live is not None and column.name in live.columns and live.columns[column.name].generated:
        return "Add a column that it is computed from to the collection's `tombstone`, or put it under `unmapped_ok`."
    return "Add the column to the collection's `tombstone`, or put it under `unmapped_ok`."


def _following(
    connection: Connection, inspection: InspectionContext, table: SampledTable, specs: Sequence[TableSpec]
) -> set[str]:
    """The columns that the server computes from what a tombstone replaces."""
    live, replaced = inspection.catalogue.tables.get(table.text), {name for one in specs for name in one.tombstone}
    if live is None or not replaced or not any(one.generated for one in live.columns.values()):
        return set()
    return {column for column, _, of in computed_columns(connection, live) if not replaced.isdisjoint(of)}


def _unmapped(
    connection: Connection, inspection: InspectionContext, table: SampledTable, specs: Sequence[TableSpec]
) -> Iterator[SampledColumn]:
    """The columns that would still be there after a request.

    Rows of a collection that is deleted go whole, and a log is declared. Of a tombstoned one, the columns that no
    tombstone of the table names stay, and what none removes from a document.
    """
    if any(one.log is not None or inspection.action(one) is not Action.TOMBSTONE for one in specs):
        return
    kept: set[str | None] = {*_following(connection, inspection, table, specs)}
    for spec in specs:
        kept |= {spec.created, spec.start, *spec.since.values()}
        kept |= {column for column, wanted in spec.tombstone.items() if not isinstance(wanted, Removal)}
        # What leads to the person's own row: that it stays is what a tombstone is for.
        kept |= {name for link in spec.found_by if link.lead is not None for name in link.names}
        if spec.owner is not None:
            kept.add(spec.owner.column)
    for column in table.columns:
        fixed = bool(specs) and (column.key or column.name in kept)
        if not fixed and not inspection.declared_free(f"{table.text}.{column.name}"):
            yield column


def _persons(inspection: InspectionContext) -> Iterator[_Persons]:
    for name, spec, table in inspection.live_data():
        source = spec.yields.get(spec.person or "")
        column = None if source is None or source.several else table.columns.get(source.column)
        if column is not None and key_type(column) in {UUID, INTEGER}:
            yield _Persons(name, table.identifier, column.name, column.base)


def _removals(
    inspection: InspectionContext, table: SampledTable, specs: Sequence[TableSpec]
) -> Mapping[str, sql.Composable]:
    """Column -> what the tombstones leave of its documents."""
    live = inspection.catalogue.tables.get(table.text)
    columns = {} if live is None else live.columns
    left: dict[str, sql.Composable] = {}
    for name, wanted in [one for spec in specs for one in spec.tombstone.items()]:
        if isinstance(wanted, Removal) and name in columns and columns[name].base in {"json", "jsonb"}:
            left[name] = without(left.get(name, sql.Identifier("s", name)), wanted, columns[name].type)
    return left


def _conditions(
    columns: Iterable[SampledColumn], persons: Iterable[_Persons], left: Mapping[str, sql.Composable]
) -> Iterator[tuple[str, sql.Composable]]:
    for column in columns:
        value = left.get(column.name, table_sampling.value(column))
        yield f"{column.name}:filled", table_sampling.filled(column)
        if column.searchable:
            for words, pattern in IN_TEXT.items():
                yield f"{column.name}:{words}", table_sampling.matches(value, pattern)
        for one in persons:
            if _comparable(column, one):
                yield (
                    f"{column.name}:of {one.collection}",
                    table_sampling.refers(value, one.table, one.column, one.base),
                )


def _comparable(column: SampledColumn, persons: _Persons) -> bool:
    """UUIDs are looked for in every text; numbers only where the name says that they are ids: 1 is in every table."""
    if column.foreign or column.key:
        return False
    if persons.base == "uuid":
        return column.searchable or column.base.removesuffix("[]") == "uuid"
    return bool(_ID_LIKE.search(column.name.lower())) and (column.textual or column.base in _NUMBERED)


def _found(column: SampledColumn, persons: Iterable[_Persons], counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    filled = counts[f"{column.name}:filled"]
    if column.base.removesuffix("[]") in _ADDRESSES and filled:
        yield "IP addresses", filled
    for words in IN_TEXT:
        count = counts.get(f"{column.name}:{words}", 0)
        if count:
            yield words, count
    for one in persons:
        count = counts.get(f"{column.name}:of {one.collection}", 0)
        # Numbers are ids of these persons only if all of them are.
        if count and (one.base == "uuid" or count == filled):
            yield f"ids of `{one.collection}`", count
