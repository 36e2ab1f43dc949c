"""Timestamps without time zone: read as UTC, whatever the zone of the sessions that write them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from expunge_config.datamap import Action, IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.table_spec import TableSpec

_UTC = {"utc", "uct", "gmt", "gmt0", "gmt+0", "gmt-0", "zulu", "universal", "greenwich", "0", "<+00>-00"}

# The zone that sessions get: of the database, of all roles, or of the server, in this order.
_DEFAULT = """
SELECT (SELECT pg_catalog.split_part(c, '=', 2)
          FROM pg_catalog.pg_db_role_setting d
         CROSS JOIN LATERAL unnest(d.setconfig) AS c
         WHERE d.setrole = 0 AND d.setdatabase IN (0, b.oid)
           AND pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) = 'timezone'
         ORDER BY d.setdatabase DESC LIMIT 1),
       (SELECT s.reset_val FROM pg_catalog.pg_settings s WHERE pg_catalog.lower(s.name) = 'timezone'),
       EXISTS (SELECT FROM pg_catalog.pg_db_role_setting d
                CROSS JOIN LATERAL unnest(d.setconfig) AS c
                WHERE d.setrole = CURRENT_USER::regrole AND d.setdatabase IN (0, b.oid)
                  AND pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) = 'timezone'),
       b.datname::text
  FROM pg_catalog.pg_database b
 WHERE b.datname = pg_catalog.current_database()
"""

# Zones of single roles: of others that may write the table.
_ROLES = """
SELECT t.oid, r.rolname::text, own.zone
  FROM (SELECT DISTINCT ON (d.setrole) d.setrole, pg_catalog.split_part(c, '=', 2) AS zone
          FROM pg_catalog.pg_db_role_setting d
          JOIN pg_catalog.pg_database b ON b.datname = pg_catalog.current_database()
         CROSS JOIN LATERAL unnest(d.setconfig) AS c
         WHERE d.setrole <> 0 AND d.setdatabase IN (0, b.oid)
           AND pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) = 'timezone'
         ORDER BY d.setrole, d.setdatabase DESC) AS own
  JOIN pg_catalog.pg_roles r ON r.oid = own.setrole AND r.rolname <> CURRENT_USER
 CROSS JOIN unnest(%s::bigint[]) AS t (oid)
 WHERE pg_catalog.has_any_column_privilege(r.oid, t.oid::oid, 'INSERT, UPDATE')
 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class _Clock:
    """A zone that sessions have, whose they are, and what gives them UTC."""

    zone: str
    whose: str
    utc: str


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Columns without a zone whose times are compared, where sessions that fill them have another zone than UTC."""
    compared = list(_compared(inspection))
    if not compared:
        return
    default, known = _default(connection)
    roles: dict[int, _Clock] = {}
    for oid, role, zone in connection.execute(_ROLES, ([table.oid for _, table, _ in compared],)).fetchall():
        if not _is_utc(zone):
            remedy = f"ALTER ROLE {quoted(role)} SET timezone = 'UTC'"
            roles.setdefault(oid, _Clock(zone, f"sessions of the role {role} have", remedy))
    for name, table, column in compared:
        clock = roles.get(table.oid) if _is_utc(default.zone) else default
        if clock is not None:
            yield _local(inspection, name, table, column, clock)
        elif not known:
            yield inspection.info(
                "local-time",
                name,
                f"{table.text}.{column.name} is {column.type} and is read as UTC. Unknown: the zone of other sessions,"
                " for ours is set by its role, its address or PGTZ.",
                f"{default.utc}, where UTC is written there.",
            )


def _local(inspection: InspectionContext, name: str, table: Table, column: Column, clock: _Clock) -> Finding:
    said = (
        f"{table.text}.{column.name} is {column.type} and is read as UTC, but {clock.whose} the time zone {clock.zone}:"
    )
    if column.base == "date" and column.name == inspection.spec.collections[name].start:
        return inspection.warning(
            "local-time",
            name,
            f"{said} retention may end hours before or after the day there does.",
            f"Choose a period that is a day longer; or {clock.utc}, if UTC is written there.",
        )
    if column.base == "date":
        return inspection.error(
            "local-time",
            name,
            f"{said} rows of after the cutoff could count as older, or due ones as newer.",
            f"Name a column of type timestamptz; or {clock.utc}, if UTC is written there.",
        )
    return inspection.error(
        "local-time",
        name,
        f"{said} rows of after the cutoff could be erased, or due ones left.",
        f"ALTER TABLE {quoted_table(table.text)} ALTER COLUMN {quoted(column.name)} TYPE timestamptz USING"
        f" {quoted(column.name)} AT TIME ZONE '{clock.zone}'; or with 'UTC' there, or {clock.utc}, if UTC is written"
        " there.",
    )


def _compared(inspection: InspectionContext) -> Iterator[tuple[str, Table, Column]]:
    """Columns without a zone that are held against the cutoff."""
    for name, spec, table in inspection.live_data():
        created = spec.created if _age_matters(inspection, spec) else None
        for dated in (created, *spec.since.values(), _start(inspection, spec)):
            column = table.columns.get(dated or "")
            if column is not None and column.base in {"date", "timestamp without time zone"}:
                yield name, table, column


def _age_matters(inspection: InspectionContext, spec: TableSpec) -> bool:
    found = (inspection.data_map.identities[link.identity] for link in spec.found_by if link.identity)
    return any(one.kind is IdentityKind.REUSABLE for one in found)


def _start(inspection: InspectionContext, spec: TableSpec) -> str | None:
    return spec.start if inspection.action(spec) is Action.RETAIN else None


def _default(connection: Connection) -> tuple[_Clock, bool]:
    """The clock of sessions that set none, and whether that is known: ours may have been given another one."""
    default, ours, own, database = only_row(connection.execute(_DEFAULT))
    known = default is not None or not (own or "PGTZ" in os.environ or "timezone" in connection.info.options.lower())
    remedy = f"ALTER DATABASE {quoted(database)} SET timezone = 'UTC'"
    zone = default or ours if known else "UTC"
    return _Clock(str(zone), "sessions of this database have", remedy), known


def _is_utc(zone: str) -> bool:
    return zone.lower().removeprefix("etc/") in _UTC
