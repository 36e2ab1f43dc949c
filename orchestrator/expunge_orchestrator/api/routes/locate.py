"""Locating: what is held of a person and where, the base of an access request. Counts, never values."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.holds import LocateRequest
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.json_views import location_view
from expunge_orchestrator.locate import locate
from expunge_orchestrator.rules.scope import parse_scope

router = APIRouter(prefix="/v1/locate", tags=["access requests"])


@router.post("", responses={200: {"content": {"application/json": {"example": examples.LOCATION}}}})
def located(call: Annotated[CallContext, Depends(requires(Operation.LOCATE))], sought: LocateRequest) -> dict[str, Any]:
    """What `expunge locate --json` says, for one person and one controller. Nothing is written to any store."""
    workspace = call.office.workspace
    scope = parse_scope(sought.controller, workspace.data_map)
    call.own(scope)
    found = locate(workspace, [identifiers_of(sought.identifiers, workspace.data_map)], scope)
    with call.writing() as connection:
        call.note(connection, None)
    return location_view(found)
