"""Erasure request responses: what the calls that create requests write, and how they are answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Response

from expunge_orchestrator.api.call_context import CallContext
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.json_views import erasure_request_view
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.requests import submission
from expunge_orchestrator.requests.submission import PreparedRequest, SubmissionResult


def submit(
    call: CallContext, connection: Transaction, prepared: PreparedRequest
) -> tuple[SubmissionResult, dict[str, Any]]:
    """Submit a request and note it in the audit log; with its view.

    Raises:
        KeyReusedError: The Idempotency-Key was used for another request.
        AnotherOpenError: The person has an open request that asks for something else.
    """
    received = submission.submit(connection, prepared)
    if received.created:
        call.note(connection, received.request.uid)
    return received, erasure_request_view(connection, received.request)


def response(body: Schema, status: HTTPStatus) -> Response:
    """A body as the response, serialised once: the framework would validate and serialise it again."""
    return Response(body.model_dump_json(), status.value, media_type="application/json")
