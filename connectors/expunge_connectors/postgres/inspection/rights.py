"""Rights: enough for the map's decisions, and no more; row-level security and triggers that act behind our back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalogue import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.subject import Inspection
from expunge_connectors.postgres.spec import TableSpec

_ROLE = """
SELECT r.rolsuper, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
"""

_TABLE = """
SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(c.oid, 'DELETE'),
       pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
       pg_catalog.has_any_column_privilege(c.oid, 'INSERT'),
       pg_catalog.has_table_privilege(c.oid, 'TRUNCATE'),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE')),
       pg_catalog.row_security_active(c.oid),
       ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t
              WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
              ORDER BY 1),
       ARRAY(SELECT w.rulename::text FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid ORDER BY 1)
  FROM pg_catalog.pg_class c
 WHERE c.oid = %s
"""


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """What the role may do, and what happens to a row besides."""
    superuser, temporary = connection.execute(_ROLE).fetchone() or (False, False)
    if superuser:
        yield inspection.warning(
            "superuser",
            None,
            "The role is a superuser: nothing but the data map keeps it from the logs.",
            "Make a role with the rights that the data map needs and no others.",
        )
    if not temporary:
        yield inspection.error(
            "right-missing",
            None,
            "The role may not make temporary tables, in which keys are looked up.",
            "GRANT TEMPORARY ON DATABASE ... TO the role.",
        )
    for name, spec in inspection.spec.collections.items():
        table = inspection.catalogue.tables.get(spec.table)
        if table is None:
            continue
        row = connection.execute(_TABLE, (table.oid,)).fetchone()
        if row is None:  # dropped since the catalogue was read
            yield inspection.error("table-missing", name, f"The table {table.text} does not exist.", "Look again.")
            continue
        live = _Live(*row)
        if spec.log is not None:
            if not superuser:
                yield from _log(inspection, name, table, live)
            continue
        yield from _missing(inspection, name, spec, table, live)
        yield from _behind_our_back(inspection, name, table, live)


@dataclass(frozen=True, slots=True)
class _Live:
    """What the server says about one table and this role, in the order of the query's columns."""

    usage: bool
    select: bool
    delete: bool
    update: bool
    insert: bool
    truncate: bool
    updatable: list[str]
    row_security: bool
    triggers: list[str]
    rules: list[str]


def _log(inspection: Inspection, name: str, table: Table, live: _Live) -> Iterator[Finding]:
    held = [
        right
        for right, has in (
            ("INSERT", live.insert),
            ("UPDATE", live.update),
            ("DELETE", live.delete),
            ("TRUNCATE", live.truncate),
        )
        if has
    ]
    if held:
        yield inspection.warning(
            "right-excessive",
            name,
            f"The role has {', '.join(held)} on the log {table.text}, which it never uses.",
            f"REVOKE {', '.join(held)} ON {table.text} FROM the role.",
        )


def _missing(inspection: Inspection, name: str, spec: TableSpec, table: Table, live: _Live) -> Iterator[Finding]:
    wanted: list[str] = []
    if not live.usage:
        wanted.append(f"USAGE ON SCHEMA {table.schema}")
    if not live.select:
        wanted.append(f"SELECT ON {table.text}")
    if inspection.action(spec) is Action.TOMBSTONE:
        columns = [column for column in spec.tombstone if column in table.columns and column not in live.updatable]
        if columns:
            wanted.append(f"UPDATE ({', '.join(columns)}) ON {table.text}")
    elif not live.delete:
        wanted.append(f"DELETE ON {table.text}")
    cascading = any(one.parent == table.text and one.writes_child for one in inspection.catalogue.foreign_keys)
    locked = spec.sharing is not None or (cascading and inspection.deletes(spec))
    if locked and not live.update:
        # SELECT ... FOR UPDATE wants it on some column.
        wanted.append(f"UPDATE ({', '.join(table.primary_key)}) ON {table.text}")
    for right in wanted:
        yield inspection.error("right-missing", name, f"The role has no {right}.", f"GRANT {right} TO the role.")


def _behind_our_back(inspection: Inspection, name: str, table: Table, live: _Live) -> Iterator[Finding]:
    if live.row_security:
        yield inspection.error(
            "row-level-security",
            name,
            f"Row-level security hides rows of {table.text} from the role: nobody could say that nothing is left.",
            "Give the role BYPASSRLS.",
        )
    for kind, names in (("trigger", live.triggers), ("rule", live.rules)):
        if names:
            yield inspection.warning(
                kind,
                name,
                f"{table.text} has {kind}s of its own ({', '.join(names)}). What they write cannot be seen from here: a"
                " copy of the row in another table, or in a log.",
                "Read them; map the tables they write, or tombstone the collection if they write a log.",
            )
