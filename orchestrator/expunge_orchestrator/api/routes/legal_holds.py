"""Legal holds, exemptions and restrictions: what must not be erased for now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from expunge_connectors.contract import Scope
from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.pagination import Cursor, Limit, after
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.schemas.legal_holds import (
    CreateLegalHold,
    LegalHold,
    LegalHoldPage,
    LiftLegalHold,
    PlacedLegalHold,
)
from expunge_orchestrator.auth.api_keys import controller_scope
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.auth.principals import Principal
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds import hold_placement, legal_holds
from expunge_orchestrator.json_views import legal_hold_view
from expunge_orchestrator.ledger import holds
from expunge_orchestrator.ledger.page_cursors import cursor
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.rules.restrictions import (
    RESTRICTION,
    ground_in_words,
    why_no_restriction,
    why_not_lifted,
)
from expunge_orchestrator.rules.scope import types_of

router = APIRouter(prefix="/v1/legal_holds", tags=["legal holds"], route_class=CredentialFirst)


@router.post("", status_code=HTTPStatus.CREATED, response_model=PlacedLegalHold)
def create_legal_hold(
    call: Annotated[CallContext, Depends(requires(Operation.HOLD_PLACE))], wish: CreateLegalHold
) -> PlacedLegalHold:
    """Place a legal hold: no erasing step that it forbids starts any more; steps that run already are reported."""
    workspace = call.state.workspace
    scope = None if wish.controller is None else controller_scope(wish.controller, workspace.data_map)
    if scope is not None:
        call.own(scope)
    elif call.principal.controllers is not None:
        raise ProblemError(
            HTTPStatus.FORBIDDEN, "controllers-missing", "Name the controller whose requests the hold applies to."
        )
    if wish.data_type is not None and wish.data_type not in workspace.data_map.data_types:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "data-type-unknown", "The data map has no such data type.")
    if wish.data_type is not None and scope is not None and wish.data_type not in types_of(scope, workspace.data_map):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "data-type-unknown",
            "The controller has no records of this data type: the hold would hold nothing.",
        )
    if wish.until is not None and wish.until < call.at.date():
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "until-is-over", "`until` is in the past.")
    if not (wish.people or wish.data_type or wish.controller):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "hold-names-nothing", "A hold names people, a data type or a controller."
        )
    if why := _why_no_restriction(wish):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "restriction-unusable", why)
    wanted = hold_placement.HoldRequest(
        kind=wish.kind if wish.restriction is None else RESTRICTION,
        people=[identifiers_of(one, workspace.data_map) for one in wish.people],
        data_type=wish.data_type,
        controller=None if scope is None else scope.controller,
        member=None if scope is None else scope.member,
        ground=wish.ground if wish.restriction is None else ground_in_words(wish.restriction, wish.ground),
        until=wish.until,
        undisclosed=wish.undisclosed,
    )
    unchecked: tuple[str, ...] = ()
    if scope is not None:
        at_once = workspace.settings.stores_at_once
        unchecked = hold_placement.require_member(scope, workspace.data_map, workspace.stores, at_once)
    with call.writing() as connection:
        placed = hold_placement.place(connection, wanted, workspace.keys, call.principal.actor, workspace.data_map)
        call.note(connection, placed.hold.uid)
    return PlacedLegalHold(
        **legal_hold_view(placed.hold),
        too_late=dict(placed.running),
        unproven=placed.unproven,
        unchecked=unchecked,
    )


@router.get("", response_model=LegalHoldPage)
def list_legal_holds(
    call: Annotated[CallContext, Depends(requires(Operation.HOLD_READ))],
    include_ended: Annotated[bool, Query(description="Also those that were lifted or have run out.")] = False,  # noqa: FBT002
    cursor_: Cursor = None,
    limit: Limit = 50,
) -> LegalHoldPage:
    """List the legal holds for your controllers, newest first, undisclosed ones included: mind who reads this."""
    controllers = call.principal.controllers
    mine = None if controllers is None else sorted(controllers, key=str)
    with call.reading() as connection:
        found = legal_holds.list_page(connection, mine, after(cursor_), limit + 1, ended=include_ended)
    items = tuple(LegalHold(**legal_hold_view(one)) for one in found[:limit])
    return LegalHoldPage(items=items, next_cursor=cursor(found[limit - 1].id) if len(found) > limit else None)


@router.post("/{legal_hold_id}/lift", response_model=LegalHold)
def lift_legal_hold(
    call: Annotated[CallContext, Depends(requires(Operation.HOLD_LIFT))],
    legal_hold_id: str,
    wish: LiftLegalHold | None = None,
) -> LegalHold:
    """Lift a legal hold. The erasure of people whom no other hold covers continues."""
    informed_on = None if wish is None else wish.informed_on
    with call.writing() as connection:
        known = holds.find(connection, legal_hold_id)
        if known is None or not _sees(call.principal, known):
            raise not_there()
        if known.lifted_at is None and (why := why_not_lifted(known, informed_on, call.at.date())):
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not-informed", why)
        lifted = hold_placement.lift(connection, legal_hold_id, call.principal.actor, informed_on)
        call.note(connection, lifted.uid)
    hold_enforcement.release(call.state.workspace.ledger)
    call.state.wake()
    return LegalHold(**legal_hold_view(lifted))


def _why_no_restriction(wish: CreateLegalHold) -> str | None:
    if wish.restriction is None:
        return None
    if wish.kind != "hold":
        return "It is an exemption or a restriction, not both."
    return why_no_restriction(people=len(wish.people), until=wish.until, undisclosed=wish.undisclosed)


def _sees(principal: Principal, hold: Hold) -> bool:
    if principal.controllers is None:
        return True
    return hold.controller is not None and principal.speaks_for(Scope(hold.controller, hold.member))
