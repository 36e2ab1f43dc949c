"""Normalisers: the canonical form in which an identifier is compared, versioned so that old receipts stay valid.

A normaliser has two halves that must agree: `normalise` for values that arrive in a request, `sql` for values that
stand in a database column. Where SQL cannot say it, `spellings` reads what stands there (ADR 22). A change of either
half is a new version (`email/2`), never an edit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from string import ascii_lowercase, ascii_uppercase
from types import MappingProxyType

from expunge_config import mailboxes, phone_numbers
from expunge_config.spellings import Reading, Spellings

MAX_LENGTH = 512
_SPACE = "".join(
    map(
        chr,
        (
            *(0x20, 0x09, 0x0A, 0x0D, 0x0B, 0x0C, 0x85, 0xA0, 0x1680),
            *range(0x2000, 0x200C),
            *(0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF),
        ),
    )
)
# The same as SQL, in escapes: an index definition that holds it is printed, read and pasted.
_SQL_SPACE = "".join(character if character == " " else f"\\u{ord(character):04X}" for character in _SPACE)
_WITHIN_NUMBERS = "().-/"
_NO_PUNCTUATION = str.maketrans("", "", _SPACE + _WITHIN_NUMBERS)
_BETWEEN_WORDS = re.compile(f"[{_SPACE},]+")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_ATOM = rf"[^{_SPACE}@\x00-\x1f\x7f\"'();:,<>\\]+"
_EMAIL = re.compile(rf"{_ATOM}@{_ATOM}\.{_ATOM}")
# RFC 5322, section 3.2.3: of the characters of a dot-atom only the apostrophe is not in _ATOM. A domain has none.
_LOCAL = _ATOM.replace("'", "", 1)
_EMAIL_2 = re.compile(rf"{_LOCAL}@{_ATOM}\.{_ATOM}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_INTEGER = re.compile(r"[1-9][0-9]{0,18}|0")
# So many digits as the widest type that databases count in has (numeric(38)).
_INTEGER_2 = re.compile(r"-?[1-9][0-9]{0,37}|0")
_NUMBER = re.compile(rf"[{_SPACE}]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[{_SPACE}]*")
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
        counts: Its identifiers are whole numbers (ADR 16).
        form: What every value matches once it is normalised, for Python and SQL alike; None: no pattern says it.
        spellings: Which texts are the same value is decided by reading them, not in SQL.
    """

    name: str
    normalise: Callable[[str], str]
    sql: str
    counts: bool = False
    spellings: Spellings | None = None
    form: str | None = None

    def read(self, text: str, region: str | None = None) -> Reading:
        """What stands in a stored text, in a column of this region."""
        if self.spellings is not None:
            return self.spellings.read(text, region)
        try:
            return Reading(frozenset({self.normalise(text)}))
        except NotNormalisable:
            return Reading(whole=not text.strip(_SPACE))

    def written(self, value: str, region: str | None) -> frozenset[str]:
        """Texts that say a normalised value in a column of this region, and may say another one in another column."""
        if self.spellings is None or self.spellings.written is None:
            return frozenset({value})
        return self.spellings.written(value, region)

    @property
    def telephone(self) -> bool:
        """Its values are phone numbers."""
        return self.name.partition("/")[0] in {"phone", "e164"}

    @property
    def plain(self) -> bool:
        """A stored value is compared as it stands there."""
        return self.sql == "{column}::text"

    def nobodys(self, text: str) -> bool:
        """What stands there names nobody ("unknown", "n/a").

        A number does where identifiers are numbers, however it is written: whose it is, is not known (law 2).
        """
        try:
            self.normalise(text)
        except NotNormalisable:
            return not (self.counts and _NUMBER.fullmatch(text))
        return False


def _bounded(value: str) -> str:
    if len(value) > MAX_LENGTH:
        raise NotNormalisable(f"it is longer than {MAX_LENGTH} characters")
    return value


def _writable(text: str, refused: tuple[str, ...] = ("Cc", "Cs")) -> str:
    """What an opening can hold: something, in which every character is text (no controls, no half surrogates)."""
    if not text:
        raise NotNormalisable("it is empty")
    plain = text.isascii() and text.isprintable()  # most are, and then no character needs to be looked at
    if not plain and any(unicodedata.category(character).startswith(refused) for character in text):
        raise NotNormalisable("it holds control characters")
    return text


def _trimmed(value: str) -> str:
    return _writable(_bounded(value).strip(_SPACE))


def _folded(text: str) -> str:
    """ASCII letters in lower case, in NFC.

    Other letters stay: how they fold depends on a database's collation. NFC first, since it makes a K of the Kelvin
    sign; NFC last, since small letters have compositions that capitals lack.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_LOWER))


def _matching(pattern: re.Pattern[str], text: str, kind: str) -> str:
    if not pattern.fullmatch(text):
        raise NotNormalisable(f"it is not {kind}")
    return text


def _email(value: str) -> str:
    # Characters that this Python does not know yet may compose differently in the database.
    return _matching(_EMAIL, _writable(_folded(_trimmed(value)), ("Cc", "Cs", "Cn")), "an e-mail address")


def _email_2(value: str) -> str:
    return _matching(_EMAIL_2, _writable(_folded(_trimmed(value)), ("Cc", "Cs", "Cn")), "an e-mail address")


def _e164(value: str) -> str:
    text = _writable(_bounded(value).translate(_NO_PUNCTUATION))
    return _matching(_E164, text, "a phone number in international form (+ and 7 to 15 digits)")


def _integer(value: str) -> str:
    text = _matching(_INTEGER, _trimmed(value), "a whole number")
    if int(text) > 2**63 - 1:
        raise NotNormalisable("it is larger than a bigint")
    return text


def _integer_2(value: str) -> str:
    return _matching(_INTEGER_2, _trimmed(value), "a whole number of at most 38 digits")


def _uuid(value: str) -> str:
    return _matching(_UUID, _trimmed(value).translate(_LOWER), "a UUID")


def _postal(value: str) -> str:
    return _writable(_folded(_BETWEEN_WORDS.sub(" ", _bounded(value)).strip(" ")), ("C",))


def _exact(value: str) -> str:
    """As it is: object keys and tokens may be spelt in any way, and one that was skipped would be missed."""
    if not value or "\x00" in value:
        raise NotNormalisable("it is empty or holds a NUL byte")
    return value


def _only(spellings: Spellings, kind: str) -> Callable[[str], str]:
    """What a request says: one value, in any of its spellings."""

    def normalise(value: str) -> str:
        reading = spellings.read(_trimmed(value))
        if not reading.whole or len(reading.values) != 1:
            raise NotNormalisable(f"it is not one {kind}")
        return _bounded(next(iter(reading.values)))

    return normalise


def _sql_folded(expression: str) -> str:
    return f'normalize(lower(normalize({expression}, NFC) COLLATE "C"), NFC)'


@cache  # asked for with every value
def builtin() -> Mapping[str, Normaliser]:
    """The normalisers that a data map may name."""
    trimmed = f"btrim({{column}}::text, E'{_SQL_SPACE}')"
    one_space = f"regexp_replace({{column}}::text COLLATE \"C\", E'[{_SQL_SPACE},]+', ' ', 'g')"
    mailbox, phone = mailboxes.spellings(), phone_numbers.spellings()
    known = (
        Normaliser("email/1", _email, _sql_folded(trimmed)),
        Normaliser("email/2", _email_2, _sql_folded(trimmed)),
        Normaliser("email/3", _only(mailbox, "e-mail address"), "{column}::text", spellings=mailbox),
        Normaliser("phone/1", _only(phone, "phone number with its country's code"), "{column}::text", spellings=phone),
        Normaliser("e164/1", _e164, f"translate({{column}}::text COLLATE \"C\", E'{_SQL_SPACE}{_WITHIN_NUMBERS}', '')"),
        Normaliser("integer/1", _integer, "{column}::text", counts=True, form=_INTEGER.pattern),
        Normaliser("integer/2", _integer_2, trimmed, counts=True, form=_INTEGER_2.pattern),
        Normaliser("uuid/1", _uuid, f'lower({trimmed} COLLATE "C")', form=_UUID.pattern),
        Normaliser("postal/1", _postal, _sql_folded(f"btrim({one_space}, ' ')")),
        Normaliser("exact/1", _exact, "{column}::text"),
    )
    return MappingProxyType({normaliser.name: normaliser for normaliser in known})
