"""Liveness, readiness, metrics. They need no credential and say nothing about people; a proxy keeps them inside."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.openapi import problem
from expunge_orchestrator.api.readiness import Readiness
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.ledger.database import reading

router = APIRouter(tags=["health"])


@router.get("/healthz", response_class=PlainTextResponse)
async def get_health() -> str:
    """Whether the process answers."""
    return "ok\n"


@router.get("/readyz", response_class=PlainTextResponse)
async def get_readiness(request: Request) -> str:
    """Whether the ledger answers, so that requests can be accepted."""
    readiness: Readiness = request.app.state.readiness
    await readiness.confirm()
    return "ready\n"


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={HTTPStatus.TOO_MANY_REQUESTS.value: problem("Too many calls")},
)
def get_metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    state: AppState = request.app.state.shared
    found: Metrics = request.app.state.metrics
    with reading(state.workspace.ledger) as connection:
        return Response(found.text(connection, state.clock()), media_type="text/plain; version=0.0.4; charset=utf-8")
