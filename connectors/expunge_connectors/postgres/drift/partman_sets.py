"""pg_partman's sets: what its maintenance drops or detaches, and after how long.

Source: pg_partman 5, table part_config and function drop_partition_time: where `retention` is set, a partition is taken
out once its upper bound is older than that; `retention_keep_table` (the default) or `retention_schema` keeps it as a
table. It asks no hold, and knows of no row that needs another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.contract import HELD, Drift, DriftKind
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.drift.places import Place
from expunge_connectors.postgres.drift.printed_sql import literal
from expunge_connectors.postgres.inspection.context import quoted

_CONFIGS = """
SELECT n.nspname::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = 'part_config' AND c.relkind = 'r'
   AND (SELECT count(*) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND NOT a.attisdropped
           AND a.attname IN ('parent_table', 'control', 'partition_interval', 'epoch', 'retention',
                             'retention_schema', 'retention_keep_table')) = 7
 ORDER BY 1
"""
# Days: of whatever day it begins. An interval that cannot be read as one (a number of ids) is none.
_SETS = r"""
WITH one AS (
    SELECT parent_table, control, epoch = 'none' AS timed, partition_interval, retention,
           retention_keep_table OR retention_schema IS NOT NULL AS kept,
           retention ~* {readable} AS lasting, partition_interval ~* {readable} AS stepping
      FROM {table}
     WHERE parent_table = ANY (%s)
)
SELECT parent_table, control, timed, kept, retention, partition_interval, lasting, stepping,
       CASE WHEN lasting THEN (SELECT min((d + retention::interval)::date - d::date) FROM {days} AS d) END,
       CASE WHEN lasting AND stepping THEN
            (SELECT max((d + retention::interval + partition_interval::interval)::date - d::date) FROM {days} AS d) END,
       CASE WHEN stepping THEN
            (SELECT max(ceil(extract(epoch FROM d + partition_interval::interval - d) / 86400))::int
               FROM {days} AS d) END
  FROM one
 ORDER BY 1
"""
_READABLE = r"^\s*([-+]?\d+\s*(microsecond|second|sec|minute|min|hour|day|week|mon|month|year)s?\s*)+$"
_DAYS = "pg_catalog.generate_series(timestamp '2000-01-01', timestamp '2007-12-31', interval '1 day')"


@dataclass(frozen=True, slots=True)
class _Set:
    """One set, in the order of the query's columns.

    Attributes:
        timed: Its control column is itself the time.
        kept: What is taken out stays as a table.
        shortest: Days after which a row goes at the earliest, counted by the control column.
        longest: Days after which one goes at the latest.
        step: Days of the longest partition, begun ones too.
    """

    parent: str
    control: str
    timed: bool
    kept: bool
    retention: str | None
    interval: str
    lasting: bool | None
    stepping: bool | None
    shortest: int | None
    longest: int | None
    step: int | None


def findings(
    connection: Connection, places: Mapping[str, Sequence[str]], of: Mapping[str, Place]
) -> tuple[list[Drift], dict[str, str]]:
    """What is set otherwise than the map has it; and of which collections it is not known, and why.

    Args:
        connection: Inside a transaction of ours.
        places: Collection -> its partitioned tables (`schema.table`): its own, and partitions that are partitioned.
        of: The collections.
    """
    drifts: list[Drift] = []
    unjudged: dict[str, str] = {}
    for schema, readable in connection.execute(_CONFIGS).fetchall():
        if not readable:
            table = f"{quoted(schema)}.part_config"
            reason = f"Whether pg_partman detaches or drops is not known: GRANT USAGE ON SCHEMA {quoted(schema)} and"
            unjudged |= dict.fromkeys(places, f"{reason} SELECT ON {table} to our role")
            continue
        for name, parents in places.items():
            for one in _sets(connection, schema, parents):
                found, why = _judged(of[name], one, schema)
                drifts += found
                unjudged |= {name: why} if why else {}
    return drifts, unjudged


def _sets(connection: Connection, schema: str, parents: Sequence[str]) -> Iterator[_Set]:
    statement = sql.SQL(_SETS).format(
        table=sql.Identifier(schema, "part_config"), readable=sql.Literal(_READABLE), days=sql.SQL(_DAYS)
    )
    return (_Set(*row) for row in connection.execute(statement, (list(parents),)).fetchall())


def _judged(place: Place, one: _Set, schema: str) -> tuple[list[Drift], str | None]:
    timed = one.timed and one.control in place.table.columns and place.table.columns[one.control].dated
    start = place.start is None or one.control == place.start.name
    if one.retention is not None and (place.held or _too_early(place, one, timed=timed and start)):
        if one.kept:
            return [_detaching(place, one, schema)], None
        return [_early(place, one, schema)], None
    if not place.log:
        return ([_detaching(place, one, schema)] if one.retention is not None and one.kept else []), None
    if not timed or not one.stepping or (one.retention is not None and not one.lasting):
        return [], f"pg_partman's set {one.parent} goes by numbers, or by what cannot be read as a time"
    return list(_of_log(place, one, schema)), None


def _too_early(place: Place, one: _Set, *, timed: bool) -> bool:
    law = place.at_least
    return law is not None and timed and one.shortest is not None and one.shortest < law.longest


def _detaching(place: Place, one: _Set, schema: str) -> Drift:
    """What is detached is out of the map, be it early or late."""
    then = (
        "an owner deletes from the log" if place.log else "`expunge retention run` deletes what is due, and asks holds"
    )
    return Drift(
        place.name,
        str(place.period),
        f"pg_partman detaches partitions of {one.parent} after {one.retention}, and keeps them as tables that no"
        " request and no sweep finds",
        None,
        _never(schema, one),
        f"In psql: it detaches none any more, and {then}",
    )


def _early(place: Place, one: _Set, schema: str) -> Drift:
    why = "a hold keeps something here" if place.held else f"a law demands {place.at_least}"
    return Drift(
        place.name,
        str(place.period),
        f"pg_partman drops partitions of {one.parent} after {one.retention}, and {why}",
        None,
        _never(schema, one),
        "In psql, at once: it drops none any more"
        + ("" if place.log else ", and `expunge retention run` deletes what is due, and asks holds"),
        DriftKind.TOO_EARLY,
    )


def _of_log(place: Place, one: _Set, schema: str) -> Iterator[Drift]:
    """A log is ended by its owner alone, and pg_partman is how: the whole period, its last partition included."""
    if one.retention is None:
        found = f"pg_partman neither detaches nor drops partitions of {one.parent}"
    elif one.kept:
        found = f"pg_partman detaches partitions of {one.parent} after {one.retention}, and keeps them as tables"
    elif one.longest is not None and one.longest > place.period.longest:
        found = f"pg_partman drops partitions of {one.parent}, of {one.interval} each, after {one.retention}"
    else:
        return
    days = place.period.shortest - (one.step or 0)
    fix = None if place.held or days < 1 else _within(schema, one, days)
    remedy = f"In psql: it drops each partition before its first entry is there for {place.period}"
    if place.held:
        remedy = HELD
    elif days < 1:
        remedy = f"A partition is as long as {one.interval}, and the period is {place.period}: make them shorter"
    yield Drift(place.name, str(place.period), found, None, fix, remedy)


def _never(schema: str, one: _Set) -> str:
    return _updated(schema, one, "retention = NULL")


def _within(schema: str, one: _Set, days: int) -> str:
    return _updated(schema, one, f"retention = '{days} days', retention_keep_table = false, retention_schema = NULL")


def _updated(schema: str, one: _Set, values: str) -> str:
    table = quoted(schema, "part_config")
    return f"UPDATE {table} SET {values} WHERE parent_table = {literal(one.parent)};"  # noqa: S608 - printed
