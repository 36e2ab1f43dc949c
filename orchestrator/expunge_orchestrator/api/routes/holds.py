"""Holds and exemptions: what must not be erased for now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from expunge_connectors.contract import Scope
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.schemas.holds import CreateHold, HoldView, PlacedHold
from expunge_orchestrator.auth.api_keys import controller_scope
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.auth.principals import Principal
from expunge_orchestrator.clock import parse
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.ledger.suppression_tags import Tagger
from expunge_orchestrator.rules.scope import types_of

router = APIRouter(prefix="/v1/holds", tags=["holds"])


@router.post("", status_code=HTTPStatus.CREATED, response_model=PlacedHold)
def place(call: Annotated[CallContext, Depends(requires(Operation.HOLD_PLACE))], wish: CreateHold) -> PlacedHold:
    """Put a hold in force: no erasing step begins any more that it forbids; what it came too late for is named."""
    workspace = call.office.workspace
    scope = None if wish.controller is None else controller_scope(wish.controller, workspace.data_map)
    if scope is not None:
        call.own(scope)
    elif call.principal.controllers is not None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "controllers-missing", "Name the controller whose requests it holds.")
    if wish.data_type is not None and wish.data_type not in workspace.data_map.data_types:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "data-type-unknown", "The map has no such data type.")
    if wish.data_type is not None and scope is not None and wish.data_type not in types_of(scope, workspace.data_map):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "data-type-unknown",
            "The controller has no records of this data type: the hold would hold nothing.",
        )
    if wish.until is not None and wish.until < call.at.date():
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "until-is-over", "The hold's last day is over already.")
    if not (wish.people or wish.data_type or wish.controller):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "hold-names-nothing", "A hold names people, a data type or a controller."
        )
    wanted = legal_holds.HoldRequest(
        kind=wish.kind,
        people=[identifiers_of(one, workspace.data_map) for one in wish.people],
        data_type=wish.data_type,
        controller=None if scope is None else scope.controller,
        member=None if scope is None else scope.member,
        ground=wish.ground,
        until=wish.until,
        undisclosed=wish.undisclosed,
    )
    with call.writing() as connection:
        tagger, persons = Tagger(workspace.keys.suppression), workspace.data_map.person_identities
        placed = legal_holds.place(connection, wanted, tagger, call.principal.actor, persons)
        call.note(connection, placed.hold.uid)
    return PlacedHold(**_members(placed.hold), too_late=dict(placed.running), unproven=placed.unproven)


@router.get("", response_model=list[HoldView])
def listed(
    call: Annotated[CallContext, Depends(requires(Operation.HOLD_READ))],
    everything: Annotated[bool, Query(alias="all", description="Also those that are over.")] = False,  # noqa: FBT002
) -> list[HoldView]:
    """The holds of your controllers, those that may not be told included: mind who reads this."""
    with call.reading() as connection:
        found = legal_holds.listed(connection) if everything else legal_holds.in_force(connection)
    return [HoldView(**_members(one)) for one in found if _sees(call.principal, one)]


@router.post("/{hold_id}/lift", response_model=HoldView)
def lift(call: Annotated[CallContext, Depends(requires(Operation.HOLD_LIFT))], hold_id: str) -> HoldView:
    """End a hold. People who waited for nothing else go on."""
    with call.writing() as connection:
        mine = [one for one in legal_holds.listed(connection) if one.uid == hold_id and _sees(call.principal, one)]
        if not mine:
            raise not_there()
        lifted = legal_holds.lift(connection, hold_id, call.principal.actor)
        hold_enforcement.release(connection)
        call.note(connection, lifted.uid)
    call.office.wake()
    return HoldView(**_members(lifted))


def _sees(principal: Principal, hold: legal_holds.Hold) -> bool:
    if principal.controllers is None:
        return True
    return hold.controller is not None and principal.speaks_for(Scope(hold.controller, hold.member))


def _members(hold: legal_holds.Hold) -> dict[str, Any]:
    return {
        "id": hold.uid,
        "kind": hold.kind,
        "people": hold.people,
        "data_type": hold.data_type,
        "controller": None if hold.controller is None else str(Scope(hold.controller, hold.member)),
        "ground": hold.ground,
        "until": hold.until,
        "undisclosed": hold.undisclosed,
        "placed_at": parse(hold.placed_at),
        "lifted_at": None if hold.lifted_at is None else parse(hold.lifted_at),
    }
