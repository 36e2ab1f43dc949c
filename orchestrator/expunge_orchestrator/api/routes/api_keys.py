"""API keys, for administrators: issue, list, revoke."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends

from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.schemas.api_keys import ApiKeyView, CreateApiKey, IssuedKey
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.api_keys import ApiKey
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import parse

router = APIRouter(prefix="/v1/access/keys", tags=["access"])


@router.post("", status_code=HTTPStatus.CREATED, response_model=IssuedKey)
def issue(call: Annotated[CallContext, Depends(requires(Operation.ACCESS_MANAGE))], wish: CreateApiKey) -> IssuedKey:
    """Issue a key. The secret stands in this answer and nowhere else.

    A further key for somebody (`holder`) can be issued by whoever may know all of theirs.
    """
    data_map = call.office.workspace.data_map
    reaches = (
        None if wish.controllers is None else [api_keys.controller_scope(one, data_map) for one in wish.controllers]
    )
    for reach in reaches or ():
        call.own(reach)
    if reaches is None and call.principal.controllers is not None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "controllers-missing", "Name controllers: yours, or some of them.")
    with call.writing() as connection:
        if wish.holder is not None:
            _own_holder(call, connection, wish.holder)
        secret, made = api_keys.issue(
            connection,
            roles=[Role(one) for one in wish.roles],
            controllers=reaches,
            holder=wish.holder,
            expires_at=wish.ends_at,
            by=call.principal.actor,
            at=call.at,
        )
        call.note(connection, made.uid)
    return IssuedKey(**_members(made), secret=secret)


@router.get("", response_model=list[ApiKeyView])
def listed(call: Annotated[CallContext, Depends(requires(Operation.ACCESS_MANAGE))]) -> list[ApiKeyView]:
    """Every key there ever was that speaks for your controllers, without its secret."""
    with call.reading() as connection:
        return [ApiKeyView(**_members(one)) for one in _within_reach(call, connection)]


@router.post("/{key_id}/revoke", response_model=ApiKeyView)
def revoke(call: Annotated[CallContext, Depends(requires(Operation.ACCESS_MANAGE))], key_id: str) -> ApiKeyView:
    """End a key at once and for good."""
    with call.writing() as connection:
        if all(one.uid != key_id for one in _within_reach(call, connection)):
            raise not_there()
        ended = api_keys.revoke(connection, key_id, call.at)
        call.note(connection, ended.uid)
    return ApiKeyView(**_members(ended))


def _own_holder(call: CallContext, connection: sa.Connection, holder: str) -> None:
    """Refuse a holder who has, or had, a key beyond the caller's reach as if there were none.

    What is done with a key stands under its holder's name, and OpenDSR's requests are found by it.

    Raises:
        UsageError: There is no such holder, or not for this caller.
    """
    theirs = [one for one in api_keys.list_keys(connection) if one.actor == holder]
    if not all(_reached(call, one) for one in theirs):
        raise api_keys.no_such_holder()


def _within_reach(call: CallContext, connection: sa.Connection) -> list[ApiKey]:
    return [one for one in api_keys.list_keys(connection) if _reached(call, one)]


def _reached(call: CallContext, key: ApiKey) -> bool:
    """Whether a key speaks for the caller's controllers and for no other.

    One that speaks for a controller that the map does not know any more is reached by whoever speaks for all.
    """
    reaches = api_keys.scopes_of(key, call.office.workspace.data_map)
    unknown = reaches is not None and key.controllers is not None and len(reaches) < len(set(key.controllers))
    return call.principal.speaks_for_all_of(None if unknown else reaches)


def _members(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.uid,
        "holder": key.actor,
        "roles": tuple(key.roles),
        "controllers": key.controllers,
        "issued_at": parse(key.created_at),
        "ends_at": None if key.expires_at is None else parse(key.expires_at),
        "revoked_at": None if key.revoked_at is None else parse(key.revoked_at),
    }
