"""Detached parts: tables outside of the map that look like partitions which were taken out of a mapped table.

A set that only detaches keeps everything for ever: what is detached no request and no sweep finds any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.contract import Drift
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.drift.places import Place
from expunge_connectors.postgres.drift.printed_sql import attached, together

# As a partition they had the columns of the table, and mostly its name at the beginning of theirs.
_ALIKE = """
SELECT p.oid::bigint, n.nspname || '.' || c.relname,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.pg_relation_size(c.oid) > 0
  FROM pg_catalog.pg_class p
  JOIN pg_catalog.pg_class c ON c.relkind = 'r' AND NOT c.relispartition AND c.relpersistence <> 't'
                            AND c.oid <> p.oid AND pg_catalog.starts_with(c.relname::text, p.relname::text)
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_'
 WHERE p.oid = ANY (%s::bigint[]::oid[])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
   AND ARRAY(SELECT a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1)
     = ARRAY(SELECT a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = p.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1)
 ORDER BY 2, pg_catalog.length(p.relname::text) DESC
"""
_KEY = """
SELECT a.attname::text
  FROM pg_catalog.pg_partitioned_table p
  JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] AND a.attnum > 0
 WHERE p.partrelid = %s::oid AND p.partstrat = 'r' AND p.partnatts = 1
"""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Detached:
    """A table.

    Attributes:
        readable: We may look into it; otherwise it is known that it has a file with something in it.
    """

    text: str
    readable: bool


def findings(connection: Connection, places: Sequence[Place], known: Collection[str]) -> Iterator[Drift]:
    """Of each place the tables that look like partitions of it, and in which something is.

    Args:
        connection: Inside a transaction of ours.
        places: Of partitioned tables.
        known: Tables (`schema.table`) that the map names, and of which it says that they hold nothing of people.
    """
    found: dict[int, list[_Detached]] = {}
    seen: set[str] = set(known)
    rows = connection.execute(_ALIKE, ([one.table.oid for one in places],)).fetchall()
    for oid, text, readable, filled in rows:
        if text in seen:
            continue
        seen.add(text)  # of several tables whose names it begins with, the longest is its parent
        if filled and (not readable or _has_rows(connection, text)):
            found.setdefault(oid, []).append(_Detached(text, readable))
    for place in places:
        if there := found.pop(place.table.oid, []):
            yield _drift(place, there, _key(connection, place))


def _drift(place: Place, there: Sequence[_Detached], key: Column | None) -> Drift:
    names = ", ".join(one.text for one in there[:_NAMED]) + (", …" if len(there) > _NAMED else "")
    what = (
        f"{names} looks like a partition" if len(there) == 1 else f"{len(there)} tables look like partitions ({names})"
    )
    unread = "" if all(one.readable for one in there) else "; we may not look into all of them"
    fix = None if key is None else together(attached(place.table.text, one.text, key) for one in there)
    back = "the log's own partition is dropped then" if place.log else "`expunge retention run` deletes from it then"
    remedy = (
        "Attach it again, drop it if it is a copy, or name it in the map"
        if key is None
        else f"As the owner of the tables, in psql: it attaches it again, and {back}. A copy of rows that are there is"
        " refused: drop it. Or name it in the map, or under `unmapped_ok`"
    )
    return Drift(
        place.name,
        str(place.period),
        f"{what} of {place.table.text}, outside of the map, with rows that no request and no sweep finds{unread}",
        None,
        fix,
        remedy,
    )


def _has_rows(connection: Connection, text: str) -> bool:
    table = sql.Identifier(*text.split(".", 1))
    return bool(only_row(connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table)))[0])


def _key(connection: Connection, place: Place) -> Column | None:
    """The day or moment by whose ranges the table is partitioned."""
    row = connection.execute(_KEY, (place.table.oid,)).fetchone()
    column = None if row is None else place.table.columns[row[0]]
    return column if column is not None and column.dated else None
