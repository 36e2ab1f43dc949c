"""Query parameters: unknown ones are refused, because a misspelled filter would silently list everything."""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import Request

from expunge_orchestrator.api.problems import ProblemError

_NAME = re.compile(r"[A-Za-z_]{1,40}")


async def refuse_unknown(request: Request) -> None:
    """A dependency of the whole application: every query parameter is one that the OpenAPI document declares.

    Raises:
        ProblemError: One is not. Its name is repeated if it is letters and underscores only: anything else may be an
            e-mail address or a phone number.
    """
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    known = sorted(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
    for name in request.query_params:
        if name not in known:
            shown = name if _NAME.fullmatch(name) else "*"
            raise ProblemError(
                HTTPStatus.BAD_REQUEST,
                "query-parameter-unknown",
                f"There is no query parameter {shown}.",
                remedy=f"Known here: {', '.join(known)}." if known else "This operation takes no query parameters.",
                members={"parameter": shown, "known_parameters": known},
            )
