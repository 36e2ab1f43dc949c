"""API keys, for administrators: create, confirm, list, revoke. `auth.api_keys` keeps a hash of each."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends

from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.pagination import Cursor, Limit, after
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.schemas.api_keys import ApiKey, ApiKeyPage, CreateApiKey, IssuedApiKey
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.json_views import api_key_view
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.page_cursors import cursor
from expunge_orchestrator.planning import approval

router = APIRouter(prefix="/v1/api_keys", tags=["API keys"], route_class=CredentialFirst)


@router.post("", status_code=HTTPStatus.CREATED, response_model=IssuedApiKey)
def create_api_key(
    call: Annotated[CallContext, Depends(requires(Operation.API_KEY_MANAGE))], wish: CreateApiKey
) -> IssuedApiKey:
    """Issue an API key. The secret is in this response and nowhere else.

    A further key for an existing `holder` needs an administrator of all controllers of their keys. A key with the role
    `approver` approves nothing before somebody else has confirmed it.
    """
    data_map = call.state.workspace.data_map
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
            expires_at=wish.expires_at,
            by=call.principal.actor,
            at=call.at,
            subject=wish.subject,
        )
        call.note(connection, made.uid)
    return IssuedApiKey(**api_key_view(made), secret=secret)


@router.get("", response_model=ApiKeyPage)
def list_api_keys(
    call: Annotated[CallContext, Depends(requires(Operation.API_KEY_MANAGE))],
    cursor_: Cursor = None,
    limit: Limit = 50,
) -> ApiKeyPage:
    """List the API keys for your controllers, newest first, ended ones included, without their secrets."""
    reached = None if call.principal.controllers is None else partial(_reached, call)
    with call.reading() as connection:
        found = api_keys.list_page(connection, after(cursor_), limit + 1, reached)
    items = tuple(ApiKey(**api_key_view(one)) for _, one in found[:limit])
    return ApiKeyPage(items=items, next_cursor=cursor(found[limit - 1][0]) if len(found) > limit else None)


@router.post("/{api_key_id}/confirm", response_model=ApiKey)
def confirm_api_key(
    call: Annotated[CallContext, Depends(requires(Operation.API_KEY_MANAGE))], api_key_id: str
) -> ApiKey:
    """Confirm an API key, as somebody else than who issued it or whose it is: from then on it may approve."""
    with call.writing() as connection:
        _own_key(call, connection, api_key_id)
        confirmed = api_keys.confirm(connection, api_key_id, call.principal.actor, call.at)
        call.note(connection, confirmed.uid)
    return ApiKey(**api_key_view(confirmed))


@router.post("/{api_key_id}/revoke", response_model=ApiKey)
def revoke_api_key(
    call: Annotated[CallContext, Depends(requires(Operation.API_KEY_MANAGE))], api_key_id: str
) -> ApiKey:
    """Revoke an API key, at once and for good. What it approved and has erased nothing needs another approval."""
    with call.writing() as connection:
        _own_key(call, connection, api_key_id)
        ended = approval.revoke_key(connection, api_key_id, call.principal.actor, call.at)
        call.note(connection, ended.uid)
    return ApiKey(**api_key_view(ended))


def _own_holder(call: CallContext, connection: Transaction, holder: str) -> None:
    """Refuse a holder who has, or had, a key beyond the caller's reach as if there were none.

    What is done with a key stands under its holder's name, and OpenDSR's requests are found by it.

    Raises:
        UsageError: There is no such holder, or not for this caller.
    """
    if not all(_reached(call, one) for one in api_keys.keys_of(connection, holder)):
        raise api_keys.no_such_holder()


def _own_key(call: CallContext, connection: Transaction, uid: str) -> None:
    """Refuse a key beyond the caller's reach as if there were none."""
    known = api_keys.find(connection, uid)
    if known is None or not _reached(call, known):
        raise not_there()


def _reached(call: CallContext, key: api_keys.ApiKey) -> bool:
    """Whether a key speaks for the caller's controllers and for no other.

    One that speaks for a controller that the map does not know any more is reached by whoever speaks for all.
    """
    reaches = api_keys.scopes_of(key, call.state.workspace.data_map)
    unknown = reaches is not None and key.controllers is not None and len(reaches) < len(set(key.controllers))
    return call.principal.speaks_for_all_of(None if unknown else reaches)
