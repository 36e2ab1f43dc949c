"""Privileges (GRANTs): too few, too many, and row-level security that hides rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import accepted_triggers, type_schemas
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.table_spec import TableSpec

_ROLE = """
SELECT r.rolsuper,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'),
       EXISTS (SELECT FROM pg_catalog.pg_language l
                WHERE l.lanname = 'plpgsql' AND pg_catalog.has_language_privilege(l.oid, 'USAGE')),
       pg_catalog.current_database()::text,
       ARRAY(SELECT a.name FROM (VALUES ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
                                        ('REPLICATION', r.rolreplication)) AS a (name, has) WHERE a.has)
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
"""

_TABLES = """
SELECT c.oid::bigint,
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(c.oid, 'DELETE'),
       pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
       pg_catalog.has_any_column_privilege(c.oid, 'INSERT'),
       pg_catalog.has_table_privilege(c.oid, 'TRUNCATE'),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE')),
       pg_catalog.row_security_active(c.oid)
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY (%s::oid[])
"""

# What is written here is nobody's decision. Our own catalogue, and other sessions' temporary tables, are no tables.
_ELSEWHERE = """
SELECT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND NOT n.nspname || '.' || c.relname = ANY (%s)
   AND (pg_catalog.has_table_privilege(c.oid, 'DELETE, TRUNCATE')
        OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
 ORDER BY 1
"""
# What is needed to see whether a row of a table outside of the map points to a shared one.
_HOLDER = """
SELECT n.nspname::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attname = ANY (%(columns)s)
                AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
              ORDER BY a.attnum),
       pg_catalog.row_security_active(c.oid)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname || '.' || c.relname = %(table)s
"""
_NAMED = 5


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """What the role may do, and what it need not."""
    row = connection.execute(_ROLE).fetchone()
    superuser, temporary, procedural, database, attributes = row or (False, False, False, "", [])
    role = quoted(inspection.role)
    if superuser:
        yield inspection.warning(
            "superuser",
            None,
            "The role is a superuser: nothing but the data map keeps it from the logs.",
            "Make a role with the rights that the data map needs and no others.",
        )
    elif attributes:
        yield inspection.warning(
            "role-attributes",
            None,
            f"The role is {' and '.join(attributes)}, which it never uses.",
            f"ALTER ROLE {role} {' '.join(f'NO{one}' for one in attributes)};",
        )
    yield from _tools(
        inspection,
        role,
        {f"TEMPORARY ON DATABASE {quoted(database)}": temporary, "USAGE ON LANGUAGE plpgsql": procedural},
    )
    written = accepted_triggers.read(connection, inspection)
    used = {one.place for one in written}  # what of rights on these is too much cannot be known
    yield from accepted_triggers.missing(connection, inspection, written)
    oids = [table.oid for table in inspection.catalogue.tables.values()]
    lives = {oid: _Live(*rest) for oid, *rest in connection.execute(_TABLES, (oids,)).fetchall()}
    for name, spec in inspection.spec.collections.items():
        table = inspection.catalogue.tables.get(spec.table)
        if table is None:
            continue
        live = lives.get(table.oid)
        if live is None:  # dropped since the catalogue was read
            yield inspection.error("table-missing", name, f"The table {table.text} does not exist.", "Look again.")
            continue
        if spec.log is None:
            yield from _missing(inspection, name, spec, table, live)
            yield from _hidden(inspection, name, table.text, hidden=live.row_security)
            yield from _holders(connection, inspection, name)
        if not superuser and spec.table not in used:
            yield from _excessive(inspection, name, spec, table, live)
    if not superuser:
        yield from _elsewhere(connection, inspection, used)
    yield from type_schemas.findings(connection, inspection)


def _tools(inspection: InspectionContext, role: str, rights: Mapping[str, bool]) -> Iterator[Finding]:
    """What every request needs, whatever the map says."""
    why = {
        "TEMPORARY": "make temporary tables, in which keys are looked up.",
        "USAGE": "use PL/pgSQL, in which it erases, so that the server's log quotes no row that is refused.",
    }
    for right, held in rights.items():
        if not held:
            yield inspection.error(
                "right-missing", None, f"The role may not {why[right.split()[0]]}", f"GRANT {right} TO {role};"
            )


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


def _locked(inspection: InspectionContext, spec: TableSpec, table: Table) -> bool:
    """SELECT … FOR UPDATE is used, which wants UPDATE on some column."""
    cascading = any(one.parent == table.text and one.writes_child for one in inspection.catalogue.foreign_keys)
    return spec.sharing is not None or (inspection.deletes(spec) and (cascading or not table.row_key))


def _missing(inspection: InspectionContext, name: str, spec: TableSpec, table: Table, live: _Live) -> Iterator[Finding]:
    wanted: list[tuple[str, str]] = []  # as a person reads it, as it is granted
    here = quoted_table(table.text)

    def want(right: str, columns: tuple[str, ...] = ()) -> None:
        read = f"{right} ({', '.join(columns)})" if columns else right
        granted = f"{right} ({', '.join(map(quoted, columns))})" if columns else right
        wanted.append((f"{read} ON {table.text}", f"{granted} ON {here}"))

    if not live.usage:
        wanted.append((f"USAGE ON SCHEMA {table.schema}", f"USAGE ON SCHEMA {quoted(table.schema)}"))
    if not live.select:
        want("SELECT")
    if inspection.action(spec) is Action.TOMBSTONE:
        columns = tuple(one for one in spec.tombstone if one in table.columns and one not in live.updatable)
        if columns:
            want("UPDATE", columns)
    elif not live.delete:
        want("DELETE")
    if _locked(inspection, spec, table) and not live.update:
        want("UPDATE", table.lockable)
    for read, granted in wanted:
        yield inspection.error(
            "right-missing", name, f"The role has no {read}.", f"GRANT {granted} TO {quoted(inspection.role)};"
        )


def _excessive(
    inspection: InspectionContext, name: str, spec: TableSpec, table: Table, live: _Live
) -> Iterator[Finding]:
    held = [right for right, has in (("INSERT", live.insert), ("TRUNCATE", live.truncate)) if has]
    if spec.log is not None:
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
        what = f"the log {table.text}"
    else:
        what = table.text
        together = [one for _, one in inspection.data() if one.table == spec.table]
        if live.delete and all(inspection.action(one) is Action.TOMBSTONE for one in together):
            held.append("DELETE")
        further = set(live.updatable).difference(*(one.tombstone for one in together))
        if len(further) > (len(table.lockable) if any(_locked(inspection, one, table) for one in together) else 0):
            held.append("UPDATE")
    if held:
        rights = ", ".join(held)
        columns = ", ".join(quoted(column) for column in spec.tombstone if column in table.columns)
        again = (
            f" GRANT UPDATE ({columns}) ON {quoted_table(table.text)} TO {quoted(inspection.role)};"
            if columns and "UPDATE" in held
            else ""
        )
        yield inspection.warning(
            "right-excessive",
            name,
            f"The role has {rights} on {what}: more than the map needs.",
            f"REVOKE {rights} ON {quoted_table(table.text)} FROM {quoted(inspection.role)};{again}",
        )


def _elsewhere(connection: Connection, inspection: InspectionContext, used: Collection[str]) -> Iterator[Finding]:
    mapped = [*used, *(spec.table for spec in inspection.spec.collections.values())]
    found = [row[0] for row in connection.execute(_ELSEWHERE, (mapped,)).fetchall()]
    tables = [one for one in found if inspection.like_first(one) not in mapped]
    if tables:
        more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
        yield inspection.warning(
            "right-unmapped",
            None,
            f"The role may write tables that the map does not name: {', '.join(tables[:_NAMED])}{more}.",
            f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {', '.join(map(quoted_table, tables))}"
            f" FROM {quoted(inspection.role)};",
        )


def _holders(connection: Connection, inspection: InspectionContext, name: str) -> Iterator[Finding]:
    """Whoever holds a shared row has to be seen, be it in a table that the map leaves out."""
    for key in owning_keys(name, inspection.spec.collections, inspection.catalogue.foreign_keys):
        if inspection.collection_of(key.child) is not None:
            continue
        row = connection.execute(_HOLDER, {"table": key.child, "columns": list(key.columns)}).fetchone()
        schema, usage, unread, row_security = row or ("", True, [], False)
        wanted = [] if usage else [(f"USAGE ON SCHEMA {schema}", f"USAGE ON SCHEMA {quoted(schema)}")]
        if unread:
            columns, place = ", ".join(map(quoted, unread)), quoted_table(key.child)
            wanted.append((f"SELECT ({', '.join(unread)}) ON {key.child}", f"SELECT ({columns}) ON {place}"))
        for read, granted in wanted:
            yield inspection.error(
                "right-missing",
                name,
                f"The role has no {read}: it could not see who else holds a shared row.",
                f"GRANT {granted} TO {quoted(inspection.role)};",
            )
        yield from _hidden(inspection, name, key.child, hidden=row_security)


def _hidden(inspection: InspectionContext, name: str, table: str, *, hidden: bool) -> Iterator[Finding]:
    if hidden:
        yield inspection.error(
            "row-level-security",
            name,
            f"Row-level security hides rows of {table} from the role: nobody could say that nothing is left.",
            f"ALTER ROLE {quoted(inspection.role)} BYPASSRLS;",
        )
