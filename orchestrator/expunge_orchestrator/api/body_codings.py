"""Body codings: a call whose body is said to be something else than the bytes that are read is refused.

What is taken as it came says something else once it is unfolded, or in another charset, and a proxy may do that.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.types import Scope

from expunge_orchestrator.api.problems import ProblemError

_AS_IT_IS = frozenset({b"identity", b""})
_CHARSET = re.compile(rb";\s*charset\s*=([^;]*)", re.IGNORECASE)
_UTF_8 = frozenset({b"utf-8", b"utf8", b"us-ascii"})


def refusal(scope: Scope, *, a_list: bool) -> ProblemError | None:
    """Why a body is not read (RFC 9110, 15.5.16), if it is not.

    Args:
        scope: Of the call.
        a_list: It is a list of people. In JSON a charset means nothing (RFC 8259, 11).
    """
    codings = [one for line in _said(scope, b"content-encoding") for one in line.lower().split(b",")]
    if any(one.strip() not in _AS_IT_IS for one in codings):
        return _refused("Bodies are read as they come, without any content coding.", {"Accept-Encoding": "identity"})
    charsets = [one for line in _said(scope, b"content-type") for one in _CHARSET.findall(line)] if a_list else []
    if any(one.strip().strip(b'"').lower() not in _UTF_8 for one in charsets):
        return _refused("Lists are read as UTF-8.", {})
    return None


def _said(scope: Scope, header: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == header]


def _refused(message: str, headers: dict[str, str]) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "coding-unusable", message, headers=headers)
