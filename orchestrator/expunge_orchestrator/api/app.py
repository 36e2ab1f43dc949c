"""FastAPI application: routers, middleware, problem details and guards, put together."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from math import inf

from fastapi import Depends, FastAPI

from expunge_orchestrator.api import call_slots, openapi, problems
from expunge_orchestrator.api.batch_watches import BatchWatches
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import Guard
from expunge_orchestrator.api.opendsr import app as opendsr
from expunge_orchestrator.api.query_parameters import refuse_unknown
from expunge_orchestrator.api.rate_limit import RateLimiter
from expunge_orchestrator.api.readiness import Readiness
from expunge_orchestrator.api.routes import ROUTERS
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.auth.permissions import Operation


def build(state: AppState) -> FastAPI:
    """The application over this state. Nothing is contacted."""
    app = FastAPI(
        title="Expunge",
        version=version("expunge"),
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,  # a page that loads scripts from elsewhere; docs/api.md is ours
        redoc_url=None,
        openapi_url="/openapi.json",
        dependencies=[Depends(refuse_unknown)],
        responses={HTTPStatus.BAD_REQUEST.value: openapi.PROBLEMS[HTTPStatus.BAD_REQUEST]},
        generate_unique_id_function=openapi.operation_id,
        redirect_slashes=False,  # to an address that the caller's Host header names, query included
    )
    metrics = Metrics()
    settings = state.workspace.settings.api
    app.state.shared = state
    app.state.metrics = metrics
    app.state.ending = lambda: False  # whoever serves it knows better
    app.state.limiter = limiter = RateLimiter(settings, state.workspace.keys.lookup)
    patience = settings.call_timeout.total_seconds()
    app.state.slots = {
        Operation.BATCH_CREATE: call_slots.upload_slots(settings.uploads, patience),
        Operation.LOCATE: call_slots.locate_slots(settings.locates, patience),
    }
    app.state.turns = call_slots.CallTurns()
    app.state.turns_of_clients = call_slots.CallTurns(call_slots.TURNS_OF_CLIENT)
    app.state.lookups = call_slots.AddressTurns(settings.proxies, line=inf)
    app.state.public_turns = call_slots.AddressTurns(settings.proxies)
    app.state.watches = BatchWatches()
    app.state.readiness = Readiness(state.workspace.ledger)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, responses=openapi.PROBLEMS if router.prefix else None)
    if settings.opendsr is not None:
        controllers = opendsr.build(settings.opendsr)
        controllers.state.shared, controllers.state.limiter = state, limiter
        for name in ("slots", "turns", "turns_of_clients", "lookups", "public_turns"):
            setattr(controllers.state, name, getattr(app.state, name))
        app.mount(opendsr.PATH, controllers)
    app.add_middleware(Guard, settings=settings, metrics=metrics, limiter=limiter)
    openapi.describe(app)
    return app
