"""The OpenAPI document at `/openapi.json`: what it says beyond the routes themselves.

Paths, parameters and bodies come from the routes. An operation's id is the name of its function, so that generated
clients get good names; a schema's name is that of its class in `api.schemas`.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from fastapi import FastAPI, Header
from fastapi.routing import APIRoute

from expunge_orchestrator.api.schemas.common import Problem, Schema
from expunge_orchestrator.api.schemas.notifications import Notification
from expunge_orchestrator.notifications.events import Event

DESCRIPTION = (
    "Erases a person from the stores of a company, follows every backup copy, and issues a receipt that outsiders "
    "verify. Bodies and query parameters are snake_case; unknown members and query parameters are refused. Errors are "
    "problem details (RFC 9457). Identifiers of people travel in bodies and tokens, never in a URL."
)

TAGS = [
    {"name": "self-service", "description": "A person's own erasure requests: signed in, or later with the token."},
    {"name": "erasure requests", "description": "Requests of controllers, and work on all requests."},
    {
        "name": "batches",
        "description": "Lists of people: planned, approved, started. A single request is a batch of one.",
    },
    {"name": "legal holds", "description": "What must not be erased for now."},
    {"name": "access requests", "description": "What is held of a person."},
    {"name": "audit log", "description": "Who did what."},
    {"name": "API keys", "description": "Credentials of systems and staff."},
    {"name": "transparency", "description": "What auditors need: public."},
    {"name": "health", "description": "Liveness, readiness and metrics: keep them behind the proxy."},
]

PROBLEM_MEDIA_TYPE = "application/problem+json"

_WEBHOOKS = {
    Event.ACCEPTED: "The request was accepted.",
    Event.ERASED: "The request has ended; `outcome` is `erased`, `partially-erased` or `not-found`.",
    Event.ON_HOLD: "A legal hold keeps records of the request. An undisclosed hold is not reported.",
    Event.FAILED: "The request stopped and an operator has to act.",
    Event.CANCELLED: "The request or its batch was cancelled. Nothing follows.",
    Event.DENIED: "The request was denied. Nothing follows.",
    Event.SETTLED: "The settling check is done. No notice follows.",
    Event.FREEZE: "A person asked for the erasure of their account: freeze it.",
    Event.UNFREEZE: "That request was cancelled or denied: unfreeze the account.",
}


def operation_id(route: APIRoute) -> str:
    """The name of the route's function."""
    return route.name


def problem(description: str) -> dict[str, Any]:
    """An error response."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}


def repeated(body: type[Schema]) -> dict[int | str, dict[str, Any]]:
    """The response to a repeated call, instead of 201."""
    return {200: {"model": body, "description": "It was asked for before: as it stands now"}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: problem(description)
    for status, description in (
        (400, "A header or query parameter is missing, unknown or unusable"),
        (401, "The credential is missing or not accepted"),
        (403, "None of your roles allows it"),
        (404, "It does not exist or is not yours"),
        (409, "Not possible in the present state"),
        (413, "The body is too large"),
        (415, "The body is in a coding that is not read"),
        (422, "Not of the documented form"),
        (429, "Too many calls"),
        (503, "Expunge or a store cannot do it now"),
    )
}
"""What every operation under `/v1` may answer."""


def describe(app: FastAPI) -> None:
    """Add webhooks and the schema of errors to the application's document."""
    for event, description in _WEBHOOKS.items():
        app.webhooks.add_api_route(
            event.value,
            _webhook,
            methods=["POST"],
            status_code=204,
            tags=["webhooks"],
            operation_id=f"receive_{event.value.replace('.', '_').replace('-', '_')}",
            responses={"4XX": {"description": "Any status but 2xx: it is sent again later, for three days"}},
            summary=event.value,
            description=description,
        )
    generate = app.openapi

    @cache  # every call with a query asks for it
    def openapi() -> dict[str, Any]:
        document = generate()
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def declared_names(app: FastAPI) -> frozenset[str]:
    """The names of parameters and members that the document has, so that an error may repeat them."""
    document = app.openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    parameters = [one["name"] for operation in operations for one in operation.get("parameters", ())]
    members = [name for schema in document["components"]["schemas"].values() for name in schema.get("properties", ())]
    return frozenset(("body", "query", "path", "header", *parameters, *members))


async def _webhook(
    notification: Notification,
    webhook_id: Annotated[str, Header(alias="webhook-id", description="The same for every attempt.")],
    webhook_timestamp: Annotated[int, Header(alias="webhook-timestamp", description="Unix time of this attempt.")],
    webhook_signature: Annotated[
        str,
        Header(alias="webhook-signature", description="Standard Webhooks: `v1,` and the base64 of an HMAC-SHA-256."),
    ],
) -> None:
    """What a receiver is sent. Declared for the document alone: Expunge calls it and does not serve it."""
