"""Problem details (RFC 9457): errors as JSON, without any value of the call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from expunge_config.errors import ConfigError, ExpungeError, InputError, UsageError
from expunge_connectors.errors import ConnectorError, UnknownMemberError
from expunge_orchestrator.api import idempotency_header
from expunge_orchestrator.api.openapi import PROBLEM_MEDIA_TYPE, declared_names
from expunge_orchestrator.auth.errors import NotAuthenticatedError
from expunge_orchestrator.errors import (
    BatchBlockedError,
    DeadlineError,
    ExtensionRefusedError,
    FindingsError,
    KeysError,
    LedgerError,
    NotConfirmedError,
    PlanChangedError,
    UnknownBatchError,
)
from expunge_orchestrator.ledger.failures import LedgerDatabaseError
from expunge_orchestrator.ledger.idempotency import KeyReusedError
from expunge_orchestrator.ledger.requests import UnknownRequestError
from expunge_orchestrator.requests.submission import AnotherOpenError
from expunge_orchestrator.requests.withdrawal import AlreadyOverError, TooLateError
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError
from expunge_reports.errors import ReportError

AGAIN_AFTER = 10
"""Seconds after which a call may be repeated that the installation could not answer."""
MOST_ERRORS = 20
"""Places of a call that are told to be wrong."""
_TYPE = "https://expunge.dev/problems/"
_LOG = logging.getLogger("expunge.api")


class ProblemError(ExpungeError):
    """A call cannot be answered as it was meant.

    Args:
        status: HTTP status.
        slug: Ends the problem's `type`; stable, documented in docs/api.md.
        message: What happened.
        remedy: What the caller can do.
        headers: To be sent along.
        members: Further members of the problem; no values.
    """

    def __init__(  # noqa: PLR0913 - the problem's members
        self,
        status: HTTPStatus,
        slug: str,
        message: str,
        *,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.slug = status, slug
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        super().__init__(message, remedy=remedy)


def not_there() -> ProblemError:
    """It does not exist, or is not yours: the same answer."""
    return ProblemError(HTTPStatus.NOT_FOUND, "not-found", "There is nothing of that name.")


def not_received_then(name: str, refused: TimeOfReceiptError) -> ProblemError:
    """What `name` says cannot be when a request was received."""
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        refused.code,
        f"{name} {refused}.",
        remedy="Say when the request was received, or leave it away.",
    )


_STATUS: tuple[tuple[type[ExpungeError], HTTPStatus, str], ...] = (
    (KeyReusedError, HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
    (AnotherOpenError, HTTPStatus.CONFLICT, "another-request-open"),
    (TooLateError, HTTPStatus.CONFLICT, "too-late"),
    (AlreadyOverError, HTTPStatus.CONFLICT, "already-over"),
    (ExtensionRefusedError, HTTPStatus.CONFLICT, "extension-refused"),
    (DeadlineError, HTTPStatus.UNPROCESSABLE_ENTITY, "received-later"),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY, "people-unusable"),
    (UsageError, HTTPStatus.CONFLICT, "not-possible-now"),
    (NotConfirmedError, HTTPStatus.CONFLICT, "not-confirmed"),
    (BatchBlockedError, HTTPStatus.CONFLICT, "waits-for-somebody"),
    (FindingsError, HTTPStatus.CONFLICT, "findings-block"),
    (PlanChangedError, HTTPStatus.CONFLICT, "plan-changed"),
    (UnknownMemberError, HTTPStatus.UNPROCESSABLE_ENTITY, "people-unusable"),  # as a controller that is not there
    (ConnectorError, HTTPStatus.SERVICE_UNAVAILABLE, "store-failed"),
    (LedgerError, HTTPStatus.SERVICE_UNAVAILABLE, "ledger-unavailable"),
    (KeysError, HTTPStatus.SERVICE_UNAVAILABLE, "keys-unavailable"),
    (ConfigError, HTTPStatus.SERVICE_UNAVAILABLE, "settings-unusable"),
)
"""The first that fits. What is of the installation is 503: the caller cannot mend it."""


def install(app: FastAPI) -> None:
    """Make every error a problem."""
    app.add_exception_handler(ExpungeError, _expunge)
    for kind in (ReportError, LedgerDatabaseError, HTTPException):
        app.add_exception_handler(kind, _other)
    app.add_exception_handler(RequestValidationError, _validation)


def of(error: ExpungeError) -> ProblemError:
    """The problem that an error is."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, NotAuthenticatedError):
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            error.slug,
            error.message,
            remedy=error.remedy,
            headers={"WWW-Authenticate": "Bearer"},
        )
    if isinstance(error, UnknownRequestError | UnknownBatchError):
        return not_there()  # to the letter: "no such request" would tell apart what is another's from what is nobody's
    for kind, status, slug in _STATUS:
        if isinstance(error, kind):
            # Remedies of the command line name commands; who calls the API has none.
            remedy = error.remedy if error.remedy and "expunge " not in error.remedy else None
            return ProblemError(status, slug, error.message, remedy=remedy)
    _LOG.error("unforeseen %s", type(error).__name__)
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "defect", "A defect of Expunge.")


def answer(problem: ProblemError) -> JSONResponse:
    """A problem as a response."""
    content = {
        "type": f"{_TYPE}{problem.slug}",
        "title": problem.slug.replace("-", " ").capitalize(),
        "status": problem.status.value,
        "detail": problem.message,
        **({} if problem.remedy is None else {"remedy": problem.remedy}),
        **problem.members,
    }
    return JSONResponse(content, problem.status.value, headers_of(problem), PROBLEM_MEDIA_TYPE)


def headers_of(problem: ProblemError) -> dict[str, str]:
    """What is sent along: of what the installation cannot do now also when to ask again (RFC 9110, 10.2.3)."""
    later = {"Retry-After": str(AGAIN_AFTER)} if problem.status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return {**later, **problem.headers}


def of_other(error: Exception) -> ProblemError:
    """The problem that an error of a library is: of receipts, of the ledger, of the framework."""
    if isinstance(error, ReportError):
        _LOG.error("receipts: %s", type(error).__name__)
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "receipts-unavailable", "Receipts cannot be read now.")
    if isinstance(error, LedgerDatabaseError):
        _LOG.error("ledger: %s", type(error).__name__)
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "ledger-unavailable", "The ledger cannot be used now.")
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # FastAPI's word for a body that nobody can parse; what it can, it answers 422
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug, told = _PLAIN.get(status, (status.phrase.lower().replace(" ", "-"), status.description or status.phrase))
    return ProblemError(status, slug, told, headers=error.headers)


async def _expunge(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ExpungeError)
    return answer(of(error))


async def _other(_request: Request, error: Exception) -> JSONResponse:
    return answer(of_other(error))


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    known, errors = declared_names(request.app), error.errors()
    for one in errors:
        if one["loc"] == ("header", idempotency_header.HEADER):
            slug, message, remedy = idempotency_header.refusal(missing=one["type"] == "missing")
            return answer(ProblemError(HTTPStatus.BAD_REQUEST, slug, message, remedy=remedy))
    members = {"errors": [{"at": _place(one["loc"], known), "error": one["type"]} for one in errors[:MOST_ERRORS]]}
    return answer(
        ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "call-unusable",
            "The call is not of the documented form.",
            members=members,
        )
    )


def _place(where: tuple[int | str, ...], known: frozenset[str]) -> str:
    """Where in the call; a name that the caller made up is not repeated: it may be somebody's address."""
    return ".".join(str(part) if isinstance(part, int) or part in known else "*" for part in where)


_PLAIN = {
    HTTPStatus.UNPROCESSABLE_ENTITY: ("call-unusable", "The call is not of the documented form."),
    HTTPStatus.NOT_FOUND: ("not-found", "There is nothing of that name."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body-too-large", "The body is too large."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("took-too-long", "The call took too long."),
}
"""What the framework refuses by itself, in our words."""
