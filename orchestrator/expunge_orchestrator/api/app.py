"""The application: routes, problems, guards, put together."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from expunge_orchestrator.api import problems, schemas
from expunge_orchestrator.api.metrics import Metrics
from expunge_orchestrator.api.middleware import Guard
from expunge_orchestrator.api.opendsr import app as opendsr
from expunge_orchestrator.api.rate_limit import RateLimiter
from expunge_orchestrator.api.routes import ROUTERS
from expunge_orchestrator.api.schemas.common import problem
from expunge_orchestrator.api.state import AppState

DESCRIPTION = (
    "Erase a person, follow every backup copy, and prove it. Errors are problem details (RFC 9457). Identifiers travel "
    "in bodies and tokens, never in an address."
)

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: problem(told)
    for status, told in (
        (400, "The call lacks something"),
        (401, "No credential that is accepted"),
        (403, "None of your roles allows it"),
        (404, "Not there, or not yours"),
        (409, "Not possible as things stand"),
        (413, "Too large"),
        (422, "Not of the documented form"),
        (429, "Too many calls"),
        (503, "The installation cannot do it now"),
    )
}


def build(office: AppState) -> FastAPI:
    """The application of an office. Nothing is contacted."""
    app = FastAPI(
        title="Expunge",
        version=version("expunge"),
        description=DESCRIPTION,
        docs_url=None,  # a page that loads scripts from elsewhere; docs/api.md is ours
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # to an address that the caller's Host header names, query included
    )
    metrics = Metrics()
    settings = office.workspace.settings.api
    app.state.office = office
    app.state.metrics = metrics
    app.state.ending = lambda: False  # whoever serves it knows better
    app.state.limiter = limiter = RateLimiter(settings, office.workspace.keys.lookup)
    app.state.field_names = frozenset(_field_names())
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, responses=_PROBLEMS if router.prefix else None)
    if settings.opendsr is not None:
        controllers = opendsr.build(settings.opendsr)
        controllers.state.office, controllers.state.limiter = office, limiter
        app.mount(opendsr.PATH, controllers)
    app.add_middleware(Guard, settings=settings, metrics=metrics, limiter=limiter)
    _describe(app)
    return app


def _field_names() -> Iterator[str]:
    """Every name that a validation error may repeat."""
    yield from ("body", "query", "path", "header", "cursor", "limit", "state", "due_before", "request_id")
    modules = [module for module in vars(schemas).values() if isinstance(module, ModuleType)]
    for shape in (one for module in modules for one in vars(module).values()):
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            for name, field in shape.model_fields.items():
                yield name
                yield field.alias or name


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what routes cannot say."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = {
            "type": "object",
            "description": "RFC 9457",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "remedy": {"type": "string"},
            },
        }
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, routes in document["paths"].items():
            for route in routes.values():
                if path.startswith("/v1"):
                    route["security"] = [{"bearer": []}]
        return document

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way to extend the document
