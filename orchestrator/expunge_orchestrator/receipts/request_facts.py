"""Request facts in a receipt: when it was received, how the person was identified, its deadlines.

A request waits for its grace before it has a batch, and its clocks run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.request_tables import request


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """As the ledger writes it.

    Attributes:
        operator: When it reached us.
        controller: When it reached the controller; None if nobody said.
        deadlines: The clocks as they stand in the request, extended or not; None: there is no request, or it has none.
        evidence: How the controller knows that it is the person: kind, time and reference.
    """

    operator: str
    controller: str | None = None
    deadlines: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] | None = None


# Built once: it is asked for every person.
_OF_BATCH = (
    sa.select(request.c.received_at, request.c.controller_received_at, request.c.deadlines, request.c.evidence)
    .where(request.c.batch_id == sa.bindparam("batch"))
    .order_by(request.c.received_at)
    .limit(1)
)


def request_facts(connection: sa.Connection, batch: Batch) -> RequestFacts:
    """Of the request of a batch; a list of people, which has none, was received when the batch was made."""
    found = connection.execute(_OF_BATCH, {"batch": batch.id}).first()
    if found is None:
        return RequestFacts(batch.created_at)
    return RequestFacts(found.received_at, found.controller_received_at, found.deadlines, found.evidence)
