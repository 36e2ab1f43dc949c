"""The audit log, for auditors."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.pagination import Cursor, after
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.schemas.api_keys import AuditEntry, AuditEntryPage
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.ledger import audit_log
from expunge_orchestrator.ledger.page_cursors import cursor

router = APIRouter(prefix="/v1/audit_log", tags=["audit log"])


@router.get("", response_model=AuditEntryPage)
def list_audit_entries(
    call: Annotated[CallContext, Depends(requires(Operation.AUDIT_READ))],
    cursor_: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AuditEntryPage:
    """List who did what, oldest first, for auditors of all controllers. Actors are opaque.

    `next_cursor` is there on the last page too: call again with it later. Refusals are counted by the minute: an entry
    whose count may still grow is told a minute after that one has ended, and what came after it then, too.
    """
    if call.principal.controllers is not None:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "controllers-missing",
            "The audit log covers every controller: it is for auditors of all of them.",
        )
    with call.reading() as connection:
        found = audit_log.page(connection, after(cursor_), limit, call.at)
    last = cursor(found[-1].id) if found else cursor_
    return AuditEntryPage(items=tuple(AuditEntry(**asdict(one)) for one in found), next_cursor=last)
