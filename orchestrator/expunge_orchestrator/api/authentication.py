"""Authentication of a call: which credential it brings (API key, token, follow-up secret), and whose it is (ADR 12).

FastAPI reads and parses a body before it asks any dependency. `CredentialFirst` asks for the credential before, so that
nobody without one has a body read, or waits with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from expunge_connectors.contract import Scope
from expunge_orchestrator.api.query_parameters import refuse_unknown
from expunge_orchestrator.api.rate_limit import RateLimiter
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.api.waiting_calls import in_line, leave_line, out_of_line
from expunge_orchestrator.auth import api_keys, bearer_secrets
from expunge_orchestrator.auth.errors import NotAuthenticatedError, no_credential, not_accepted
from expunge_orchestrator.auth.principals import Principal, Role
from expunge_orchestrator.errors import KeysError, LedgerError
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.failures import LedgerDatabaseError
from expunge_orchestrator.requests.submission import FOLLOW_UP

UNJUDGED = "unjudged"
"""In the state of a call whose credential nobody could judge: its issuer's keys, or the ledger, could not be had."""


class CredentialFirst(APIRoute):
    """A route that looks at the credential before the body is read, where it has one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's own, behind the credential."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def answer(request: Request) -> Response:
            """As the route does, once the credential is known."""
            await refuse_unknown(request)
            await authenticated(request)
            return await handle(request)

        return answer


async def authenticated(request: Request) -> tuple[Principal, datetime]:
    """Who makes a call, and when it came in; the call is counted, once.

    Raises:
        NotAuthenticatedError: The credential is missing or not accepted.
        ProblemError: There were too many calls, or credentials that were not accepted.
        KeysError: The keys of a token's issuer cannot be had; that is no guess.
    """
    known: tuple[Principal, datetime] | None = getattr(request.state, "authenticated", None)
    if known is not None:
        return known
    state: AppState = request.app.state.shared
    limiter: RateLimiter = request.app.state.limiter
    address = request.client.host if request.client is not None else ""
    credential = request.headers.get("authorization")
    at = state.clock()
    try:
        lookup = in_line(request.scope, request.app.state.lookups.taken(address))
        principal = await principal_of(state, credential, at, lookup, out_of_line(request.scope))
    except NotAuthenticatedError:
        await limiter.count_guess(kind_of(credential), address)
        raise
    except (KeysError, LedgerError, LedgerDatabaseError):
        setattr(request.state, UNJUDGED, True)
        raise
    request.state.actor = principal.actor
    await leave_line(request.scope)
    await limiter.count_call(counted_as(principal))
    request.state.authenticated = principal, at
    return principal, at


async def principal_of(
    state: AppState,
    header: str | None,
    at: datetime,
    turn: AbstractAsyncContextManager[None],
    waiting: AbstractAsyncContextManager[None],
) -> Principal:
    """Who brings the credential.

    Args:
        state: The ledger, and the issuers of tokens.
        header: The credential.
        at: When the call came in.
        turn: In which the ledger is asked. Many calls that come at once are looked up a few at a time, so that others'
            do not wait for all of them; tokens are not, for whoever waits for a set of keys would keep the others.
        waiting: In which a set of keys is waited for.

    Raises:
        NotAuthenticatedError: It is missing or not accepted.
    """
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise no_credential()
    given = bearer_secrets.parse(text)
    if given is not None:
        async with turn:
            return await run_in_threadpool(_handed_out, state, given, at)
    # Here: to check a signature takes less time than to hand it to another thread.
    return await state.issuers.principal_of(text, state.workspace.data_map, at, waiting)


def _handed_out(state: AppState, given: bearer_secrets.PresentedSecret, at: datetime) -> Principal:
    with reading(state.workspace.ledger) as connection:
        if given.prefix == api_keys.PREFIX:
            return api_keys.principal_of(connection, given, state.workspace.data_map, at)
        if given.prefix != FOLLOW_UP:
            raise not_accepted()
        row = requests.followed(connection, f"rq_{given.id}")
    if not bearer_secrets.matches(given, None if row is None else row.follow_up) or row is None:
        raise not_accepted()
    return Principal(
        "follower", frozenset({Role.FOLLOWER}), frozenset({Scope(row.controller)}), request=f"rq_{given.id}"
    )


def kind_of(credential: str | None) -> str:
    """What a credential claims to be: wrong ones of one kind are nobody's trouble who brings another."""
    if not credential:
        return "none"
    given = bearer_secrets.parse(credential.partition(" ")[2])
    return given.prefix if given is not None and given.prefix in {api_keys.PREFIX, FOLLOW_UP} else "token"


def counted_as(principal: Principal) -> str:
    """Whose calls they are counted as: people's by who they are, not by their application."""
    identifiers = sorted((key.namespace, key.value) for key in principal.identifiers)
    return json.dumps([principal.actor, identifiers, principal.request])
