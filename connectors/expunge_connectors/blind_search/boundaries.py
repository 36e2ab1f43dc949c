"""Boundaries: whether a value stands in a text by itself, or as a part of somebody else's. Pure.

`ada@mail.example` stands in `<ada@mail.example>`, not in `ada@mail.example.org` and not in `x-ada@mail.example`. In the
name of a key or an object `-`, `_` and `.` separate its parts, so there it stands in `cache-ada@mail.example`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from expunge_connectors.blind_search.patterns import SHORTEST_PHONE, folded, spellings, split_phone
from expunge_connectors.blind_search.report import Kind

# An escape before the value ends where the value begins: `\nada@...`, `%3Aada@...`.
_ESCAPE = re.compile(r"(?:\\[nrtbf]|\\u[0-9a-f]{4}|%[0-9a-f]{2})\Z")
_DOMAIN = re.compile(r"[\w.-]*")
_FILE_ENDING = re.compile(
    r"(?:\.(?:avif|bak|bz2|csv|docx?|eml|gif|gz|html?|ics|jpe?g|json|log|m4a|mp3|mp4|ogg|parquet|pdf|png|svg|tar|tmp|txt"
    r"|vcf|wav|webm|webp|xlsx?|xml|ya?ml|zip))+\Z"
)
_BETWEEN = r"[\s().\-/\u2010-\u2015]{0,3}"
_NO_POINT = r"[\s()\-/\u2010-\u2015]{0,3}"  # 0.301111111 is a fraction


def stands_in(kind: Kind, value: str, text: str, *, name: bool) -> bool:
    """Whether a value stands in a text by itself.

    Args:
        kind: Of the value.
        value: Normalised.
        text: Folded.
        name: The text is the name of a key or an object.
    """
    if kind is Kind.PHONE:
        return _phone(value).search(text) is not None
    bounded = _email_ends if kind is Kind.EMAIL else _word_ends
    return any(_stands(spelling, text, bounded, name=name) for spelling in spellings(kind, value))


def _stands(value: str, text: str, ends: Callable[[str, bool], bool], *, name: bool) -> bool:
    at = text.find(value)
    while at >= 0:
        if _begins(text, at, name=name) and ends(text[at + len(value) : at + len(value) + 256], name):
            return True
        at = text.find(value, at + 1)
    return False


def _begins(text: str, at: int, *, name: bool) -> bool:
    before = text[at - 1 : at]
    if not before or not (before.isalnum() or before in "._+-") or (name and before in "._-"):
        return True
    return _ESCAPE.search(text[max(at - 6, 0) : at]) is not None


def _email_ends(after: str, _name: bool) -> bool:  # noqa: FBT001 - as `_word_ends` is called
    run = _DOMAIN.match(after)
    tail = _FILE_ENDING.sub("", "" if run is None else run[0]).rstrip(".-")
    # No top-level domain holds `_`, and `-` only where a longer name follows: `@b.co` in `@b.co-op.example`.
    return not tail or tail[0] == "_" or (tail[0] == "-" and "." not in tail)


def _word_ends(after: str, name: bool) -> bool:  # noqa: FBT001 - called by position
    if after[:1] == "@":  # the beginning of an address
        return False
    tail = _FILE_ENDING.sub("", (_DOMAIN.match(after) or [""])[0])
    if name and tail[:1] in {"-", "_", "."}:
        return True
    return not tail.strip(".-_")


@lru_cache(maxsize=65_536)
def _phone(value: str) -> re.Pattern[str]:
    """The number with its country code, with a 0 in its place or, if it is long enough, without either."""
    code, national = split_phone(value)
    spaced = _BETWEEN.join(national)
    alone = r"(?<![^\W_])(?<![0-9][.,:/-])"
    begins = [
        rf"(?:\+|%2b|\\u002b|(?<![^\W_])(?:00|011)?){_BETWEEN}{_BETWEEN.join(code)}{_BETWEEN}(?:0{_BETWEEN})?",
    ]
    ends = r"(?![^\W_])"
    if len(national) + 1 >= SHORTEST_PHONE:
        begins.append(rf"{alone}\(?0{_NO_POINT}")
    if len(national) >= SHORTEST_PHONE:
        begins.append(alone)
        ends += r"(?![.,:][0-9])"
    extension = value.partition(";ext=")[2]
    # Behind one switchboard there are many people.
    behind = rf"[\s,;./-]{{0,3}}(?:ext(?:ension|n)?|x|#|durchwahl|app)?[\s.:=]{{0,2}}{extension}" if extension else ""
    return re.compile(rf"(?:{'|'.join(begins)}){spaced}{behind}{ends}")


__all__ = ["folded", "stands_in"]
