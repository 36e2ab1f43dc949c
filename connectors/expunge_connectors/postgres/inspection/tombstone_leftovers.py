"""Tombstone leftovers: columns that say who it was, or what was theirs, and that nobody decided about."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import Action, IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.column_names import named
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.table_spec import Removal, TableSpec

_COMPUTED = """
SELECT a.attname::text,
       CASE WHEN a.attgenerated <> ''
            THEN (SELECT pg_catalog.pg_get_expr(f.adbin, f.adrelid)
                    FROM pg_catalog.pg_attrdef f WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum) END,
       ARRAY(SELECT o.attname::text
               FROM pg_catalog.pg_attrdef f
               JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
                                          AND d.refobjid = f.adrelid AND d.refobjsubid > 0
               JOIN pg_catalog.pg_attribute o ON o.attrelid = f.adrelid AND o.attnum = d.refobjsubid
              WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND o.attnum <> a.attnum)
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND (a.attgenerated <> '' OR a.attidentity = 'a')
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """What would still stand in a row when it is tombstoned."""
    for name, spec, table in inspection.live_data():
        if inspection.action(spec) is not Action.TOMBSTONE:
            continue
        computed = {column: set(of) for column, _, of in computed_columns(connection, table)}
        follows = {column for column, of in computed.items() if of.intersection(spec.tombstone)}
        identifying = {place: found for place, *found in _identifying(inspection, spec, table, follows)}
        for place, (_, identity) in sorted(identifying.items()):
            yield inspection.error(
                "tombstone-incomplete",
                name,
                f"The tombstone leaves {place}, which holds `{identity}`: the row would still say who it was.",
                "Say in `tombstone` what stands there afterwards.",
            )
        parts = inspection.spec.parts(name, inspection.data_map)
        if parts[:1] != [name]:
            continue  # what no part replaces goes with the row; or is told once for all parts
        told = {column for column, _ in identifying.values()}
        replaced = {column for one in parts for column in inspection.spec.collections[one].tombstone}
        kept = {column for one in parts for column in inspection.spec.collections[one].keeps}
        following = {column for column, of in computed.items() if of & replaced}
        decided = {*told, *following, *replaced, *kept}
        for column in table.columns.values():
            kind = None if column.name in decided else named(column.name, column.base)
            if kind is not None:
                yield inspection.error(
                    "tombstone-leftover",
                    name,
                    f"The tombstone leaves {table.text}.{column.name}, which by its name holds personal data ({kind}).",
                    f"Say in `tombstone` what stands there afterwards, or under `keeps: {{{column.name}: ...}}` why it"
                    " may stay.",
                )


def computed_columns(connection: Connection, table: Table) -> list[tuple[str, str | None, list[str]]]:
    """(name, its formula or None, the columns in it) of every column that the server alone writes."""
    return connection.execute(_COMPUTED, (table.oid,)).fetchall()


def _identifying(
    inspection: InspectionContext, spec: TableSpec, table: Table, follows: set[str]
) -> Iterator[tuple[str, str, str]]:
    """(place, its column, identity) by which the person is found, or told of, and that is not overwritten."""
    named_by = [(link.names[0], link.path, link.identity) for link in spec.found_by if link.identity]
    named_by += [(source.column, source.path, identity) for identity, source in spec.yields.items()]
    for column, path, identity in named_by:
        reusable = inspection.data_map.identities[identity].kind is IdentityKind.REUSABLE
        if reusable and column not in {*table.key, *follows} and not _covered(spec, column, path):
            place = f"{table.text}.{column}" if path is None else f"{table.text}.{column} ({' > '.join(path)})"
            yield place, column, identity


def _covered(spec: TableSpec, column: str, path: tuple[str, ...] | None) -> bool:
    """The tombstone overwrites the column, or removes what the path leads to, or something above it."""
    wanted = spec.tombstone.get(column)
    if not isinstance(wanted, Removal):
        return wanted is not None
    return path is not None and any(path[: len(one)] == one for one in wanted.remove)
