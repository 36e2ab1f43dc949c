"""Batch control: what staff do to a batch that is planned: approve, start, pause, resume, retry, cancel, end."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends

from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.openapi import problem
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.routes.batches import found_for, shown
from expunge_orchestrator.api.schemas.batches import Batch, PlanDigest
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.execution import batch_control, operator_cancel, operator_end
from expunge_orchestrator.planning import approval
from expunge_orchestrator.requests import request_retry

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=CredentialFirst)


@router.post("/{batch_id}/approve", response_model=Batch)
def approve_batch(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_APPROVE))], batch_id: str, given: PlanDigest
) -> Batch:
    """Approve exactly this plan. Its requester cannot, and one approval is enough: a second approver gets 409."""
    with call.writing() as connection:
        found = found_for(call, connection, batch_id)
        if approval.approve(connection, found, given.digest, call.principal.actor, call.principal.key):
            call.note(connection, found.uid)
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/start", response_model=Batch, status_code=HTTPStatus.ACCEPTED, responses={
    409: problem("Nothing was started: the digest is not the plan's, the plan is void or awaits approval, or the batch "
                 "is paused, on hold, failed, cancelled or finished")})  # fmt: skip
def start_batch(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_START))], batch_id: str, given: PlanDigest
) -> Batch:
    """Start to carry out exactly this plan. This cannot be undone. The call may be repeated while it runs."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    if given.digest != found.plan_digest:
        raise ProblemError(
            HTTPStatus.CONFLICT, "not-confirmed", "Nothing was started: the digest given is not the plan's."
        )
    batch_control.start(call.state.workspace, found, call.noting(found.uid))
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/pause", response_model=Batch)
def pause_batch(call: Annotated[CallContext, Depends(requires(Operation.BATCH_PAUSE))], batch_id: str) -> Batch:
    """Pause a batch: no further step starts."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    batch_control.pause(call.state.workspace.ledger, found, call.principal.actor, call.noting(found.uid))
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/resume", response_model=Batch)
def resume_batch(call: Annotated[CallContext, Depends(requires(Operation.BATCH_RESUME))], batch_id: str) -> Batch:
    """Resume a paused batch; what was verified before is verified again."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    batch_control.resume(call.state.workspace, found, call.principal.actor, call.noting(found.uid))
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/retry", response_model=Batch)
def retry_batch(call: Annotated[CallContext, Depends(requires(Operation.BATCH_RETRY))], batch_id: str) -> Batch:
    """Take up what failed, and people whose hold is over. 409: nothing was."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    note = call.noting(found.uid)
    request_retry.retry_batch(call.state.workspace, found, call.principal.actor, call.at, note)
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/cancel", response_model=Batch)
def cancel_batch(call: Annotated[CallContext, Depends(requires(Operation.BATCH_CANCEL))], batch_id: str) -> Batch:
    """Withdraw the people for whom no store was asked to erase. Everybody else is finished. 409: there are none."""
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    operator_cancel.cancel(call.state.workspace.ledger, found, call.principal.actor, call.noting(found.uid))
    call.state.wake()
    return shown(call.state.workspace, found.uid)


@router.post("/{batch_id}/end", response_model=Batch, responses={
    409: problem("Nobody was ended: not this plan's digest, or nobody failed after erasing had begun")})  # fmt: skip
def end_batch(
    call: Annotated[CallContext, Depends(requires(Operation.BATCH_END))], batch_id: str, given: PlanDigest
) -> Batch:
    """End people whom a store refuses for good: every place is looked at once more, and what is left is named.

    Nothing more of them is erased. What leads to the rest is kept, sealed, for a later request of the same person.
    People who wait for a store are ended as well. Those of whom nothing was erased, and those under a hold, are not.
    """
    with call.reading() as connection:
        found = found_for(call, connection, batch_id)
    if given.digest != found.plan_digest:
        raise ProblemError(HTTPStatus.CONFLICT, "not-confirmed", "Nobody was ended: the digest is not the plan's.")
    operator_end.end(call.state.workspace, found, call.principal.actor, call.noting(found.uid))
    call.state.wake()
    return shown(call.state.workspace, found.uid)
