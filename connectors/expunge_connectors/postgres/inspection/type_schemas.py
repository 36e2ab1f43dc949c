"""Type schemas: whether the role may use the schemas in which the types of mapped columns are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import called_functions
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted
from expunge_connectors.postgres.table_spec import TableSpec

# The type itself, what a domain is over, and the elements of an array.
_UNUSABLE_TYPES = """
WITH RECURSIVE used (relation, name, oid) AS (
    SELECT a.attrelid, a.attname, a.atttypid
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT used.relation, used.name, below.oid
      FROM used
      JOIN pg_catalog.pg_type t ON t.oid = used.oid
      JOIN pg_catalog.pg_type below ON below.oid IN (t.typbasetype, t.typelem)
)
SELECT used.relation::bigint, used.name::text, n.nspname::text, t.typtype = 'd'
  FROM used
  JOIN pg_catalog.pg_type t ON t.oid = used.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
 ORDER BY 3, 1, 2
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """USAGE of the schemas of columns' types: a statement that names a type (citext, an enum, a domain) needs it."""
    named = {
        (table.oid, column): f"{table.text}.{column}"
        for name, spec, table in inspection.live_data()
        for column in _named_columns(inspection, name, spec, table)
    }
    oids = sorted({oid for oid, _ in named})
    places: dict[str, list[str]] = defaultdict(list)
    overwritten = {(table.oid, column) for _, spec, table in inspection.live_data() for column in spec.tombstone}
    for oid, column, schema, domain in connection.execute(_UNUSABLE_TYPES, (oids,)).fetchall():
        # Values are compared as what a domain is over; only what is written is cast to the column's own type.
        if (oid, column) in named and (not domain or (oid, column) in overwritten):
            places[schema].append(named[oid, column])
    for schema, columns in places.items():
        yield inspection.error(
            "right-missing",
            None,
            f"The role has no USAGE ON SCHEMA {schema}, in which the type of {', '.join(columns)} is.",
            f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(inspection.role)};",
        )
    yield from called_functions.findings(connection, inspection, named.keys())


def _named_columns(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[str]:
    """The columns that statements of ours name."""
    yield from table.key
    yield from spec.tombstone
    yield from (source.column for source in spec.yields.values())
    yield from (kind.column for kind in spec.kinds)
    yield from (one for one in (spec.created, spec.start, *spec.since.values()) if one is not None)
    if spec.owner is not None and spec.owner.column is not None:
        yield spec.owner.column
    for link in spec.found_by:
        yield from link.names
    for _, other in inspection.data():
        for link in other.found_by:
            if link.lead is not None and link.lead[0] == name:
                yield from link.lead[1]
