"""Taking in: what the calls that create requests do in the ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.api.call_context import CallContext
from expunge_orchestrator.api.telling import request_fields
from expunge_orchestrator.requests import submission
from expunge_orchestrator.requests.submission import PreparedRequest, SubmissionResult


def create(
    call: CallContext, connection: sa.Connection, intake: PreparedRequest
) -> tuple[SubmissionResult, dict[str, Any]]:
    """Receive a wish and note it in the audit trail; with the members of the answer.

    Raises:
        KeyReusedError: The Idempotency-Key was used for another wish.
        AnotherOpenError: The person has a request open that is another wish.
    """
    received = submission.submit(connection, intake)
    if received.created:
        call.note(connection, received.request.uid)
    return received, request_fields(connection, received.request)
