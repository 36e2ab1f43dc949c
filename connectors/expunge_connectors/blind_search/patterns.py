"""Needles of the blind search: byte strings that stand wherever a value may stand, in any spelling or encoding.

A needle makes a candidate, never a hit. It is looked for in *squeezed* data (ASCII in lower case; without NUL, white
space and what people write between digits), so that one needle stands for many spellings: `+49 (30) 111-1111` and
UTF-16 among them. Whether a candidate is a hit is decided on the record itself (`matcher`, `boundaries`).

Twenty thousand people must cost about as much as twenty. What counts are the first few characters of the needles, which
are compared with everything. So what is escaped begins as the value itself does; the base64 of an e-mail address is
found by that of its domain, which many share; and that of a phone number begins alike for a whole country.
"""

from __future__ import annotations

import base64
import html
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import idna

from expunge_connectors.blind_search.decodings import Encoding
from expunge_connectors.blind_search.report import Kind

SHORTEST_PHONE = 9
SHORTEST_TOKEN = 8
_SHORTEST_NEEDLE = 3

# White space and dashes of Unicode too: U+00A0, U+2002 to U+200A, U+2010 to U+2015, U+202F, byte by byte.
_DROPPED = b"\x00\t\n\r\x0b\x0c ().-/" + bytes([0xC2, 0xA0, 0xE2, 0x80, *range(0x82, 0x8B), *range(0x90, 0x96), 0xAF])
_LOWER = bytes(range(256)).lower()

# E.164 country codes of one and of two digits; all others have three (ITU-T, List of recommendation E.164 assigned
# country codes).
_ONE_DIGIT = frozenset("17")
_TWO_DIGITS = frozenset(
    """
    20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91
    92 93 94 95 98
    """.split()  # noqa: SIM905 - read as a text
)


@dataclass(frozen=True, slots=True)
class SearchedValue:
    """A value of one subject, normalised as the data map has it."""

    number: int
    kind: Kind
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for, and what a candidate means.

    Attributes:
        data: Squeezed.
        encoding: What the record is to be decoded from before it is looked at; None: it is looked at as it is.
        text: The value that stands there where nothing is decoded.
    """

    data: bytes = field(repr=False)
    encoding: Encoding | None
    kind: Kind | None = None
    text: str = field(default="", repr=False)

    @property
    def digits(self) -> bool:
        """It is of digits alone."""
        return self.data.isdigit()


def searchable(normaliser: str, value: str, *, shareable: bool = False) -> Kind | None:
    """What kind of value this is; None: it is not searched for, since it would be found at other people's as well.

    Numeric ids, postal addresses, phones with fewer than 9 digits, tokens and user names with fewer than 8 characters.
    """
    rule = normaliser.partition("/")[0]
    if shareable or rule in {"integer", "postal"}:
        return None
    if rule == "email":
        return Kind.EMAIL
    if rule in {"e164", "phone"}:
        return Kind.PHONE if len("".join(split_phone(value))) >= SHORTEST_PHONE else None
    return Kind.TOKEN if len(value.strip()) >= SHORTEST_TOKEN and not value.strip().isdecimal() else None


def squeezed(data: bytes | bytearray) -> bytes | bytearray:
    """Data as needles are looked for in it."""
    return data.translate(_LOWER, _DROPPED)


def folded(text: str) -> str:
    """A text as values are compared in it."""
    return unicodedata.normalize("NFC", text.lower())


def split_phone(text: str) -> tuple[str, str]:
    """(country code, national number) of a number in E.164; without an extension behind it."""
    digits = text.partition(";")[0].lstrip("+")
    length = 1 if digits[:1] in _ONE_DIGIT else 2 if digits[:2] in _TWO_DIGITS else 3
    return digits[:length], digits[length:]


def spellings(kind: Kind, text: str) -> frozenset[str]:
    """The same value as others write it, folded. Of phones see `boundaries`."""
    plain = folded(text.strip())
    found = {plain}
    if kind is Kind.EMAIL:
        local, _, domain = plain.rpartition("@")
        found |= {f"{local}@{other}" for other in _other_names(domain)}
    elif kind is Kind.TOKEN and len(plain) == 36 and plain.count("-") == 4:  # noqa: PLR2004 - a UUID
        found.add(plain.replace("-", ""))
    return frozenset(found)


def needles(values: Iterable[SearchedValue]) -> list[Needle]:
    """Every needle, each once."""
    found: dict[tuple[bytes, Encoding | None, str], Needle] = {}
    for data, encoding in _EVERYWHERE:
        _put(found, Needle(data, encoding))
    domains: set[str] = set()
    for kind, text in sorted({(one.kind, one.text) for one in values}):
        if kind is Kind.PHONE:
            made = _of_phone(text)
        elif kind is Kind.EMAIL:
            made = _of_email(text)
            domains.update(one.rpartition("@")[2] for one in spellings(kind, text))
        else:
            made = _of_token(text)
        for one in made:
            _put(found, one)
    for domain in sorted(domains):
        for one in _of_domain(domain):
            _put(found, one)
    return list(found.values())


# Whole documents in another form: JSON in base64 (tokens, cookies), what gzip and zlib make of anything.
_EVERYWHERE = (
    (b"eyj", Encoding.BASE64),
    (b"h4si", Encoding.BASE64),
    (b"\x1f\x8b\x08", Encoding.COMPRESSED),
    (b"x\x9c", Encoding.COMPRESSED),
    (b"x\xda", Encoding.COMPRESSED),
)


def _put(found: dict[tuple[bytes, Encoding | None, str], Needle], one: Needle) -> None:
    data = bytes(squeezed(one.data))
    if len(data) >= (_SHORTEST_NEEDLE if one.encoding is not Encoding.COMPRESSED else 2):
        found.setdefault((data, one.encoding, one.text), Needle(data, one.encoding, one.kind, one.text))


def _of_email(text: str) -> Iterator[Needle]:
    """As it is; with its `@` escaped, or what else in it is: all of these begin alike."""
    for spelling in spellings(Kind.EMAIL, text):
        for data in _letter_cases(spelling):
            yield Needle(data, None, Kind.EMAIL, text)
        local, _, domain = spelling.rpartition("@")
        for encoding, escaped, signs in _ESCAPES:
            for sign in signs:
                for before in {local, escaped(local)}:
                    for after in {domain, escaped(domain)}:
                        if (written := f"{before}{sign}{after}") != spelling:
                            yield Needle(written.encode(), encoding)


def _of_domain(domain: str) -> Iterator[Needle]:
    """What all addresses of a domain share in forms that leave no letter as it is."""
    for written in (domain, domain.upper(), domain.title()):
        yield from _in_bytes(f"@{written}".encode())


def _of_phone(text: str) -> Iterator[Needle]:
    code, national = split_phone(text)
    if len(national) >= SHORTEST_PHONE:
        yield Needle(national.encode(), None, Kind.PHONE, text)
    else:
        yield Needle(f"{code}{national}".encode(), None, Kind.PHONE, text)
        if len(national) + 1 >= SHORTEST_PHONE:
            yield Needle(f"0{national}".encode(), None, Kind.PHONE, text)
    yield from _in_bytes(f"{code}{national}".encode())


def _of_token(text: str) -> Iterator[Needle]:
    for spelling in spellings(Kind.TOKEN, text):
        for data in _letter_cases(spelling):
            yield Needle(data, None, Kind.TOKEN, text)
        for encoding, escaped, _ in _ESCAPES:
            if (written := escaped(spelling)) != spelling:
                yield Needle(written.encode(), encoding)
    for written in {text.strip(), folded(text.strip())}:
        yield from _in_bytes(written.encode())


def _letter_cases(text: str) -> set[bytes]:
    """Letters outside ASCII are not folded in squeezed data, nor composed."""
    forms = (text,) if text.isascii() else (text, text.upper(), text.title())
    return {unicodedata.normalize(form, one).encode() for one in forms for form in ("NFC", "NFD")}


def _in_bytes(raw: bytes) -> Iterator[Needle]:
    yield Needle(raw.hex().encode(), Encoding.HEX)
    for before in range(3):
        # What base64 makes of it behind so many bytes; characters that depend on what stands around it are left out.
        whole = base64.b64encode(bytes(before) + raw)[(0, 2, 3)[before] : 8 * (before + len(raw)) // 6]
        for written in {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}:
            yield Needle(written, Encoding.BASE64)


def _in_json(text: str) -> str:
    """As writers do that let only letters, digits and the plainest of signs stand."""
    return "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "".join(rf"\u{unit:04x}" for unit in _units(one))
        for one in text
    )


def _in_url(text: str) -> str:
    return quote(text, safe="")


def _in_url_in_url(text: str) -> str:
    return _in_url(_in_url(text))


def _quoted(text: str) -> str:
    return _in_url(text).replace("%", "=")


_Escape = Callable[[str], str]
_ESCAPES: Sequence[tuple[Encoding, _Escape, Sequence[str]]] = (
    (Encoding.URL, _in_url, ("@", "%40")),
    (Encoding.URL, _in_url_in_url, ("%2540",)),
    (Encoding.JSON, _in_json, ("@", r"\u0040")),
    (Encoding.HTML, html.escape, ("@", "&#64;", "&#x40;", "&commat;")),
    (Encoding.QUOTED, _quoted, ("@", "=40")),
)
"""How it is decoded, how texts are written in it, and how an `@` is."""


def _units(character: str) -> Iterator[int]:
    raw = character.encode("utf-16-be")
    for at in range(0, len(raw), 2):
        yield int.from_bytes(raw[at : at + 2], "big")


def _other_names(domain: str) -> set[str]:
    """Of a domain with letters outside ASCII the form that mail servers use, and the other way round."""
    try:
        if not domain.isascii():
            return {idna.encode(domain, uts46=True).decode()}
        if "xn--" in domain:
            return {idna.decode(domain)}
    except (idna.IDNAError, UnicodeError):
        return set()
    return set()
    return set()
