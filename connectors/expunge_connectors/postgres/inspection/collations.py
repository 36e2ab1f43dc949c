"""Collations of compared columns: deterministic, and alike on both sides of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import as_it_is
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.table_spec import TableSpec

# https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC
_LOOSE = """
SELECT a.attrelid::bigint, a.attname::text
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.collisdeterministic
"""
# Two columns are compared unless both have a collation of their own and these differ:
# https://www.postgresql.org/docs/current/collation.html#COLLATION-CONCEPTS
_OWN = """
SELECT a.attrelid::bigint, a.attname::text, n.nspname::text, c.collname::text
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped AND c.collprovider <> 'd'
"""

Pair = tuple[tuple[str, str], tuple[str, str]]
"""(table, column) and (table, column)"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Columns that find rows, or say whose they are, and call different texts equal."""
    by_oid = {table.oid: text for text, table in inspection.catalogue.tables.items()}
    loose = {(by_oid[oid], column) for oid, column in connection.execute(_LOOSE, (list(by_oid),)).fetchall()}
    finding = _finding(inspection)
    for name, spec, _ in inspection.live_data():
        for column in sorted(finding[spec.table]):
            if (spec.table, column) in loose:
                yield inspection.error(
                    "collation",
                    name,
                    f"{spec.table}.{column} has a collation under which different texts are equal: by one person's"
                    " identifier, or one controller's name, rows of another could be reached.",
                    f'ALTER TABLE {quoted_table(spec.table)} ALTER COLUMN {quoted(column)} TYPE text COLLATE "C";'
                    " or find the rows by another column.",
                )
    yield from _apart(inspection, _own(connection, by_oid))


def _own(connection: Connection, by_oid: Mapping[int, str]) -> Mapping[tuple[str, str], str]:
    """(table, column) -> its collation, as SQL, where it is not the database's."""
    rows = connection.execute(_OWN, (list(by_oid),)).fetchall()
    return {(by_oid[oid], column): quoted(schema, name) for oid, column, schema, name in rows}


def _apart(inspection: InspectionContext, own: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    """Columns that are compared with each other, and that the server refuses to compare (SQLSTATE 42P22)."""
    reported: set[frozenset[tuple[str, str]]] = set()
    for name, (ours, theirs) in _compared(inspection):
        pair = frozenset((ours, theirs))
        if ours in own and theirs in own and own[ours] != own[theirs] and pair not in reported:
            reported.add(pair)
            table, column = ours
            yield inspection.error(
                "collation",
                name,
                f"{table}.{column} and {theirs[0]}.{theirs[1]} are compared and have different collations: the server"
                " refuses to.",
                f"ALTER TABLE {quoted_table(table)} ALTER COLUMN {quoted(column)} TYPE"
                f" {inspection.catalogue.tables[table].columns[column].type} COLLATE {own[theirs]}",
            )


def _compared(inspection: InspectionContext) -> Iterator[tuple[str, Pair]]:
    """Collection and the columns of rows that links, foreign keys and common values compare with each other."""
    said: dict[str, list[tuple[str, tuple[str, str]]]] = defaultdict(list)
    for name, spec, table in inspection.live_data():
        yield from ((name, pair) for pair in _between_rows(inspection, spec))
        for identity, source in spec.yields.items():
            known, live = inspection.data_map.identities[identity], table.columns.get(source.column)
            internal = known.kind is IdentityKind.INTERNAL and not source.several
            # Where the normaliser changes anything, it compares by a collation of its own.
            if internal and live is not None and as_it_is(known.rule, live):
                said[identity].append((name, (spec.table, source.column)))
    for places in said.values():
        for at, (name, ours) in enumerate(places):
            yield from ((name, (ours, theirs)) for _, theirs in places[:at])


def _between_rows(inspection: InspectionContext, spec: TableSpec) -> Iterator[Pair]:
    """Columns of a table with those that its links and foreign keys lead to."""
    leads = [
        (link.names, inspection.spec.collections[link.lead[0]].table, link.lead[1])
        for link in spec.found_by
        if link.lead
    ]
    leads += [
        (key.columns, key.parent, key.parent_columns)
        for key in inspection.catalogue.foreign_keys
        if key.child == spec.table
    ]
    for columns, table, others in leads:
        yield from (((spec.table, ours), (table, theirs)) for ours, theirs in zip(columns, others, strict=True))


def _finding(inspection: InspectionContext) -> Mapping[str, set[str]]:
    """Table -> its columns by which rows of it, or of others, are found."""
    found: dict[str, set[str]] = defaultdict(set)
    collections = inspection.spec.collections
    for _, spec, _ in inspection.live_data():
        found[spec.table].update(source.column for source in spec.yields.values())
        if spec.owner is not None and spec.owner.column is not None:
            found[spec.table].add(spec.owner.column)
        for link in spec.found_by:
            found[spec.table].update(link.names)
            found[spec.table].update(kind.column for kind in link.where)
            if link.lead is not None:
                found[collections[link.lead[0]].table].update(link.lead[1])
    return found
