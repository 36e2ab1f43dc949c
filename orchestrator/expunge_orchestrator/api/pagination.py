"""Pagination: list cursors, opaque to callers so that their content may change."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus

from expunge_orchestrator.api.problems import ProblemError

_NUMBER = re.compile(rb"[1-9][0-9]{0,17}")


def cursor(last: int) -> str:
    """After this row."""
    return urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def after(text: str | None) -> int | None:
    """The row that a cursor names.

    Raises:
        ProblemError: It is none of ours.
    """
    if text is None:
        return None
    try:
        found = _NUMBER.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        found = None
    if found is None:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "cursor-unusable", "The cursor is none of this list.")
    return int(found[0])
