"""Public schemas with people in them, what a hand-written erasure makes of them, and pictures of all of it.

Nothing here knows Expunge: what ought to stand in the stores afterwards is what `expected.sql` and `expected.redis`,
the work of a person with psql and redis-cli, leave behind in a copy.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql
from tests.support.servers import Keyspace, fresh_database

_MOMENT = re.compile(r'"(\d{4}-\d{2}-\d{2}T[^"]+)"')

Picture = Mapping[str, list[str]]
"""Table or "redis" -> its rows or keys, as texts in order."""


def load(url: str, directory: Path) -> None:
    """Create the tables and fill them."""
    run_sql(url, directory / "schema.sql")
    run_sql(url, directory / "data.sql")


def run_sql(url: str, file: Path) -> None:
    """Run a file, if it is there, in one transaction."""
    if file.exists():
        with psycopg.connect(url) as connection:
            connection.execute(file.read_text())  # type: ignore[call-overload]


def run_redis(client: redis.Redis, file: Path) -> None:
    """Run a file of commands, if it is there: one a line, quoted as for redis-cli."""
    for line in file.read_text().splitlines() if file.exists() else ():
        if line and not line.startswith("#"):
            client.execute_command(*shlex.split(line))  # type: ignore[no-untyped-call]


@contextmanager
def copied(url: str) -> Iterator[str]:
    """A copy of a database that nobody is in, for the `with` block."""
    with fresh_database(url.rpartition("/")[0] + "/postgres", url.rpartition("/")[2]) as copy:
        yield copy


def by_hand(url: str, keyspace: Keyspace, directory: Path) -> Picture:
    """What a person leaves who erases the same people by hand; everything is as it was afterwards."""
    with copied(url) as copy:
        run_sql(copy, directory / "expected.sql")
        rows = tables(copy)
    keyspace.client.flushdb()
    run_redis(keyspace.client, directory / "data.redis")
    run_redis(keyspace.client, directory / "expected.redis")
    expected = {**rows, **keys(keyspace.client)}
    keyspace.client.flushdb()
    run_redis(keyspace.client, directory / "data.redis")
    return expected


def picture(url: str, client: redis.Redis) -> Picture:
    """Every row of every table, and every key."""
    return {**tables(url), **keys(client)}


def tables(url: str) -> Picture:
    """Every row of every table as JSON; of partitioned and inherited ones where it lies."""
    with psycopg.connect(url) as connection:
        named = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1, 2"
        ).fetchall()
        return {
            f"{schema}.{table}": sorted(
                _MOMENT.sub(_steady, text)
                for (text,) in connection.execute(
                    sql.SQL("SELECT to_jsonb(t)::text FROM ONLY {} t").format(sql.Identifier(schema, table))
                )
            )
            for schema, table in named
        }


def _steady(found: re.Match[str]) -> str:
    """A trigger's `now()`: whoever erases, by hand or not, does it at a moment of their own."""
    moment = datetime.fromisoformat(found[1])
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return '"now"' if abs(datetime.now(UTC) - moment) < timedelta(hours=1) else found[0]


def keys(client: redis.Redis) -> Picture:
    """Every key with type, value and whether it expires, but for what `expunge adopt` plants."""
    readers: dict[str, Any] = {
        "string": client.get,
        "hash": client.hgetall,
        "set": client.smembers,
        "zset": lambda name: client.zrange(name, 0, -1, withscores=True),
        "list": lambda name: client.lrange(name, 0, -1),
        "stream": client.xrange,
    }
    found = []
    for name in sorted(client.scan_iter(count=1000)):
        if name != b"expunge:sentinel":
            kind = client.type(name).decode()
            value = readers[kind](name)
            told = sorted(value) if kind == "set" else sorted(value.items()) if kind == "hash" else value
            found.append(json.dumps({name.decode(): repr((kind, told, client.ttl(name) > 0))}))
    return {"redis": found}


def differences(ours: Picture, theirs: Picture) -> list[str]:
    """What only one of them has: `- table: row` where it is missing, `+ table: row` where it is too much."""
    found = []
    for place in sorted({*ours, *theirs}):
        mine, other = ours.get(place, []), theirs.get(place, [])
        found += [f"- {place}: {one}" for one in other if one not in mine]
        found += [f"+ {place}: {one}" for one in mine if one not in other]
        if mine != other and sorted(set(mine)) == sorted(set(other)):
            found.append(f"? {place}: the same row more or less often")
    return found


def places(seen: Picture, words: Iterable[str]) -> set[str]:
    """Where one of the words stands by itself, in capitals or not: `public.users.email`, `redis: user:7`."""
    alternatives = "|".join(re.escape(word) for word in words)
    pattern = re.compile(rf"(?<![a-zA-Z0-9])(?:{alternatives})(?![a-zA-Z0-9])", re.IGNORECASE)
    found = set()
    for place, rows in seen.items():
        for row in rows:
            for name, value in json.loads(row).items():
                text = f"{name} {value}" if place == "redis" else json.dumps(value, ensure_ascii=False)
                if pattern.search(text):
                    found.add(f"redis: {name}" if place == "redis" else f"{place}.{name}")
    return found


def holding(seen: Picture, columns: str, number: str) -> set[str]:
    """Which of these columns (a pattern) hold exactly this in some row."""
    chosen = re.compile(columns)
    return {
        f"{place}.{name}"
        for place, rows in seen.items()
        for row in rows
        for name, value in json.loads(row).items()
        if chosen.search(f"{place}.{name}") and str(value) == number
    }
