"""Pagination: the query parameters of lists that come in pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Query

from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.ledger import page_cursors

Cursor = Annotated[str | None, Query(alias="cursor", max_length=40)]
Limit = Annotated[int, Query(ge=1, le=page_cursors.MOST)]


def after(text: str | None) -> int | None:
    """The row that a cursor names.

    Raises:
        ProblemError: It is none of ours.
    """
    try:
        return None if text is None else page_cursors.row_of(text)
    except ValueError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "cursor-unusable", "The cursor is none of this list.") from None
