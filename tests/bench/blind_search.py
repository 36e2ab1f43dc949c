"""Blind search of Postgres beside a COPY of the same columns to nowhere, for few and for many people."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from rich.console import Console
from tests.bench.crowd.server import processor_seconds
from tests.bench.measurements import median, peak_memory, ruled, spread
from tests.support.postgres.small_schemas import shape

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.patterns import Kind, SearchedValue
from expunge_connectors.contract import no_beat
from expunge_connectors.postgres import PostgresConnection, PostgresStore
from expunge_demo import dev_servers

WANTED, WANTED_MANY = 1.6, 2.0
MANY = 20_000
DOMAINS = 300
COPIED = "events (note, doc, url, tags)", "people (email, phone, name)"
_TABLES = """
CREATE TABLE people AS
SELECT n AS id, 'name' || (n::bigint * 7919 % 1000003) || '.' || n || '@mail' || n % {domains} || '.example' AS email,
       '+49' || (1000000000 + n::bigint * 48271 % 8999999999) AS phone, 'Person ' || n AS name
  FROM generate_series(1, {rows} / 5) n;
CREATE TABLE events AS
SELECT n AS id, now() - n * interval '1 minute' AS at,
       'Called about order ' || n || ', asked for ' || md5(n::text) || '; to be rung at 030 ' || n % 10000000 AS note,
       jsonb_build_object('user', n % 77777, 'mail', 'other' || n % 99991 || '@mail' || n % {domains} || '.example',
                          'at', now(), 'tags', jsonb_build_array('a', 'b', n)) AS doc,
       'https://app.example/orders/' || n || '?mail=other' || n % 99991 || '%40mail' || n % {domains} || '.example&ref='
           || md5((n + 1)::text) AS url,
       ARRAY['tag' || n % 100, 'region ' || n % 20] AS tags
  FROM generate_series(1, {rows}) n;
"""


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds of the clock and of all processors, ours and the server's."""

    wall: float
    cpu: float


def bench(out: Console, options: argparse.Namespace) -> None:
    """Few people and many, beside the bare COPY before each."""
    columns = ("people", "rounds", "COPY to nowhere s", "search s", f"ratio (wanted {WANTED}x)", "(rounds)",
               "CPU s of each", "ratio", "MB/s", "to build s", "peak memory")  # fmt: skip
    with dev_servers.stack() as stack:
        url = stack.endpoints.postgres_url
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(_TABLES.format(rows=options.rows, domains=DOMAINS))  # type: ignore[call-overload]
            owner.execute("VACUUM ANALYZE")
        store = PostgresStore("main", _MAP, PostgresConnection.model_validate({"url": url}))
        table = ruled(f"Blind search of {options.rows} events in one pass, at full speed", columns)
        found: dict[int, list[_Round]] = {}
        for people in (20, MANY):
            table.add_row(*_row(url, store, people, options.rounds, found))
        store.close()
    out.print(table)
    for what in ("wall", "cpu"):
        ratios = [getattr(many, what) / getattr(few, what) for few, many in zip(*found.values(), strict=True)]
        out.print(
            f"{MANY} people cost [bold]{median(ratios):.2f}x[/] of 20 ({what}, {spread(ratios)}; wanted {WANTED_MANY}x)"
        )


_MAP = shape("people: {table: public.people, found_by: [{column: email, identity: email}], undated: erase}")


def _row(url: str, store: PostgresStore, people: int, rounds: int, found: dict[int, list[_Round]]) -> list[str]:
    values = _strangers(people)
    started = time.perf_counter()
    matcher = Matcher(values)
    building = time.perf_counter() - started
    sizes: list[int] = []

    def search() -> None:
        sizes.append(store.search_blind(matcher, Effort(), no_beat).size)

    with peak_memory() as memory:
        both = [(_measured(url, lambda: _to_nowhere(url)), _measured(url, search)) for _ in range(rounds)]
        peak = memory()
    bare, took = [one for one, _ in both], [one for _, one in both]
    found[people] = took
    ratios = [ours.wall / theirs.wall for theirs, ours in both]
    return [
        str(people),
        str(rounds),
        f"{median([one.wall for one in bare]):.2f}",
        f"{median([one.wall for one in took]):.2f}",
        f"[bold]{median(ratios):.2f}x[/]",
        spread(ratios),
        f"{median([one.cpu for one in took]):.2f} / {median([one.cpu for one in bare]):.2f}",
        f"{median([ours.cpu / theirs.cpu for theirs, ours in both]):.2f}x",
        f"{sizes[-1] / 1e6 / median([one.wall for one in took]):.0f}",
        f"{building:.2f}",
        peak,
    ]


def _measured(url: str, action: Callable[[], None]) -> _Round:
    with psycopg.connect(url, autocommit=True) as watching:
        before = time.process_time() + processor_seconds(watching)
        started = time.perf_counter()
        action()
        wall = time.perf_counter() - started
        return _Round(wall, time.process_time() + processor_seconds(watching) - before)


def _strangers(people: int) -> list[SearchedValue]:
    """An address and a phone each, alike to those that stand there, of nobody."""
    drawn = random.Random(2026)
    return [
        one
        for number in range(people)
        for one in (
            SearchedValue(
                number,
                Kind.EMAIL,
                f"name{drawn.randrange(10**6)}.left{number}@mail{drawn.randrange(DOMAINS)}.example",
            ),
            SearchedValue(number, Kind.PHONE, f"+49{drawn.randrange(10**10, 10**11)}"),
        )
    ]


def _to_nowhere(url: str) -> None:
    with psycopg.connect(url) as connection:
        for columns in COPIED:
            with connection.cursor().copy(f"COPY {columns} TO STDOUT (FORMAT BINARY)") as copy:
                while copy.read():
                    pass
