"""Query parameters: unknown ones are refused, because a misspelled filter would silently list everything."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request

from expunge_orchestrator.api.problems import ProblemError

_SHOWN = "*"
"""A name that the caller made up is not repeated: it may be a person's, or an account's."""


async def refuse_unknown(request: Request) -> None:
    """A dependency of the whole application: every query parameter is one that the OpenAPI document declares.

    Raises:
        ProblemError: One is not.
    """
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    known = sorted(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
    if any(name not in known for name in request.query_params):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "query-parameter-unknown",
            f"There is no query parameter {_SHOWN}.",
            remedy=f"Known here: {', '.join(known)}." if known else "This operation takes no query parameters.",
            members={"parameter": _SHOWN, "known_parameters": known},
        )
