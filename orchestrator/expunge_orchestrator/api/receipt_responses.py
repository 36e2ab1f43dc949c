"""Receipt responses: receipts and openings for the person, for holders of a follow-up token, staff and clients."""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from expunge_config.errors import UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.receipts.openings import openings_of
from expunge_orchestrator.workspace import Workspace

# The page is self-contained and has no script; nothing else may be loaded, and nobody may frame it.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
}

FOLLOWING = "Expunge-Statements-Following"

RECEIPT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The receipt: a file, or a page where `Accept` names `text/html`",
        "headers": {
            FOLLOWING: {
                "description": "How many further statements were issued and are not in the log yet; absent: none",
                "schema": {"type": "integer", "minimum": 1},
            }
        },
        "content": {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}},
    }
}
"""For the OpenAPI document."""


def no_receipt() -> ProblemError:
    """There is none yet, or never will be: it was taken back before it began."""
    return ProblemError(HTTPStatus.NOT_FOUND, "no-receipt", "There is no receipt for this request, or not yet.")


def receipt(workspace: Workspace, series: str | None, asked: Request, at: datetime) -> Response:
    """The receipt as a file that outsiders verify, or as a page where a page is asked for.

    Raises:
        ProblemError: There is none, or no statement of it has reached the log yet.
    """
    if series is None:
        raise no_receipt()
    try:
        made = receipt_export.exported(workspace, series)
    except UsageError:
        raise no_receipt() from None
    if "text/html" in asked.headers.get("accept", ""):
        return HTMLResponse(receipt_export.as_html(workspace, made, at), headers=_PAGE_HEADERS)
    headers = {"Content-Disposition": f'attachment; filename="receipt-{series}.json"'}
    if made.following:
        headers[FOLLOWING] = str(made.following)
    return Response(made.data, media_type="application/json", headers=headers)


def openings(workspace: Workspace, series: str | None, identifiers: frozenset[SubjectKey]) -> dict[str, Any]:
    """Namespace -> the opening file's content. Made now, from what was given now, and kept nowhere.

    Raises:
        ProblemError: There is no receipt.
        InputError: None of the identifiers belongs to this request.
    """
    if series is None:
        raise no_receipt()
    with reading(workspace.ledger) as connection:
        made = openings_of(connection, series, identifiers, workspace.keys, workspace.data_map)
    return {namespace: json.loads(data) for namespace, data in made.items()}
