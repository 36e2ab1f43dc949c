"""Liveness, readiness, metrics. They need no credential and say nothing about people; a proxy keeps them inside."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.openapi import problem
from expunge_orchestrator.api.readiness import Readiness

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
async def get_metrics(request: Request) -> Response:
    """Metrics for Prometheus, as of a moment ago."""
    found: Metrics = request.app.state.metrics
    return Response(await found.text(request.app.state.shared), media_type="text/plain; version=0.0.4; charset=utf-8")
