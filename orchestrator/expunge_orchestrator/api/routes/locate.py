"""What is held of a person and where: the base of an access request. Counts, never values."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.schemas.locations import LocatePerson, Location
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.json_views import location_view
from expunge_orchestrator.locate import locate
from expunge_orchestrator.rules.scope import parse_scope

router = APIRouter(prefix="/v1/locate", tags=["access requests"], route_class=CredentialFirst)


@router.post("", response_model=Location)
def locate_person(call: Annotated[CallContext, Depends(requires(Operation.LOCATE))], sought: LocatePerson) -> Location:
    """Count what is held of one person, for one controller, as `expunge locate --json` does. Stores are only read."""
    workspace = call.state.workspace
    scope = parse_scope(sought.controller, workspace.data_map)
    call.own(scope)
    found = locate(workspace, [identifiers_of(sought.identifiers, workspace.data_map)], scope)
    with call.writing() as connection:
        call.note(connection, None)
    return Location.model_validate(location_view(found))
