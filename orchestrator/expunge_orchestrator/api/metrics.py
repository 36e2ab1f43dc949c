"""Prometheus metrics: calls by route and status, requests and batches by state, retention. No label is a caller's text.

What the ledger is asked for is made at most once a second, for everybody who asks meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.concurrency import run_in_threadpool

from expunge_orchestrator.api import retention_metrics
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.ledger import Ledger, notices, requests, requests_due
from expunge_orchestrator.ledger.batch_status import count_by_public_state
from expunge_orchestrator.ledger.database import reading

SOON = timedelta(days=3)
"""Before a deadline ends, somebody should look."""

GOOD_FOR = 1.0
"""Seconds for which what was made is told."""


class Metrics:
    """The numbers of one server, for the calls of one event loop."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._calls = Counter("expunge_api_calls", "Calls answered.", labels, registry=self._registry)
        self._seconds = Histogram("expunge_api_seconds", "Time to answer.", ("route",), registry=self._registry)
        self._made, self._made_at = b"", -GOOD_FOR
        self._making: asyncio.Task[None] | None = None

    def call(self, method: str, route: str, status: int, seconds: float) -> None:
        """One call was answered."""
        self._calls.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    async def text(self, state: AppState) -> bytes:
        """Everything, in Prometheus's text format, as of a moment ago."""
        if time.monotonic() - self._made_at >= GOOD_FOR:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make(state))
            await asyncio.shield(self._making)  # a call that is given up does not end what others wait for
        return self._made

    async def _make(self, state: AppState) -> None:
        self._made = await run_in_threadpool(self._now, state.workspace.ledger, state.clock())
        self._made_at = time.monotonic()

    def _now(self, ledger: Ledger, at: datetime) -> bytes:
        return generate_latest(self._registry) + generate_latest(_of_ledger(ledger, at))


def _of_ledger(ledger: Ledger, at: datetime) -> CollectorRegistry:
    """What the ledger says now, in a registry of its own: nobody tells of it while it is filled."""
    registry = CollectorRegistry()
    in_state = Gauge("expunge_requests", "Requests by state.", ("state",), registry=registry)
    batches = Gauge("expunge_batches", "Batches by state.", ("state",), registry=registry)
    waiting = Gauge("expunge_notices_waiting", "Notices not delivered yet.", registry=registry)
    lost = Gauge("expunge_notices_given_up", "Notices given up after three days.", registry=registry)
    due = Gauge(
        "expunge_requests_due",
        "Requests not answered whose earliest deadline has passed, or ends within three days (which counts both).",
        ("when",),
        registry=registry,
    )
    with reading(ledger) as connection:
        for state, number in requests.count_by_state(connection).items():
            in_state.labels(state).set(number)
        for state, number in count_by_public_state(connection).items():
            batches.labels(state).set(number)
        due.labels("overdue").set(requests_due.how_many_unanswered_by(connection, at))
        due.labels("within-3-days").set(requests_due.how_many_unanswered_by(connection, at + SOON))
        outstanding = notices.outstanding(connection)
        retention_metrics.add(registry, ledger, connection, at)
    waiting.set(outstanding.waiting)
    lost.set(outstanding.given_up)
    return registry
