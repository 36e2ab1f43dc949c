"""Telling a request: what stands in the ledger about it, put together for the wire."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.api.shapes import told
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.records import batch_by_uid
from expunge_orchestrator.progress import outcomes_of
from expunge_orchestrator.requests.records import Request


def members_of(connection: sa.Connection, request: Request) -> dict[str, Any]:
    """The members of `RequestTold`, as of now."""
    if request.batch_uid is None:
        return told(request, None, {}, None)
    batch = batch_by_uid(connection, request.batch_uid)
    return told(request, batch, dict(outcomes_of(connection, batch)), series_of(connection, request))


def series_of(connection: sa.Connection, request: Request) -> str | None:
    """The series of its receipt, if a statement was issued."""
    return connection.scalar(
        sa.select(schema.item.c.series)
        .join(schema.statement, schema.statement.c.item_id == schema.item.c.id)
        .where(schema.item.c.batch_id == request.batch_id)
        .limit(1)
    )
