"""OpenDSR endpoints: discovery and requests. Callers are authenticated as everywhere (ADR 12)."""

from __future__ import annotations

import logging
from base64 import b64encode
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from expunge_config.api_settings import OpenDsr
from expunge_config.errors import ExpungeError
from expunge_connectors.contract import Scope
from expunge_orchestrator.api import problems
from expunge_orchestrator.api.authentication import CredentialFirst
from expunge_orchestrator.api.call_context import CallContext, requires
from expunge_orchestrator.api.call_slots import InAddressTurn
from expunge_orchestrator.api.identifiers import identifiers_of
from expunge_orchestrator.api.openapi import PROBLEM_MEDIA_TYPE, operation_id
from expunge_orchestrator.api.opendsr.schemas import (
    Accepted,
    Discovery,
    Refused,
    StatusResponse,
    SubjectRequest,
    Supported,
    Withdrawn,
)
from expunge_orchestrator.api.opendsr.signing import Processor
from expunge_orchestrator.api.opendsr.statuses import more_of, status_of
from expunge_orchestrator.api.problems import ProblemError, not_there
from expunge_orchestrator.api.query_parameters import refuse_unknown
from expunge_orchestrator.api.request_responses import submit
from expunge_orchestrator.auth.permissions import Operation
from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.json_views import erasure_request_view
from expunge_orchestrator.ledger import Transaction, idempotency, requests
from expunge_orchestrator.ledger.failures import LedgerDatabaseError
from expunge_orchestrator.ledger.requests import Origin
from expunge_orchestrator.requests import response_deadlines, submission, withdrawal
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, require_plausible
from expunge_reports.errors import ReportError

PATH = "/opendsr/v2"
ONE_MONTH = timedelta(days=30)
"""Expected, where the map promises nothing for this controller."""

CERTIFICATE = "application/x-pem-file"

_LOG = logging.getLogger("expunge.api")

_PROBLEM = {PROBLEM_MEDIA_TYPE: {"schema": {"type": "object", "required": ["type", "title", "status", "detail"]}}}

_REFUSED: tuple[tuple[int, str, bool], ...] = (
    (400, "Not of the specified form, or not supported", False),
    (401, "No credential that is accepted", False),
    (403, "None of your roles allows it", False),
    (404, "Not there, or not yours", True),
    (409, "Not possible as things stand", False),
    (413, "Too large", True),
    (415, "In a coding that is not read", True),
    (429, "Too many calls", True),
    (503, "The installation cannot do it now", True),
)

REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"description": "The address cannot be used", "content": _PROBLEM},
    **{
        status: {"model": Refused, "description": told, "content": _PROBLEM if before else {}}
        for status, told, before in _REFUSED
    },
}
"""What guards every call answers before it is known to be of OpenDSR is a problem (RFC 9457)."""


def build(settings: OpenDsr) -> FastAPI:
    """The application, to be mounted at `PATH`.

    Raises:
        KeysError: Certificate or key cannot be used.
    """
    processor = Processor.load(settings)
    app = FastAPI(
        title="OpenDSR",
        version="2.0",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=REFUSED,
        dependencies=[Depends(refuse_unknown)],
        generate_unique_id_function=operation_id,
    )
    app.router.route_class = CredentialFirst
    app.add_exception_handler(ExpungeError, _refused)
    for kind in (ReportError, LedgerDatabaseError, HTTPException):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _defect)

    public = APIRouter(route_class=InAddressTurn)

    @public.get("/discovery", response_model=Discovery)
    def get_discovery() -> Response:
        """What is supported, and where the certificate is."""
        identities = tuple(Supported(identity_type=name) for name in sorted(settings.identities))
        certificate = f"https://{processor.domain}{PATH}/certificate.pem"
        return _signed(processor, Discovery(supported_identities=identities, processor_certificate=certificate))

    @public.get(
        "/certificate.pem", response_class=Response, responses={200: {"content": {CERTIFICATE: {}}, "description": ""}}
    )
    def get_certificate() -> Response:
        """The certificate that answers are signed with."""
        return Response(processor.certificate, media_type=CERTIFICATE)

    app.include_router(public)

    @app.post("/requests", status_code=HTTPStatus.CREATED, response_model=Accepted)
    async def create_request(
        call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CREATE))],
        wanted: SubjectRequest,
        asked: Request,
    ) -> Response:
        """Take a request in. The same one again (same id, same content) is answered with what was made of it."""
        body = await asked.body()
        return await run_in_threadpool(_create, call, settings, processor, wanted, body)

    @app.get("/requests/{subject_request_id}", response_model=StatusResponse)
    def get_request(
        call: Annotated[CallContext, Depends(requires(Operation.REQUEST_READ))], subject_request_id: UUID
    ) -> Response:
        """How far it is."""
        return _signed(processor, _status(call, processor, subject_request_id))

    @app.delete("/requests/{subject_request_id}", status_code=HTTPStatus.ACCEPTED, response_model=Withdrawn)
    def cancel_request(
        call: Annotated[CallContext, Depends(requires(Operation.REQUEST_CANCEL))], subject_request_id: UUID
    ) -> Response:
        """Take it back while it is pending."""
        with call.writing() as connection:
            wanted = _found(call, connection, subject_request_id)
            withdrawal.cancel(connection, wanted, call.principal.actor, call.at)
            call.note(connection, wanted.uid)
        told = Withdrawn(
            controller_id=str(wanted.scope),
            subject_request_id=str(subject_request_id),
            received_time=stamp(call.at),
        )
        return _signed(processor, told, HTTPStatus.ACCEPTED)

    return app


def _create(
    call: CallContext, settings: OpenDsr, processor: Processor, wanted: SubjectRequest, body: bytes
) -> Response:
    workspace = call.state.workspace
    scope = _scope(call, processor, wanted)
    if wanted.subject_request_type != "erasure":
        raise _bad("only erasure is supported here; `expunge locate` is the base of an access request")
    if wanted.status_callback_urls:
        raise _bad("status callbacks are not supported: ask for the status")
    try:
        require_plausible(wanted.submitted_time, call.at)
    except TimeOfReceiptError as refused:
        raise _bad(f"submitted_time {refused}") from None
    identifiers: dict[str, str] = {}
    for number, one in enumerate(wanted.subject_identities):
        name = settings.identities.get(one.identity_type)
        if name is None or one.identity_format != "raw":
            raise _bad(f"subject_identities.{number}: this type or format is not supported")
        if identifiers.setdefault(name, one.identity_value) != one.identity_value:
            raise _bad(f"subject_identities.{number}: two values of one type; send one request for each person")
    asked = submission.RequestSubmission(
        origin=Origin.CONTROLLER,
        scope=scope,
        identifiers=identifiers_of(identifiers, workspace.data_map),
        asked_by=call.principal.actor,
        received_at=call.at,
        due_at=call.at,
        controller_received_at=wanted.submitted_time,
        deadlines=response_deadlines.clocks_of(scope, workspace.data_map, call.at, wanted.submitted_time),
    )
    intake = submission.prepare(asked, _key(wanted.subject_request_id), workspace.keys, workspace.data_map)
    received, _ = call.write(lambda connection: submit(call, connection, intake)).result()
    if received.created:
        call.state.wake()
    told = Accepted(
        controller_id=str(scope),
        expected_completion_time=_expected(received.request),
        received_time=received.request.received_at,
        encoded_request=b64encode(body).decode(),
        subject_request_id=str(wanted.subject_request_id),
    )
    return _signed(processor, told, HTTPStatus.CREATED)


def _scope(call: CallContext, processor: Processor, wanted: SubjectRequest) -> Scope:
    """For whom it is: who may speak for one controller only need not say it."""
    own = wanted.extensions.get(processor.domain, {})
    if not isinstance(own, dict) or not isinstance(own.get("controller", ""), str):
        raise _bad("your extension is an object, and its controller a text: {domain: {controller: client:42}}")
    if "controller" in own:
        scope = parse_scope(own["controller"], call.state.workspace.data_map)
        call.own(scope)
        return scope
    reaches = list(call.principal.controllers or ())
    if len(reaches) != 1:
        raise _bad("name the controller in your extension: {domain: {controller: client:42}}")
    return parse_scope(str(reaches[0]), call.state.workspace.data_map)


def _found(call: CallContext, connection: Transaction, subject_request_id: UUID) -> requests.Request:
    uid = idempotency.target(connection, call.principal.actor, _key(subject_request_id), call.state.workspace.keys)
    if uid is None:
        raise not_there()
    wanted = requests.by_uid(connection, uid)
    call.own(wanted.scope)
    return wanted


def _status(call: CallContext, processor: Processor, subject_request_id: UUID) -> StatusResponse:
    with call.reading() as connection:
        wanted = _found(call, connection, subject_request_id)
        members = erasure_request_view(connection, wanted)
    # The receipt is where it is proved.
    more = {
        "erasure_request_id": wanted.uid,
        "receipt_id": members["receipt_id"],
        **more_of(members["state"], wanted.reason),
    }
    return StatusResponse(
        controller_id=str(wanted.scope),
        expected_completion_time=_expected(wanted),
        subject_request_id=str(subject_request_id),
        request_status=status_of(members["state"]),
        extensions={processor.domain: more},
    )


def _key(subject_request_id: UUID) -> str:
    return f"opendsr {subject_request_id}"


def _expected(request: requests.Request) -> str:
    due = None if request.deadlines is None else request.deadlines["answerBy"]
    return str(due or stamp(parse(request.received_at) + ONE_MONTH))


def _signed(processor: Processor, told: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    body = told.model_dump_json().encode()
    return Response(body, status.value, processor.headers(body), "application/json")


def _bad(reason: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "call-unusable", reason)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    """Section 7.6: OpenDSR's own form of errors."""
    problem = problems.of(error) if isinstance(error, ExpungeError) else problems.of_other(error)
    # What cannot be used is 400 here; there is no 422 in the specification.
    status = HTTPStatus.BAD_REQUEST if problem.status is HTTPStatus.UNPROCESSABLE_ENTITY else problem.status
    return _error(status, problem.slug, problem.message, problems.headers_of(problem))


async def _malformed(_request: Request, _why: Exception) -> JSONResponse:
    return _error(HTTPStatus.BAD_REQUEST, "call-unusable", "The call is not of the specified form.", {})


async def _defect(_request: Request, error: Exception) -> JSONResponse:
    _LOG.error("defect %s", type(error).__name__)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "defect", "A defect of Expunge.", {})


def _error(status: HTTPStatus, reason: str, message: str, headers: dict[str, str]) -> JSONResponse:
    detail = {"domain": "Expunge", "reason": reason, "message": message}
    return JSONResponse(
        {"error": {"code": status.value, "message": message, "errors": [detail]}}, status.value, headers
    )
