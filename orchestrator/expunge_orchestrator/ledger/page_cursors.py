"""Cursors of lists that come in pages: opaque to callers, so that their content may change."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

MOST = 200
"""Rows of a page."""

_NUMBER = re.compile(rb"[1-9][0-9]{0,17}")


def cursor(last: int) -> str:
    """After this row."""
    return urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def row_of(text: str) -> int:
    """The row that a cursor names.

    Raises:
        ValueError: It is none of ours.
    """
    found = _NUMBER.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if found is None:
        raise ValueError
    return int(found[0])
