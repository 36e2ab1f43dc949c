"""Prometheus metrics: calls by route and status, requests and batches by state. No label is a caller's text."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_status import public_state
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.notifications import delivery
from expunge_orchestrator.requests import response_deadlines

SOON = timedelta(days=3)
"""Before a deadline ends, somebody should look."""

_REQUESTS = sa.select(request.c.state, sa.func.count()).group_by(request.c.state)
_BATCHES = sa.select(tables.batch.c.state, tables.batch.c.undisclosed, sa.func.count()).group_by(
    tables.batch.c.state, tables.batch.c.undisclosed
)


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._calls = Counter("expunge_api_calls", "Calls answered.", labels, registry=self._registry)
        self._seconds = Histogram("expunge_api_seconds", "Time to answer.", ("route",), registry=self._registry)
        self._requests = Gauge("expunge_requests", "Requests by state.", ("state",), registry=self._registry)
        self._batches = Gauge("expunge_batches", "Batches by state.", ("state",), registry=self._registry)
        self._waiting = Gauge("expunge_notices_waiting", "Notices not delivered yet.", registry=self._registry)
        self._lost = Gauge("expunge_notices_given_up", "Notices given up after three days.", registry=self._registry)

        self._due = Gauge(
            "expunge_requests_due",
            "Requests not answered whose earliest deadline has passed, or ends within three days (which counts both).",
            ("when",),
            registry=self._registry,
        )

    def call(self, method: str, route: str, status: int, seconds: float) -> None:
        """One call was answered."""
        self._calls.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, connection: sa.Connection, at: datetime) -> bytes:
        """Everything, in Prometheus's text format, as of now."""
        self._requests.clear()
        for state, number in connection.execute(_REQUESTS):
            self._requests.labels(state).set(number)
        self._batches.clear()
        for state, undisclosed, number in connection.execute(_BATCHES):
            self._batches.labels(public_state(BatchState(state), undisclosed=undisclosed)).inc(number)
        self._due.labels("overdue").set(response_deadlines.how_many_due(connection, at))
        self._due.labels("within-3-days").set(response_deadlines.how_many_due(connection, at + SOON))
        notices = delivery.outstanding(connection)
        self._waiting.set(notices.waiting)
        self._lost.set(notices.given_up)
        return generate_latest(self._registry)
