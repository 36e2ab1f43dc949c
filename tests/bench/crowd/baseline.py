"""The yardstick: stage, count, delete, recount, as somebody would write it who knows the schema and wants it fast.

It finds the same records as the data map, holds each chunk in one transaction, and keeps no promise beyond that: see
`tests.bench.baseline`.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from tests.bench.crowd.database import CLIENT, number_of
from tests.bench.crowd.server import processor_seconds
from tests.bench.measurements import Stages

_STAGE = f"""
CREATE TEMP TABLE the_callers ON COMMIT DROP AS
    SELECT id, {number_of("phone")} AS number FROM callers WHERE client_id = {CLIENT} AND id = ANY(%s);
ANALYZE the_callers;
CREATE TEMP TABLE the_calls ON COMMIT DROP AS
    SELECT id FROM calls WHERE client_id = {CLIENT} AND caller_id IN (SELECT id FROM the_callers);
CREATE TEMP TABLE the_leads ON COMMIT DROP AS
    SELECT id FROM leads WHERE client_id = {CLIENT} AND caller_id IN (SELECT id FROM the_callers)
    UNION
    SELECT id FROM leads WHERE client_id = {CLIENT} AND {number_of("phone")} IN (SELECT number FROM the_callers);
ANALYZE the_calls; ANALYZE the_leads;
CREATE TEMP TABLE the_recordings ON COMMIT DROP AS
    SELECT id FROM recordings WHERE call_id IN (SELECT id FROM the_calls);
ANALYZE the_recordings
""".encode()

# Children before parents.
_ROWS = {
    "lead_answers": "lead_id IN (SELECT id FROM the_leads)",
    "leads": "id IN (SELECT id FROM the_leads)",
    "callbacks": "caller_id IN (SELECT id FROM the_callers)",
    "transcripts": "recording_id IN (SELECT id FROM the_recordings)",
    "recordings": "id IN (SELECT id FROM the_recordings)",
    "call_notes": "call_id IN (SELECT id FROM the_calls)",
    "calls": "id IN (SELECT id FROM the_calls)",
    "callers": "id IN (SELECT id FROM the_callers)",
}
_COUNT = "SELECT {}".format(
    " + ".join(f"(SELECT count(*) FROM {table} WHERE {condition})" for table, condition in _ROWS.items())
).encode()


@dataclass(frozen=True, slots=True)
class ByHand:
    """What the script did.

    Attributes:
        stages: `stage`, `count`, `delete`, `recount`, commits included.
        processor: CPU seconds of this process and of the server.
    """

    people: int
    chunk: int
    seconds: float
    stages: Stages
    rows: int
    processor: tuple[float, float]

    @property
    def per_person(self) -> float:
        """Milliseconds."""
        return 1000 * self.seconds / self.people

    @property
    def deletes_only(self) -> float:
        """Milliseconds per person of staging and deleting, with nothing looked at before or after."""
        return 1000 * (self.stages.seconds["stage"] + self.stages.seconds["delete"]) / self.people


def erase(url: str, callers: Sequence[int], chunk: int) -> ByHand:
    """Erase these callers in chunks of this size.

    Raises:
        AssertionError: Something was left.
    """
    stages, rows = Stages(), 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET random_page_cost = 1.1")
        _chunk(connection, callers[:1], Stages())
        server, own, started = processor_seconds(connection), _own_seconds(), time.perf_counter()
        for start in range(1, len(callers), chunk):
            rows += _chunk(connection, callers[start : start + chunk], stages)
        seconds = time.perf_counter() - started
        processor = (_own_seconds() - own, processor_seconds(connection) - server)
    return ByHand(len(callers) - 1, chunk, seconds, stages, rows, processor)


def _chunk(connection: psycopg.Connection[tuple[Any, ...]], callers: Sequence[int], stages: Stages) -> int:
    with psycopg.ClientCursor(connection) as cursor:
        with stages.time("stage"):
            cursor.execute("BEGIN")
            cursor.execute(_STAGE, (list(callers),))
        with stages.time("count"):
            before = _total(cursor)
        with stages.time("delete"):
            for table, condition in _ROWS.items():
                cursor.execute(f"DELETE FROM {table} WHERE {condition}".encode())
        with stages.time("recount"):
            assert _total(cursor) == 0, "the script left something"
        with stages.time("delete"):
            cursor.execute("COMMIT")
    return before


def _total(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
    row = cursor.execute(_COUNT).fetchone()
    assert row is not None
    return int(row[0])


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
