"""Canonical JSON: RFC 8785 (JCS) restricted to ASCII keys, strings, safe integers, booleans, null, lists and objects.

Within that restriction the sorted, compact output of `json.dumps` is byte for byte what RFC 8785 asks for: ASCII keys
sort the same by code point and by UTF-16 unit (RFC 8785 section 3.2.3), and integers of at most 53 bits need none of
the floating-point formatting of section 3.2.2.3. A test compares both on generated values.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from expunge_reports.errors import MalformedError, NotCanonicalError, SeveralDocumentsError

MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 32
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_VALUES: Final = 1_000_000
"""Commas and brackets of a document: a value of two bytes takes a hundred in memory."""

# What is encoded was checked before: it is nested at most so deep, so that it holds no circle.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)


def encode(value: object) -> bytes:
    """Return the canonical UTF-8 bytes of a value.

    Raises:
        MalformedError: the value holds anything but the permitted types (exact types: no float, tuple, enum or other
            subclass), a key that is not ASCII, an integer beyond 53 bits, a lone surrogate, or is nested deeper than
            `MAX_DEPTH`. The message names the type, never the value.
    """
    _check((value,))
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise MalformedError("a string holds a lone surrogate") from None


def list_of(members: Iterable[bytes]) -> bytes:
    """Return the canonical bytes of a list whose members are encoded already."""
    return b"[%b]" % b",".join(members)


def object_of(members: Mapping[str, bytes]) -> bytes:
    """Return the canonical bytes of an object whose members' values are encoded already.

    Raises:
        MalformedError: a key is not ASCII.
    """
    return b"{%b}" % b",".join([b"%b:%b" % (_name(key), members[key]) for key in sorted(members)])


@lru_cache(maxsize=256)  # the names of members are few
def _name(key: str) -> bytes:
    _check_keys((key,))
    return encode(key)


def decode(data: bytes, limit: int = MAX_BYTES) -> object:
    """Parse bytes that must be exactly what `encode` would have written.

    Raises:
        MalformedError: as for `parse`.
        NotCanonicalError: well-formed, but other bytes than the canonical ones.
    """
    value = parse(data, limit)
    if encode(value) != data:
        raise NotCanonicalError
    return value


def parse(data: bytes, limit: int = MAX_BYTES) -> object:
    """Parse JSON of the permitted types in any layout (a trust file is edited by hand).

    Raises:
        MalformedError: larger than `limit` bytes, more than `MAX_VALUES`, not UTF-8, not JSON, a duplicate key, a
            float, NaN, an integer beyond 53 bits, a lone surrogate, or nested deeper than `MAX_DEPTH`.
        SeveralDocumentsError: one object stands behind another.
    """
    if len(data) > limit:
        raise MalformedError("the document is larger than allowed")
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise MalformedError("the document holds more values than allowed")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("the document is not UTF-8", at=error.start) from None
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_integer,
        )
    except MalformedError:
        raise
    except json.JSONDecodeError as error:  # its own text quotes the input
        if error.msg == "Extra data" and text.startswith("{", error.pos):
            raise SeveralDocumentsError from None
        raise MalformedError("the document is not valid JSON", at=len(text[: error.pos].encode())) from None
    except (ValueError, RecursionError):
        raise MalformedError("the document is not valid JSON") from None
    if "\\u" in text:
        encode(value)  # an escape, and nothing else, can have made a lone surrogate
    else:
        _check((value,))
    return value


def without_newline(data: bytes) -> bytes:
    """Return a file's bytes without the one newline that editors and mail programs put at its end."""
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


def _check(items: Collection[Any], depth: int = 0) -> None:
    """Look at everything below, by exact type; one call per list and object, because most of what is signed is leaves.

    Raises:
        MalformedError: as for `encode`.
    """
    if depth > MAX_DEPTH and items:
        raise MalformedError("the document is nested too deeply")
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise MalformedError("an integer needs more than 53 bits")
        elif kind is list:
            _check(item, depth + 1)
        elif kind is dict:
            _check_keys(item)
            _check(item.values(), depth + 1)
        elif item is not None and kind is not bool:
            raise MalformedError(f"a value of type {kind.__name__} has no canonical form here")


def _check_keys(item: Collection[Any]) -> None:
    for key in item:
        if type(key) is not str or not key.isascii():
            raise MalformedError("an object's key is not an ASCII string")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("an object repeats a key")
    return found


def _refuse_number(_: str) -> object:
    raise MalformedError("the document holds a number that is not an integer")


def _integer(digits: str) -> int:
    # 17 characters hold every permitted integer; longer ones are not worth the quadratic conversion.
    if len(digits) > len(str(-MAX_INTEGER)):
        raise MalformedError("an integer needs more than 53 bits")
    return int(digits)


def digest(data: bytes) -> str:
    """Return SHA-256 of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
