"""JSON that somebody else wrote: tokens, key sets and the bodies of calls.

An object with two members of one name means what its reader makes of it (RFC 8259, 4), and of two readers one may check
what the other does not use: RFC 7515, 4 and RFC 7519, 4 let a reader refuse it, and we do.
"""

from __future__ import annotations

import json
from typing import Any


class DuplicateMemberError(ValueError):
    """An object has two members of one name. The name is not repeated."""


class TooDeepError(ValueError):
    """It is nested too deeply to be looked through; with a little less on the stack it might be read."""


def parse(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Read a text in which every object names each member once.

    Raises:
        DuplicateMemberError: One does not.
        TooDeepError: Nobody can look.
        ValueError: It is no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise TooDeepError from None


def _distinct(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) < len(members):
        raise DuplicateMemberError
    return found
