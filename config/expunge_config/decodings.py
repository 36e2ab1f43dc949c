"""Decodings: how a key is taken out of what a row holds (an object's URL, a token's bytes), step by step.

Each step turns a text into another one, or says that it is none of its kind. Bytes arrive in hexadecimal behind a
backslash and an x, as PostgreSQL prints them. Nothing is guessed: base64 is read as the standard has it, with or
without padding, in both alphabets.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import AfterValidator

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*|[A-Za-z0-9_-]*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")
_OBJECT = "object-in:"
# s3.amazonaws.com, s3.eu-central-1.amazonaws.com, s3-eu-west-1…, s3.dualstack.eu-west-1…, s3-accelerate…, s3-fips…
_AMAZON = re.compile(r"s3(-accelerate|-fips)?(\.dualstack)?([.-][a-z]{2}(-[a-z]+)+-[0-9]+)?\.amazonaws\.com(\.cn)?")


class _NotEncodedError(ValueError):
    """The text is not what the step reads."""


def decoded(steps: Sequence[str], text: str) -> str | None:
    """What a text says; None: one of the steps cannot read it."""
    try:
        for step in steps:
            text = object_key(text, *_place(step)) if step.startswith(_OBJECT) else _STEPS[step](text)
    except ValueError:
        return None
    return text


def percent(text: str) -> str:
    """RFC 3986, section 2.1: `%40` is `@`."""
    if _PERCENT.search(text):
        raise _NotEncodedError
    return unquote_to_bytes(text).decode()


def url_path(text: str) -> str:
    """The path of an http(s) URL without the slash that it begins with, percent-decoded; no query, no fragment."""
    parts = urlsplit(text)
    if not text.isprintable():  # urlsplit leaves line ends out
        raise _NotEncodedError
    if parts.scheme not in {"http", "https"} or not parts.netloc or len(parts.path) < len("/x"):
        raise _NotEncodedError
    return percent(parts.path[1:])


def object_key(text: str, bucket: str, host: str = "") -> str:
    """The key of an object of one bucket: `s3://bucket/key`, `https://bucket.host/key` or `https://host/bucket/key`.

    Which part of a host is the bucket only the service says: in archive.s3.amazonaws.com/photos/1.png, photos is a
    folder. So the host is Amazon's, or the one that the map names. In `s3://` nothing is encoded, as the AWS command
    line writes it.
    """
    start = f"s3://{bucket}/"
    if text.startswith(start) and len(text) > len(start):
        return text[len(start) :]
    path, place = url_path(text), urlsplit(text).netloc.lower()
    if _serves(place.removeprefix(f"{bucket}."), host) and place.startswith(f"{bucket}."):
        return path
    if _serves(place, host) and path.startswith(f"{bucket}/") and len(path) > len(bucket) + 1:
        return path[len(bucket) + 1 :]
    raise _NotEncodedError


def _serves(place: str, host: str) -> bool:
    return place == host if host else _AMAZON.fullmatch(place) is not None


def _place(step: str) -> tuple[str, str]:
    bucket, _, host = step.removeprefix(_OBJECT).partition("@")
    return bucket, host


def from_base64(text: str) -> str:
    """RFC 4648, sections 4 and 5: the text that was encoded, in UTF-8."""
    bare = text.rstrip("=")
    if not _BASE64.fullmatch(bare):
        raise _NotEncodedError
    return base64.b64decode(bare.translate(str.maketrans("-_", "+/")) + "=" * (-len(bare) % 4), validate=True).decode()


def from_hex(text: str) -> str:
    """The text that was encoded, in UTF-8."""
    return bytes.fromhex(text).decode()


def _bytes(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise _NotEncodedError
    return bytes.fromhex(text[2:])


_BYTES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "bytes-as-text": lambda text: _bytes(text).decode(),
        "bytes-as-hex": lambda text: _bytes(text).hex(),
        "bytes-as-base64": lambda text: base64.b64encode(_bytes(text)).decode(),
        "bytes-as-base64url": lambda text: base64.urlsafe_b64encode(_bytes(text)).decode().rstrip("="),
    }
)
_STEPS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"percent": percent, "url-path": url_path, "base64": from_base64, "hex": from_hex, **_BYTES}
)


def of_bytes(step: str) -> bool:
    """The step reads bytes, not a text."""
    return step in _BYTES


def one_to_one(steps: Sequence[str]) -> bool:
    """Two texts never hold one key."""
    return all(of_bytes(step) for step in steps)


def _step(name: str) -> str:
    bucket, host = _place(name)
    known = _BUCKET.fullmatch(bucket) and ("@" not in name or _HOST.fullmatch(host))
    if name in _STEPS or (name.startswith(_OBJECT) and known):
        return name
    raise ValueError(f"unknown step; known are {', '.join(sorted(_STEPS))}, object-in:BUCKET and object-in:BUCKET@HOST")


def _steps(names: tuple[str, ...]) -> tuple[str, ...]:
    if any(of_bytes(name) for name in names[1:]):
        raise ValueError("bytes are read first: bytes-as-… is the first step")
    return names


Steps = Annotated[tuple[Annotated[str, AfterValidator(_step)], ...], AfterValidator(_steps)]
"""The steps that a map declares."""
