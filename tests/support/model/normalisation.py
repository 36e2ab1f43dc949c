"""The model's own half of the normalisers: the spelling under which an identifier is compared, or None."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta

from tests.support.model.world import Cell

_SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200C)))


def _ascii_lower(text: str) -> str:
    return "".join(one.lower() if one.isascii() else one for one in text)


def _email(text: str) -> str | None:
    bare = unicodedata.normalize("NFC", _ascii_lower(unicodedata.normalize("NFC", text.strip(_SPACES))))
    name, at, domain = bare.partition("@")
    if not at or not name or "@" in domain or any(one in _SPACES or one in '"();:,<>\\' or one < " " for one in bare):
        return None
    return bare if "'" not in domain and re.fullmatch(r".+\..+", domain) else None


def _mailbox(text: str) -> str | None:
    """Of an address with a name beside it, or a link."""
    bare = text.strip(_SPACES)
    named = re.fullmatch(r'(?:"[^"<>]*"|[^",;<>@]*)\s*<([^<>]*)>', bare)
    found = _email(named[1] if named else re.sub("(?i)^mailto:", "", bare))
    return None if found is None else found.lower()  # of every script


def _phone(text: str) -> str | None:
    bare = "".join(one for one in text if one not in _SPACES and one not in "().-/")
    return bare if re.fullmatch(r"\+[1-9][0-9]{6,14}", bare) else None


def _postal(text: str) -> str | None:
    words = re.sub(f"[{_SPACES},]+", " ", text).strip(" ")
    return unicodedata.normalize("NFC", _ascii_lower(unicodedata.normalize("NFC", words))) or None


def _integer(text: str) -> str | None:
    bare = text.strip(_SPACES)
    return bare if re.fullmatch(r"0|-?[1-9][0-9]{0,37}", bare) else None


def _uuid(text: str) -> str | None:
    return text.strip(_SPACES).lower()


def _exact(text: str) -> str | None:
    return text or None


_RULES = {
    "email/2": _email,
    "email/3": _mailbox,
    "e164/1": _phone,
    "postal/1": _postal,
    "integer/2": _integer,
    "uuid/1": _uuid,
    "exact/1": _exact,
}


def spelt(normaliser: str, cell: Cell) -> str | None:
    """The one spelling of a value, or None when it is no such identifier."""
    return None if cell is None else _RULES[normaliser](str(cell))


def after(start: date, period: str) -> date:
    """The day on which an ISO 8601 period that began on `start` ends; months clamp to their last day."""
    parts = {unit: int(number) for number, unit in re.findall(r"(\d+)([YMD])", period)}
    months = start.month - 1 + parts.get("M", 0) + 12 * parts.get("Y", 0)
    year, month = start.year + months // 12, months % 12 + 1
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(year, month, min(start.day, last)) + timedelta(days=parts.get("D", 0))


def recycled(declared: Mapping[str, object]) -> bool:
    """Values of a reusable identity are handed on to other people: the map says so, or they are phone numbers."""
    if declared["kind"] != "reusable" or declared.get("shareable"):
        return False
    return bool(declared.get("recycled", _RULES[str(declared["normaliser"])] is _phone))
