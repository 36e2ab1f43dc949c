"""Replication and copies: materialised views, publications, replication slots, foreign tables, large objects."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.large_objects import LARGE_OBJECTS
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table

_MATERIALISED = """
WITH RECURSIVE uses AS (
    SELECT w.ev_class AS view, d.refobjid AS used
      FROM pg_catalog.pg_rewrite w
      JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
                                 AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> w.ev_class
), reached AS (
    SELECT view, used AS root FROM uses WHERE used = ANY (%s::oid[])
    UNION
    SELECT uses.view, reached.root FROM uses JOIN reached ON uses.used = reached.view
)
SELECT n.nspname || '.' || c.relname, reached.root::bigint,
       EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisunique AND x.indpred IS NULL)
  FROM reached
  JOIN pg_catalog.pg_class c ON c.oid = reached.view AND c.relkind = 'm'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1, 2
"""
_PUBLISHED = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT tree.root::bigint, array_agg(DISTINCT p.pubname::text), bool_or(p.pubdelete), bool_or(p.pubupdate),
       bool_or(c.relreplident = 'n'
               OR c.relreplident <> 'f'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x
                               WHERE x.indrelid = c.oid AND x.indisvalid
                                 AND CASE c.relreplident WHEN 'i' THEN x.indisreplident ELSE x.indisprimary END))
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_publication_tables l ON l.schemaname = n.nspname AND l.tablename = c.relname
  JOIN pg_catalog.pg_publication p ON p.pubname = l.pubname
 GROUP BY tree.root
"""
_WHOLE_ROWS = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT DISTINCT tree.root::bigint
  FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relreplident = 'f'
"""
_SUBSCRIBED = (
    "SELECT DISTINCT s.srrelid::bigint FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = ANY (%s::oid[])"
)
_SLOTS = """
SELECT s.slot_name::text, s.slot_type, s.active
  FROM pg_catalog.pg_replication_slots s
 WHERE NOT s.temporary AND (NOT s.active OR s.database = pg_catalog.current_database())
 ORDER BY 1
"""
_CHILDREN = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT tree.root::bigint, n.nspname || '.' || c.relname, c.relkind = 'f',
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute r
                                 WHERE r.attrelid = tree.root AND r.attname = a.attname AND NOT r.attisdropped)
              ORDER BY a.attnum)
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE tree.oid <> tree.root
 ORDER BY 2
"""
_PARENTS = """
SELECT i.inhrelid::bigint, n.nspname || '.' || c.relname
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE i.inhrelid = ANY (%s::oid[]) AND c.relkind IN ('r', 'p')
 ORDER BY 2
"""
_FOREIGN = """
SELECT n.nspname || '.' || c.relname, s.srvname::text
  FROM pg_catalog.pg_foreign_table f
  JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
 ORDER BY 1
"""
_LARGE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)"


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Materialised views, replication, children with more columns, foreign tables, large objects."""
    mapped = {table.oid: (name, table.text) for name, _, table in inspection.live_data()}
    yield from _materialised(connection, inspection, mapped)
    yield from _replication(connection, inspection, mapped)
    yield from _family(connection, inspection, mapped)
    named = {spec.table for spec in inspection.spec.collections.values()}
    for table, server in connection.execute(_FOREIGN).fetchall():
        if table not in named and not inspection.declared_free(table):
            yield inspection.warning(
                "foreign-table",
                None,
                f"{table} is a foreign table: its rows are in another place (server {server}), where nobody looks.",
                "Declare that place as a store, or say under `unmapped_ok` that it holds no personal data.",
            )
    row = connection.execute(_LARGE).fetchone()
    if row is not None and row[0] and not inspection.declared_free(LARGE_OBJECTS):
        yield inspection.warning(
            "large-objects",
            None,
            "The database holds large objects: no link reaches them, and a deleted row leaves the one it names.",
            f"Remove them by a trigger (module lo) or vacuumlo, or say under `unmapped_ok` that {LARGE_OBJECTS} holds"
            " no personal data.",
        )


def _materialised(
    connection: Connection, inspection: InspectionContext, mapped: dict[int, tuple[str, str]]
) -> Iterator[Finding]:
    for view, oid, unique in connection.execute(_MATERIALISED, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        if not inspection.declared_free(view):
            yield inspection.warning(
                "materialised-view",
                name,
                f"{view} keeps what it read from {table} until it is refreshed.",
                f"REFRESH MATERIALIZED VIEW {'CONCURRENTLY ' if unique else ''}{quoted_table(view)}; regularly; or say"
                " under `unmapped_ok` that it holds no personal data.",
            )


def _replication(
    connection: Connection, inspection: InspectionContext, mapped: dict[int, tuple[str, str]]
) -> Iterator[Finding]:
    for oid, publications, deletes, updates, nameless in connection.execute(_PUBLISHED, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        tombstoned = not inspection.deletes(inspection.spec.collections[name])
        if nameless and (updates if tombstoned else deletes):
            yield inspection.error(
                "replica-identity-missing",
                name,
                f"{table} is published, but a part of it or all has no replica identity: the server refuses to"
                f" {'update' if tombstoned else 'delete'} its rows.",
                f"ALTER TABLE {quoted_table(table)} REPLICA IDENTITY"
                f" {'DEFAULT' if inspection.catalogue.tables[table].primary_key else 'FULL'};",
            )
        passed_on = updates if tombstoned else deletes
        yield inspection.warning(
            "published",
            name,
            f"{table} is published ({', '.join(sorted(publications))}): subscribers keep copies of its rows"
            + (
                "."
                if passed_on
                else f", and {'updates' if tombstoned else 'deletions'} are not passed on: they keep them for good."
            ),
            "Declare each subscriber as a store of its own."
            if passed_on
            else f"ALTER PUBLICATION {quoted(min(publications))} SET (publish = 'insert, update, delete,"
            " truncate'); and declare each subscriber as a store of its own.",
        )
    for (oid,) in connection.execute(_WHOLE_ROWS, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        yield inspection.warning(
            "replica-identity-full",
            name,
            f"{table} has REPLICA IDENTITY FULL: every deleted row is written once more, whole, for subscribers.",
            f"ALTER TABLE {quoted_table(table)} REPLICA IDENTITY DEFAULT;"
            if inspection.catalogue.tables[table].primary_key
            else "Give the table a primary key, or name a unique index: REPLICA IDENTITY USING INDEX.",
        )
    for (oid,) in connection.execute(_SUBSCRIBED, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        yield inspection.warning(
            "subscribed",
            name,
            f"{table} is filled by a subscription: what is deleted here stays with the publisher, and may come back.",
            "Declare the publisher as a store, and erase there first.",
        )
    for slot, kind, active in connection.execute(_SLOTS).fetchall():
        yield inspection.warning(
            "replication-slot",
            None,
            f"The {kind} replication slot {slot} "
            + (
                "hands changes, deleted keys among them, to a reader outside."
                if active
                else "has no reader: the server keeps every change since, deleted values included."
            ),
            "Declare what reads it as a store."
            if active
            else f"If nobody needs it: SELECT pg_drop_replication_slot('{slot}');",
        )


def _family(
    connection: Connection, inspection: InspectionContext, mapped: dict[int, tuple[str, str]]
) -> Iterator[Finding]:
    for oid, child, foreign, columns in connection.execute(_CHILDREN, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        if foreign:
            yield inspection.error(
                "foreign-partition",
                name,
                f"{child}, a part of {table}, is a foreign table: its rows are in another place.",
                "Declare that place as a store, and detach the part.",
            )
        if columns:
            yield inspection.warning(
                "child-columns",
                name,
                f"{child}, a child of {table}, has columns of its own ({', '.join(columns)}), which the map cannot"
                " name: a tombstone leaves them.",
                "Move them to the parent, or make the child a table of its own and map it.",
            )
    for oid, parent in connection.execute(_PARENTS, (list(mapped),)).fetchall():
        name, table = mapped[oid]
        if inspection.collection_of(parent) is None:
            yield inspection.error(
                "part-of-unmapped",
                name,
                f"{table} is a part of {parent}, which the map does not name: its other parts are not looked at.",
                f"Map {parent} instead.",
            )
