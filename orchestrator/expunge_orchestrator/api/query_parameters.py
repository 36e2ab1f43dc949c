"""Query parameters: unknown ones are refused, because a misspelled filter would silently list everything.

So are those that are there twice where one is wanted: a proxy that looks at the first would look at another call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request

from expunge_orchestrator.api.problems import ProblemError

_SHOWN = "*"
"""A name that the caller made up is not repeated: it may be a person's, or an account's."""


async def refuse_unknown(request: Request) -> None:
    """A dependency of the whole application: every query parameter is one that the OpenAPI document declares.

    Raises:
        ProblemError: One is not, or is there more than once although it is no list.
    """
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    declared = {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    known = sorted(declared)
    if any(name not in known for name in request.query_params):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "query-parameter-unknown",
            f"There is no query parameter {_SHOWN}.",
            remedy=f"Known here: {', '.join(known)}." if known else "This operation takes no query parameters.",
            members={"parameter": _SHOWN, "known_parameters": known},
        )
    names = Counter(name for name, _ in request.query_params.multi_items())
    twice = next((name for name, number in names.items() if number > 1 and not _is_list(declared[name])), None)
    if twice is not None:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "query-parameter-repeated",
            f"The query parameter {twice} is there more than once.",
            members={"parameter": twice},
        )


def _is_list(schema: Mapping[str, Any]) -> bool:
    """Whether a schema, or one of its alternatives, is that of a list."""
    return any(one.get("type") == "array" for one in [schema, *schema.get("anyOf", ())])
