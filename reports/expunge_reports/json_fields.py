"""Typed readers of parsed JSON. Their errors name the field, never its value."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final

from expunge_reports.errors import MalformedError

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def mapping(value: object, what: str, required: Sequence[str], optional: Sequence[str] = ()) -> Mapping[str, object]:
    """Return `value` as an object that has every required member and none beyond the optional ones."""
    found = members(value, what)
    if not set(required) <= found.keys():
        raise MalformedError(f"{what} lacks a required member")
    if not found.keys() <= {*required, *optional}:
        raise MalformedError(f"{what} has an unknown member")
    return found


def members(value: object, what: str) -> Mapping[str, object]:
    """Return `value` as an object, whatever members it has."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    return value


def sequence(value: object, what: str) -> Sequence[object]:
    """Return `value` as a list."""
    if not isinstance(value, list):
        raise MalformedError(f"{what} is not a list")
    return value


def text(value: object, what: str) -> str:
    """Return `value` as a string."""
    if not isinstance(value, str):
        raise MalformedError(f"{what} is not a string")
    return value


def integer(value: object, what: str) -> int:
    """Return `value` as an integer."""
    if type(value) is not int:
        raise MalformedError(f"{what} is not an integer")
    return value


def count(value: object, what: str) -> int:
    """Return `value` as an integer of at least 0."""
    if type(value) is not int or value < 0:
        raise MalformedError(f"{what} is not a count")
    return value


def flag(value: object, what: str) -> bool:
    """Return `value` as a boolean."""
    if not isinstance(value, bool):
        raise MalformedError(f"{what} is not true or false")
    return value


def constant(value: object, expected: str, what: str) -> None:
    """Refuse anything but the expected string."""
    if value != expected:
        raise MalformedError(f"{what} is not the one this version reads")


def hex_digest(value: object, what: str) -> str:
    """Return `value` as 64 lower-case hexadecimal digits."""
    found = text(value, what)
    if not _SHA256.fullmatch(found):
        raise MalformedError(f"{what} is not a SHA-256 in lower-case hexadecimal")
    return found


def tagged_digest(value: object, what: str) -> str:
    """Return the hexadecimal digits of a `sha256:<hex>` string."""
    found = text(value, what)
    if not found.startswith("sha256:"):
        raise MalformedError(f"{what} is not a sha256: digest")
    return hex_digest(found.removeprefix("sha256:"), what)


def base64_bytes(value: str, what: str) -> bytes:
    """Decode standard base64 (RFC 4648 section 4), refusing every spelling but the canonical one.

    Unused trailing bits must be zero; otherwise a flipped bit there would go unnoticed.
    """
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{what} is not base64", part=what) from None
    if base64.b64encode(data).decode() != value:
        raise MalformedError(f"{what} is not canonical base64", part=what)
    return data
