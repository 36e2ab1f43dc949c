"""Telling a request: what stands in the ledger about it, put together for the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from fastapi import Response

from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.api.schemas.requests import request_view
from expunge_orchestrator.ledger.batch_status import outcomes_of
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.requests.repository import Request
from expunge_orchestrator.requests.repository import series_of as series_of  # noqa: PLC0414 - handed on to the routes


def answered(told: Schema, status: HTTPStatus) -> Response:
    """A shape as the answer, written once: the framework would read it again, and write it from what it read."""
    return Response(told.model_dump_json(by_alias=True), status.value, media_type="application/json")


def request_fields(connection: sa.Connection, request: Request) -> dict[str, Any]:
    """The members of `RequestView`, as of now."""
    if request.batch_uid is None:
        return request_view(request, None, {}, None)
    batch = batch_by_uid(connection, request.batch_uid)
    return request_view(request, batch, dict(outcomes_of(connection, batch)), series_of(connection, request))
