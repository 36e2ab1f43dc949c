"""Call context: authenticates and authorises a call, and opens the transactions in which it reads and writes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_orchestrator.api import authentication, idempotency_header
from expunge_orchestrator.api.call_slots import CallSlots, Slot
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.api.waiting_calls import in_line
from expunge_orchestrator.api.work_breaks import WorkBreaks
from expunge_orchestrator.api.write_queue import WriteJob
from expunge_orchestrator.auth import strict_json, token_replay
from expunge_orchestrator.auth.errors import NotAuthenticatedError
from expunge_orchestrator.auth.permissions import Operation, is_allowed
from expunge_orchestrator.auth.principals import Principal
from expunge_orchestrator.ledger import Transaction, audit_log
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.subjects.sealed_spool import SealedSpool

P = ParamSpec("P")
T = TypeVar("T")

_BEARER = HTTPBearer(scheme_name="bearer", auto_error=False, description="A token, an API key or a follow-up token.")

_SHORT = 64 * 1024
"""Bytes of a body that are looked through faster than they are handed to another thread."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """One call that may be made.

    Attributes:
        at: When it came in.
        digest: Of what it asks for: method, path, key, body. A person's token is good for one of these.
        upload: The list that it carries.
    """

    state: AppState
    principal: Principal
    operation: Operation
    at: datetime
    digest: bytes = field(repr=False)
    upload: SealedSpool | None = field(default=None, repr=False)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that writes; the token is used up in it. Refused, it is used up before that is told."""
        with self.state.writer.transaction() as connection:
            self._use(connection)
            yield connection

    def write(self, job: WriteJob[T]) -> Future[T]:
        """Have a job done, which may share its transaction with other calls; the token is used up in it."""

        def done(connection: Transaction) -> T:
            self._use(connection)
            return job(connection)

        return self.state.writer.write(done)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that reads. A token is used up before, in one of its own."""
        if self.principal.token is not None:
            with self.state.writer.transaction() as connection:
                self._use(connection)
        with reading(self.state.workspace.ledger) as connection:
            yield connection

    def _use(self, connection: Transaction) -> None:
        if self.principal.token is not None:
            token_replay.consume(connection, self.principal.token, self.digest)

    def note(self, connection: Transaction, target: str | None, result: str = "done") -> None:
        """Write into the audit trail what was done."""
        audit_log.append(connection, self.at, self.principal.actor, self.operation.value, target, result)

    def noting(self, target: str) -> Callable[[Transaction], None]:
        """The same, for what has a transaction of its own: it is called in it."""
        return lambda connection: self.note(connection, target)

    def own(self, scope: Scope) -> None:
        """Refuse what is another controller's as if it were not there.

        Raises:
            ProblemError: It is not this principal's.
        """
        if not self.principal.speaks_for(scope):
            raise not_there()


def requires(operation: Operation) -> Callable[..., AsyncIterator[CallContext]]:
    """A dependency: the call, if it may be made, in its caller's turn."""

    async def dependency(request: Request, _: Annotated[object, Depends(_BEARER)]) -> AsyncIterator[CallContext]:
        """The call of whoever the bearer credential names."""
        state: AppState = request.app.state.shared
        principal, at = await authentication.authenticated(request)
        request.state.refused = _spending(state, principal, _digest(request, _hashed(b"")))
        if not is_allowed(principal, operation):
            async with turn(request, principal):
                await run_in_threadpool(_record_refusal, state, principal, operation, at)
            raise ProblemError(
                HTTPStatus.FORBIDDEN, "role-missing", "None of your roles allows this.", members={"needs": operation}
            )
        with _slot(request, principal, operation) as slot:
            # Only now: strangers are not listened to for long.
            if operation is Operation.BATCH_CREATE and slot is not None:
                with slot.coming():
                    upload, hashed = await _taken_in(request)
                digest = _digest(request, hashed)
                request.state.refused = _spending(state, principal, digest)
                yield CallContext(state, principal, operation, at, digest, upload)
                return
            body = await request.body()
            digest = _digest(request, await _aside(body, _hashed, body))
            request.state.refused = _spending(state, principal, digest)
            if request.scope["route"].body_field is not None:
                # Whatever the header calls it: FastAPI decides what it reads as JSON, not we.
                await _aside(body, reject_duplicate_members, body)
            async with turn(request, principal):
                yield CallContext(state, principal, operation, at, digest)

    return dependency


@asynccontextmanager
async def turn(request: Request, principal: Principal) -> AsyncIterator[None]:
    """A caller's turn, and of those who call for clients that of all keys of each of these."""
    shared, scope = request.app.state, request.scope
    async with in_line(scope, shared.turns.taken(authentication.counted_as(principal))):
        if principal.identifiers or principal.request is not None:
            yield
            return
        clients = _who_is_one(principal, shared.shared.workspace.data_map)
        async with in_line(scope, shared.turns_of_clients.taken(*clients)):
            yield


def _slot(request: Request, principal: Principal, operation: Operation) -> AbstractContextManager[Slot | None]:
    """A slot for a heavy call, until it is answered."""
    slots: Mapping[Operation, CallSlots] = request.app.state.slots
    if operation not in slots:
        return nullcontext()
    return slots[operation].taken(_who_is_one(principal, request.app.state.shared.workspace.data_map))


def _who_is_one(principal: Principal, data_map: DataMap) -> frozenset[Hashable]:
    """Of whom a call takes a slot or turn: of the clients it speaks for, whoever issued their keys.

    Who speaks for every client, of a kind or of all, is one by themselves.
    """
    named = principal.controllers
    if named is None or any(one.member is None and data_map.controllers[one.controller].many for one in named):
        return frozenset([principal.actor])
    return frozenset(named)


async def _taken_in(request: Request) -> tuple[SealedSpool, bytes]:
    """A list that was sent, and its hash. Nothing else waits for its way to the disk."""
    spool, hashed = SealedSpool(pauses=lambda: WorkBreaks().take), hashlib.sha256()

    def keep(piece: bytes) -> None:
        hashed.update(piece)
        spool.write(piece)

    async for piece in request.stream():
        await _aside(piece, keep, piece)
    return spool, hashed.digest()


def _spending(state: AppState, principal: Principal, digest: bytes) -> Callable[[], None]:
    """What is done before a call is answered with a refusal: its token is used up, as by a call that is granted.

    What the call wrote was rolled back, and the use of its token with it.
    """

    def spend() -> None:
        if principal.token is not None:
            with (
                suppress(NotAuthenticatedError),
                state.writer.transaction() as connection,
            ):  # used up by another call before
                token_replay.consume(connection, principal.token, digest)

    return spend


async def _aside(body: bytes, look: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Look at a body, at a long one in another thread: nobody else's call waits for it."""
    return look(*given, **named) if len(body) <= _SHORT else await run_in_threadpool(look, *given, **named)


def reject_duplicate_members(body: bytes) -> None:
    """Refuse JSON in which an object has two members of one name.

    Of two people it would be the last one who is erased.

    Raises:
        ProblemError: It has, or nobody can look: it is nested too deeply. The name is not repeated.
    """
    try:
        strict_json.parse(body)
    except strict_json.DuplicateMemberError:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "call-unusable", "The body has two members of one name in one object."
        ) from None
    except strict_json.TooDeepError:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "call-unusable", "The body is nested too deeply.") from None
    except ValueError:
        return  # whatever is no JSON was refused before, where JSON was expected


def _hashed(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _digest(request: Request, body: bytes) -> bytes:
    """Of what a call asks for; of its body the hash."""
    digest = hashlib.sha256()
    key = request.headers.get(idempotency_header.HEADER)
    for part in (request.method, request.scope["path"], request.scope["query_string"], key, body):
        told = part.encode() if isinstance(part, str) else part or b""
        digest.update(len(told).to_bytes(8) + told)
    return digest.digest()


def _record_refusal(state: AppState, principal: Principal, operation: Operation, at: datetime) -> None:
    with state.writer.transaction() as connection:
        audit_log.append_refused(connection, at, principal.actor, operation.value, "role-missing")
