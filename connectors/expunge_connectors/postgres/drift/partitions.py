"""Partitions whose time is over by their bounds: empty ones may be dropped; of logs nothing deletes what is in them.

Of data, `expunge retention run` deletes what is due in them, and asks holds: that is no drift, and `plan` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from psycopg import sql

from expunge_connectors.contract import HELD, Drift, DriftKind
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.drift.places import Place
from expunge_connectors.postgres.drift.printed_sql import dropped, together

# Partitions of a table, however deep, with what the table directly above is partitioned by. Tables on other servers
# are left out: dropping one here drops nothing there.
_PARTS = """
WITH RECURSIVE part (oid, above) AS (
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhparent = %s::oid
    UNION
    SELECT i.inhrelid, i.inhparent FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid
)
SELECT n.nspname || '.' || c.relname, un.nspname || '.' || u.relname,
       p.partstrat = 'r' AND p.partnatts = 1, a.attname::text,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
  FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class u ON u.oid = part.above
  JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = u.oid
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = u.oid AND a.attnum = p.partattrs[0] AND a.attnum > 0
 WHERE c.relkind IN ('r', 'p')
 ORDER BY 1
"""
_BOUNDS = re.compile(r"FOR VALUES FROM \((?:'([^']*)'|MINVALUE)\) TO \('([^']*)'\)")
_MOMENT = timedelta(microseconds=1)
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A partition.

    Attributes:
        text, above: `schema.table`, its own and of the table of which it is a partition.
        key: The one column by whose ranges the table above is partitioned; None: it is by something else.
        last: The last day of what it may hold; None: it has no such bound.
        first: The first one.
        readable: We may look into it.
    """

    text: str
    above: str
    key: str | None
    first: date | None
    last: date | None
    readable: bool


def read(connection: Connection, place: Place) -> list[Part]:
    """The partitions of a place's table.

    Args:
        connection: Inside a transaction of ours: bounds are written as ISO dates, in UTC.
        place: Of a partitioned table.
    """
    rows = connection.execute(_PARTS, (place.table.oid,)).fetchall()
    return [
        Part(text, above, key if ranges else None, *_days(bounds or ""), readable)
        for text, above, ranges, key, bounds, readable in rows
    ]


def findings(connection: Connection, place: Place, parts: Sequence[Part]) -> Iterator[Drift]:
    """What is over: the empty ones, and, of a log, the others."""
    over = list(_over(place, parts))
    full = [one for one in over if not _is_empty(connection, one)]
    empty = [one for one in over if one not in full]
    if empty:
        yield Drift(
            place.name,
            str(place.period),
            f"{_named(empty)} over, by {'its' if len(empty) == 1 else 'their'} bounds, and empty",
            0,
            together(dropped(one.above, one.text, if_empty=True) for one in empty),
            "As the owner of the tables, in psql: a partition in which a row is by then is not dropped",
            DriftKind.EMPTY,
        )
    if full and place.log:
        yield Drift(
            place.name,
            str(place.period),
            f"{_named(full)} over, by {'its' if len(full) == 1 else 'their'} bounds, and there",
            None,
            None if place.held else together(dropped(one.above, one.text, if_empty=False) for one in full),
            HELD if place.held else "As the owner of the log, in psql: it drops these partitions",
            oldest=min((one.first or one.last for one in full if one.last is not None), default=None),
        )


def _over(place: Place, parts: Sequence[Part]) -> Iterator[Part]:
    """Those of which every row is over, without what is below one of them."""
    found: set[str] = set()
    by_name = {one.text: one for one in parts}

    def covered(one: Part) -> bool:
        above = by_name.get(one.above)
        return above is not None and (above.text in found or covered(above))

    start = None if place.start is None else place.start.name
    for one in parts:
        if one.readable and one.key == start and one.last is not None and place.is_over(one.last):
            found.add(one.text)
    return (one for one in parts if one.text in found and not covered(one))


def _is_empty(connection: Connection, part: Part) -> bool:
    table = sql.Identifier(*part.text.split(".", 1))
    return not only_row(connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table)))[0]


def _named(parts: Sequence[Part]) -> str:
    names = ", ".join(one.text for one in parts[:_NAMED])
    if len(parts) == 1:
        return f"the partition {names} is"
    return f"{len(parts)} partitions ({names}{', …' if len(parts) > _NAMED else ''}) are"


def _days(bounds: str) -> tuple[date | None, date | None]:
    """The first and the last day of what stands between bounds, which are days or moments."""
    match = _BOUNDS.fullmatch(bounds)
    if match is None:
        return None, None
    first, beyond = (None if text is None else _moment(text) for text in match.groups())
    return None if first is None else first.date(), None if beyond is None else (beyond - _MOMENT).date()


def _moment(text: str) -> datetime | None:
    """None: no moment after the first one that a calendar of ours has (`infinity`, years BC)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.date() > date.min else None
