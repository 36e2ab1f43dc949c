"""Decodings: what a record holds when it is read as JSON, a URL, base64 and so on. Pure.

Each takes a record and yields what stands in it in decoded form. What cannot be decoded yields nothing.
"""

from __future__ import annotations

import base64
import binascii
import html
import quopri
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

LARGEST = 64 * 1024 * 1024
"""Bytes that compressed data is expanded to, at most."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-](?:[\r\n]*[A-Za-z0-9+/_-]){7,}")
_FOLDS = re.compile(rb"[\r\n]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"[0-9A-Fa-f]{12,}")
_UNICODE_ESCAPE = re.compile(rb"\\+u(d[89ab][0-9a-f]{2})\\+u(d[c-f][0-9a-f]{2})|\\+u([0-9a-f]{4})", re.IGNORECASE)
_SIMPLE_ESCAPE = re.compile(rb"\\+([\"'/\\bfnrt])")
_WIDE = (re.compile(rb"(?:[\t\n\r\x20-\x7e]\x00){6,}"), re.compile(rb"(?:\x00[\t\n\r\x20-\x7e]){6,}"))


class Encoding(StrEnum):
    """Forms that a value may stand in."""

    JSON = "JSON escapes"
    URL = "URL"
    HTML = "HTML"
    BASE64 = "base64"
    HEX = "hex"
    QUOTED = "quoted-printable"
    UTF16 = "UTF-16"
    COMPRESSED = "compressed"


def decoded(encoding: Encoding, record: bytes) -> Iterator[bytes]:
    """What stands in a record in this form."""
    return _DECODERS[encoding](record)


def _json(record: bytes) -> Iterator[bytes]:
    text = _UNICODE_ESCAPE.sub(_character, record)
    yield _SIMPLE_ESCAPE.sub(lambda found: found[1] if found[1] in b"\"'/\\" else b" ", text)


def _character(found: re.Match[bytes]) -> bytes:
    if found[3] is None:
        units = bytes.fromhex((found[1] + found[2]).decode())
        return units.decode("utf-16-be").encode()
    return chr(int(found[3], 16)).encode(errors="replace")


def _url(record: bytes) -> Iterator[bytes]:
    yield unquote_to_bytes(record)


def _html(record: bytes) -> Iterator[bytes]:
    yield html.unescape(record.decode(errors="replace")).encode()


def _base64(record: bytes) -> Iterator[bytes]:
    """Each run from each of the four places where it may begin: other text may stand right before it."""
    for found in _BASE64.finditer(record):
        run = _FOLDS.sub(b"", found[0]).translate(_STANDARD)
        for start in range(4):
            whole = run[start : start + (len(run) - start) // 4 * 4]
            rest = run[start + len(whole) :]
            if len(rest) > 1:
                whole += rest + b"=" * (4 - len(rest))
            try:
                yield base64.b64decode(whole, validate=True)
            except binascii.Error:
                continue


def _hex(record: bytes) -> Iterator[bytes]:
    for found in _HEX.finditer(record):
        for start in range(2):
            run = found[0][start:]
            yield binascii.unhexlify(run[: len(run) // 2 * 2])


def _quoted(record: bytes) -> Iterator[bytes]:
    yield quopri.decodestring(record)


def _utf16(record: bytes) -> Iterator[bytes]:
    for pattern in _WIDE:
        for found in pattern.finditer(record):
            yield found[0].replace(b"\x00", b"")


def _compressed(record: bytes) -> Iterator[bytes]:
    for start in {0, max(record.find(b"\x1f\x8b\x08"), 0)}:
        try:
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(record[start:], LARGEST)
        except zlib.error:
            continue


_DECODERS: Mapping[Encoding, Callable[[bytes], Iterator[bytes]]] = MappingProxyType(
    {
        Encoding.JSON: _json,
        Encoding.URL: _url,
        Encoding.HTML: _html,
        Encoding.BASE64: _base64,
        Encoding.HEX: _hex,
        Encoding.QUOTED: _quoted,
        Encoding.UTF16: _utf16,
        Encoding.COMPRESSED: _compressed,
    }
)
