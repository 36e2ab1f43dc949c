"""Normalisers: the one spelling under which an identifier is compared, versioned so that old receipts stay readable.

A normaliser has two halves that must agree: `normalise` for values that arrive in a request, `sql` for values that
stand in a database column. A change of either half is a new version (`email/2`), never an edit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

MAX_LENGTH = 512
_EMAIL = re.compile(
    r"[^\s@\x00-\x1f\x7f\"'();:,<>\\]+@[^\s@\x00-\x1f\x7f\"'();:,<>\\]+\.[^\s@\x00-\x1f\x7f\"'();:,<>\\]+"
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_INTEGER = re.compile(r"[1-9][0-9]{0,18}|0")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class NotNormalisable(ValueError):  # noqa: N818 - it says what the value is not; the caller turns it into an InputError
    """The value is not of this kind. Carries a reason, never the value."""


@dataclass(frozen=True, slots=True)
class Normaliser:
    """One kind of identifier.

    Attributes:
        name: Name and version, e.g. `email/1`.
        normalise: Value of a request -> the form compared; raises `NotNormalisable` with a reason free of values.
        sql: SQL expression with the placeholder `{column}` giving the same form for a stored value (text).
    """

    name: str
    normalise: Callable[[str], str]
    sql: str


def _plain(value: str) -> str:
    if "\x00" in value:
        raise NotNormalisable("it holds a NUL byte")
    if len(value) > MAX_LENGTH:
        raise NotNormalisable(f"it is longer than {MAX_LENGTH} characters")
    text = unicodedata.normalize("NFC", value.strip())
    if not text:
        raise NotNormalisable("it is empty")
    return text


def _matching(pattern: re.Pattern[str], text: str, kind: str) -> str:
    if not pattern.fullmatch(text):
        raise NotNormalisable(f"it is not {kind}")
    return text


def _email(value: str) -> str:
    return _matching(_EMAIL, _plain(value).lower(), "an e-mail address")


def _e164(value: str) -> str:
    return _matching(
        _E164, re.sub(r"[\s().-]", "", _plain(value)), "a phone number in international form (+ and 7 to 15 digits)"
    )


def _integer(value: str) -> str:
    text = _matching(_INTEGER, _plain(value), "a whole number")
    if int(text) > 2**63 - 1:
        raise NotNormalisable("it is larger than a bigint")
    return text


def _uuid(value: str) -> str:
    return _matching(_UUID, _plain(value).lower(), "a UUID")


def _postal(value: str) -> str:
    text = re.sub(r"[\s,]+", " ", _plain(value).lower()).strip()
    if any(unicodedata.category(character).startswith("C") for character in text):
        raise NotNormalisable("it holds control characters")
    return text


def _exact(value: str) -> str:
    if not value or "\x00" in value:
        raise NotNormalisable("it is empty or holds a NUL byte")
    return value


def builtin() -> Mapping[str, Normaliser]:
    """The normalisers that a data map may name."""
    known = (
        Normaliser("email/1", _email, "lower(normalize(btrim({column}::text), NFC))"),
        Normaliser("e164/1", _e164, r"regexp_replace({column}::text, '[\s().-]', '', 'g')"),
        Normaliser("integer/1", _integer, "{column}::text"),
        Normaliser("uuid/1", _uuid, "{column}::text"),
        Normaliser(
            "postal/1", _postal, r"btrim(regexp_replace(lower(normalize({column}::text, NFC)), '[\s,]+', ' ', 'g'))"
        ),
        Normaliser("exact/1", _exact, "{column}::text"),
    )
    return MappingProxyType({normaliser.name: normaliser for normaliser in known})
