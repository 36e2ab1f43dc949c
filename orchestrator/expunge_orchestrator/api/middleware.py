"""ASGI middleware: limits on a call's size and time, and the access log.

Longer than most modules: one object sees a call from its first byte to its last, and what it counts is one state.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from math import inf
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_orchestrator.api import answer_streams, body_codings, refusal_pace
from expunge_orchestrator.api.answer_streams import AnswerStream, Listener
from expunge_orchestrator.api.authentication import UNJUDGED, kind_of
from expunge_orchestrator.api.call_slots import CallTurns
from expunge_orchestrator.api.connection_limits import is_proxy
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.problems import ProblemError, answer, not_there
from expunge_orchestrator.api.rate_limit import RateLimiter, network_of
from expunge_orchestrator.api.waiting_calls import LINE, Line, hold_back, leave_line
from expunge_orchestrator.ledger.failures import LedgerDatabaseError

_ACCESS = logging.getLogger("expunge.access")

_LOG = logging.getLogger("expunge.api")

UPLOAD = ("POST", "/v1/batches")
"""Carries a list, and takes as long as planning it takes."""

SLOWEST = 16 * 1024
"""Bytes a second that an upload has to bring, once the time for a call is over."""

BODY_COMES = 10.0
"""Seconds in which the body of any other call is there, of its 64 KiB at most, from when it is asked for."""

PUBLIC = re.compile(
    r"/metrics|/openapi\.json|/v1/(trust|log/.*)|/opendsr/v2/(discovery|certificate\.pem|openapi\.json)"
)
"""Needs no credential. Health checks do not either, but whoever watches over the server is not to be told wrong."""

HEALTH = ("/healthz", "/readyz")
"""Wait for no other call."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
"""No path of ours holds one; Starlette's `$` matches before a last newline, and would answer `/metrics%0A`."""

_COUNTED_BEFORE = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
_MOST_DIGITS = 15
_TOO_LARGE = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large.")
_LATE = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "took-too-long", "The call took too long.")
_NUL = ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "call-unusable", "The query holds a NUL character.")
_DEFECT = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "defect", "A defect of Expunge.")


class _TooLargeError(HTTPException):
    """The body is larger than allowed. FastAPI lets this kind of error through while it reads a body."""

    def __init__(self) -> None:
        super().__init__(_TOO_LARGE.status)


class _LateBodyError(HTTPException):
    """The body is not there in time. As above."""

    def __init__(self) -> None:
        super().__init__(_LATE.status)


@dataclass(slots=True)
class _Call:
    """What is known of a call.

    Attributes:
        status: Of its answer; 0 before there is one.
        held: What is held until its answer has ended.
    """

    method: str
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    started: float = field(default_factory=time.perf_counter)
    status: int = 0
    route: str = "none"
    actor: str | None = None
    held: ExitStack = field(default_factory=ExitStack)


class Guard:
    """Bounds size and time of a call, and writes one line about it: never a path, a query, a body or an address."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics, limiter: RateLimiter) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._limiter = limiter
        self._lines = CallTurns(1, inf)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(scope["method"] if scope["method"] in _METHODS else "other")  # it is the caller's text, too
        try:
            stream = await self._answered(call, answer_streams.own_scope(scope, call.held), receive, send)
            if stream is not None:
                await self._go_on(stream, Listener(receive, send, scope))
        finally:
            call.held.close()
            spent = time.perf_counter() - call.started
            self._metrics.call(call.method, call.route, call.status, spent)
            line: dict[str, Any] = {
                "call": call.name,
                "method": call.method,
                "route": call.route,
                "status": call.status,
                "ms": round(1000 * spent, 1),
                "actor": call.actor,
            }
            _ACCESS.info(json.dumps(line, separators=(",", ":")))

    async def _answered(self, call: _Call, scope: Scope, receive: Receive, send: Send) -> AnswerStream | None:
        """Have a call answered: what is still to be sent when it has ended well."""
        replaced = False

        async def sending(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return
            if message["type"] == "http.response.start":
                call.status = message["status"]
                if call.status >= HTTPStatus.BAD_REQUEST:
                    await _refuse(scope)
                    many = await self._too_many_refused(scope, call.status)
                    if many is not None:
                        await answer(many)(scope, receive, sending)
                        replaced = True
                        return
                    await self._hold_back(scope, call.status)
                await leave_line(scope)  # an answer that nobody takes keeps nobody else waiting
                headers = [*message["headers"], (b"x-request-id", call.name.encode()), *_SAFE]
                message = {**message, "headers": headers}
            await send(message)

        try:
            well = await self._bounded(call, scope, receive, sending)
        finally:
            matched = getattr(scope.get("route"), "path", None)
            call.route = "none" if matched is None else scope.get("root_path", "") + matched
            call.actor = scope["state"].get("actor")
        return answer_streams.stream_of(scope) if well else None

    async def _too_many_refused(self, scope: Scope, status: int) -> ProblemError | None:
        """What is told instead of a refusal of whoever brought no accepted credential, after too many of these.

        Missing and wrong credentials are counted where they are looked at. What the installation cannot do is said.
        """
        counted = status in _COUNTED_BEFORE or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if counted or scope["state"].get("actor") is not None:
            return None
        try:
            await self._limiter.count_guess("refused", scope["client"][0] if scope["client"] else "")
        except ProblemError as many:
            return many
        return None

    async def _hold_back(self, scope: Scope, status: int) -> None:
        """Let a refusal wait that is one of many: for the number of calls, or of a caller whom nobody knows.

        What the installation cannot do is told at once, unless it is to say whose the call is: it may be anybody's. A
        named proxy speaks for many, and whatever of it waits keeps others' calls waiting there.
        """
        known, too_many = scope["state"].get("actor"), status == HTTPStatus.TOO_MANY_REQUESTS
        ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR and UNJUDGED not in scope["state"]
        if ours or (known is not None and not too_many):
            return
        kind, address = _credential_and_address(scope)
        pause = refusal_pace.HELD_BACK if too_many else 0.0
        if not is_proxy(address, self._settings.proxies):
            pause = self._limiter.pause(known or kind, address, pause)
        if LINE in scope["state"]:
            await asyncio.sleep(refusal_pace.REST)
            await leave_line(scope)
        if pause > 0:
            await hold_back(scope, pause)

    async def _stand_in_line(self, held: AsyncExitStack, scope: Scope) -> None:
        """Let a call of a caller who is refused too often wait for the others, before anything of it is looked at.

        A caller who does not wait for refusals is not slowed down by their being held back.
        """
        kind, address = _credential_and_address(scope)
        if scope["path"] in HEALTH or is_proxy(address, self._settings.proxies):
            return
        if self._limiter.owes(kind, address):
            line = scope["state"][LINE] = Line(scope, partial(self._lines.taken, (kind, network_of(address))))
            held.push_async_callback(line.leave)
            await line.stand()

    async def _bounded(self, call: _Call, scope: Scope, receive: Receive, send: Send) -> bool:
        """Have a call answered, within its limits: whether it went well."""
        upload = (scope["method"], scope["path"]) == UPLOAD
        limit = self._settings.max_upload if upload else self._settings.max_body
        patience = self._settings.call_timeout.total_seconds()
        left, complete = limit, False
        began: float | None = None

        async def receiving() -> Message:
            nonlocal left, complete, began
            # From here on: a call may have waited for its turn, and a client that expects 100 sends nothing before.
            began = asyncio.get_running_loop().time() if began is None else began
            # An upload may take as long as it is large, but not trickle: each byte gains it no more than its share.
            latest = began + (patience + (limit - left) / SLOWEST if upload else BODY_COMES)
            try:
                async with asyncio.timeout_at(None if complete else latest):
                    message = await receive()
            except TimeoutError:
                raise _LateBodyError from None
            left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if left < 0:
                raise _TooLargeError
            return message

        refused = await self._refusal(scope, limit) or body_codings.refusal(scope, a_list=upload)
        if refused is not None:
            await answer(refused)(scope, receive, send)
            return False
        try:
            async with asyncio.timeout(None if upload else patience), AsyncExitStack() as held:
                await self._stand_in_line(held, scope)
                await self._app(scope, receiving, send)
        except _TooLargeError:
            wrong = _TOO_LARGE
        except (
            _LateBodyError,
            TimeoutError,
            asyncio.CancelledError,
        ):  # cancelled: the server ends, and would write where it was
            wrong = _LATE
        except Exception as error:  # noqa: BLE001 - whoever is above us would write its text, which may hold a value
            _LOG.error("defect %s", type(error).__name__)
            wrong = _DEFECT
        else:
            return True
        if not call.status:
            await answer(wrong)(scope, receive, send)
        return False

    async def _go_on(self, stream: AnswerStream, listener: Listener) -> None:
        """Send the rest of an answer, for as long as it may take; what stops it before its end ends the connection."""
        try:
            async with asyncio.timeout((self._settings.events_for + self._settings.call_timeout).total_seconds()):
                await stream.send_to(listener)
        except (TimeoutError, asyncio.CancelledError):  # cancelled: as above
            return
        except Exception as error:  # noqa: BLE001 - as above
            _LOG.error("defect %s", type(error).__name__)

    async def _refusal(self, scope: Scope, limit: int) -> ProblemError | None:
        """Why a call is refused before anybody looks at it."""
        if _declared(scope) > limit:
            return _TOO_LARGE
        if _CONTROLS.search(scope["path"]):
            return not_there()
        # Postgres takes no text with it: a ledger there would seem to be down.
        if b"%00" in scope["query_string"]:
            return _NUL
        if PUBLIC.fullmatch(scope["path"]):
            try:
                await self._limiter.count_public(scope["client"][0] if scope["client"] else "")
            except ProblemError as many:
                return many
        return None


async def _refuse(scope: Scope) -> None:
    """Let be written what a refused call leaves behind (`call_context.requires`), before its caller hears of it."""
    leave: Callable[[], None] | None = scope["state"].get("refused")
    if leave is None:
        return
    try:
        await run_in_threadpool(leave)
    except LedgerDatabaseError as error:  # the refusal stands: nothing else could be granted
        _LOG.error("ledger: %s", type(error).__name__)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def _credential_and_address(scope: Scope) -> tuple[str, str]:
    """What kind of credential a call brings, and from where it comes."""
    credential = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return kind_of(credential.decode("latin-1")), scope["client"][0] if scope["client"] else ""


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                return 0
            return int(value[: _MOST_DIGITS + 1])
    return 0
