"""Unmapped columns that look like a person's id although no foreign key or link says so. Evidence, not proof."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import key_type
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext

# Parts are looked at through their roots; a column of a foreign key is reported, where it matters, as such.
_COLUMNS = """
SELECT n.nspname || '.' || c.relname, a.attname::text,
       (WITH RECURSIVE under (oid) AS (
          SELECT a.atttypid
          UNION ALL
          SELECT d.typbasetype FROM pg_catalog.pg_type d JOIN under ON d.oid = under.oid AND d.typtype = 'd'
        )
        SELECT pg_catalog.format_type(b.oid, NULL)
          FROM under JOIN pg_catalog.pg_type b ON b.oid = under.oid AND b.typtype <> 'd')
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND a.attinhcount = 0 AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND a.attnum > 0 AND NOT a.attisdropped
   AND pg_catalog.lower(a.attname) = ANY (%s)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint f
                    WHERE f.conrelid = c.oid AND f.contype = 'f' AND a.attnum = ANY (f.conkey))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, a.attnum
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """`user_id` in a table that nothing else connects to the users."""
    persons = dict(_persons(inspection))
    found = connection.execute(_COLUMNS, (list(persons),)).fetchall()
    # Of tables that many tenants have, the first one's stand for all.
    told: set[tuple[str, str]] = set()
    for table, column, base in sorted(found, key=lambda row: inspection.like_first(row[0]) != row[0]):
        if (like := (inspection.like_first(table), column)) in told:
            continue
        told.add(like)
        of, kind = persons[column.lower()]
        collection = inspection.collection_of(table)
        spec = None if collection is None else inspection.spec.collections[collection]
        if key_type(Column(column, base, base, not_null=False)) != kind or inspection.declared_free(
            f"{table}.{column}"
        ):
            continue
        if spec is None and not inspection.declared_free(table):
            yield inspection.warning(
                "untied-table",
                None,
                f"{table}.{column} looks like an id of `{of}`, but no foreign key says so, and the map does not name"
                " the table.",
                "Map it with a link by this column, declare it a log, or say under `unmapped_ok` that it holds no"
                " personal data.",
            )
        elif spec is not None and spec.log is None and column not in inspection.spec.used_columns(collection or ""):
            yield inspection.warning(
                "untied-column",
                collection,
                f"{table}.{column} looks like an id of `{of}`, but no foreign key says so, nor does the map.",
                f"Add a link or a yield by this column, or name {table}.{column} under `unmapped_ok`.",
            )


def _persons(inspection: InspectionContext) -> Iterator[tuple[str, tuple[str, object]]]:
    """(name of a column that would hold a person's id, (collection, type of comparison))."""
    for name, spec, table in inspection.live_data():
        source = spec.yields.get(spec.person or "")
        column = None if source is None or source.several else table.columns.get(source.column)
        if column is None or spec.person is None:
            continue
        identity = inspection.data_map.identities.get(spec.person)
        if identity is None or identity.kind is not IdentityKind.PERSON:
            continue
        singular = table.name.lower().removesuffix("s")
        for guess in (spec.person, f"{singular}_id", f"{singular}id", f"{singular}_{column.name}".lower()):
            yield guess.lower(), (name, key_type(column))
