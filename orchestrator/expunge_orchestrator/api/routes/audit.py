"""The audit trail, for auditors."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.pagination import after, cursor
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.schemas.api_keys import AuditEntry, AuditPage
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.ledger import audit_log

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", response_model=AuditPage)
def listed(
    call: Annotated[CallContext, Depends(requires(Operation.AUDIT_READ))],
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AuditPage:
    """Who did what, the oldest first. Actors are opaque. `next` is there to go on with later, too.

    It tells of every controller, so it is for auditors who speak for all of them.
    """
    if call.principal.controllers is not None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "controllers-missing", "The trail tells of every controller.")
    with call.reading() as connection:
        found = audit_log.page(connection, after(cursor_), limit)
    last = cursor(found[-1].id) if found else cursor_
    return AuditPage(items=tuple(AuditEntry(**asdict(one)) for one in found), next=last)
