"""The database's own users: single rows read and written, one call after another, in a process of their own."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

import psycopg

PAUSE = 0.004
"""Seconds between two calls."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds of the calls of some seconds."""

    median: float
    p99: float
    calls: int


@dataclass(frozen=True, slots=True)
class Foreground:
    """Asks the process to call for some seconds."""

    pipe: Connection

    def measure(self, seconds: float) -> Latencies:
        """Call for so long."""
        self.pipe.send(seconds)
        found = self.pipe.recv()
        assert isinstance(found, Latencies)
        return found


@contextmanager
def foreground(url: str, rows: int) -> Iterator[Foreground]:
    """Start the process, and end it."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, url, rows), daemon=True)
    process.start()
    try:
        yield Foreground(here)
    finally:
        here.send(None)
        process.join(10)


def _serve(pipe: Connection, url: str, rows: int) -> None:
    drawn = random.Random(7)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '5s'")
        while (seconds := pipe.recv()) is not None:
            took: list[float] = []
            ends = time.perf_counter() + seconds
            while (begun := time.perf_counter()) < ends:
                one = drawn.randrange(1, rows)
                connection.execute("SELECT person FROM calls WHERE id = %s", (one,)).fetchall()
                connection.execute("UPDATE calls SET person = person WHERE id = %s", (one,))
                took.append((time.perf_counter() - begun) * 1000)
                time.sleep(PAUSE)
            pipe.send(Latencies(statistics.median(took), statistics.quantiles(took, n=100)[98], len(took)))
