"""Prometheus metrics: calls by route and status, requests and batches by state. No label is a caller's text."""

from __future__ import annotations

from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from expunge_orchestrator.ledger import Transaction, notices, requests, requests_due
from expunge_orchestrator.ledger.batch_status import count_by_public_state

SOON = timedelta(days=3)
"""Before a deadline ends, somebody should look."""


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

    def text(self, connection: Transaction, at: datetime) -> bytes:
        """Everything, in Prometheus's text format, as of now."""
        self._requests.clear()
        for state, number in requests.count_by_state(connection).items():
            self._requests.labels(state).set(number)
        self._batches.clear()
        for state, number in count_by_public_state(connection).items():
            self._batches.labels(state).set(number)
        self._due.labels("overdue").set(requests_due.how_many_unanswered_by(connection, at))
        self._due.labels("within-3-days").set(requests_due.how_many_unanswered_by(connection, at + SOON))
        waiting = notices.outstanding(connection)
        self._waiting.set(waiting.waiting)
        self._lost.set(waiting.given_up)
        return generate_latest(self._registry)
