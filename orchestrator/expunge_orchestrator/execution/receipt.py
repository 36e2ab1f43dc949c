"""When what a batch asks for was received: a request waits for its grace before it has a batch, and its clocks run."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from expunge_orchestrator.ledger.records import Batch
from expunge_orchestrator.ledger.request_tables import request


@dataclass(frozen=True, slots=True)
class ReceivedAt:
    """Both instants as the ledger writes them (`clock.stamp`); the controller's is None if nobody said."""

    operator: str
    controller: str | None = None


def of(connection: sa.Connection, batch: Batch) -> ReceivedAt:
    """When the request of a batch was received; a list of people, which has none, when the batch was made."""
    found = connection.execute(
        sa.select(request.c.received_at, request.c.controller_received_at)
        .where(request.c.batch_id == batch.id)
        .order_by(request.c.received_at)
        .limit(1)
    ).first()
    if found is None:
        return ReceivedAt(batch.created_at)
    return ReceivedAt(found.received_at, found.controller_received_at)
