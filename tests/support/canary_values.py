"""Values that nobody else has, and how to find them again in whatever form they were written down."""

from __future__ import annotations

import base64
import json
import re
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, quote_plus

_PIECE = 4096
"""A page of SQLite."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def forms(value: str | bytes) -> Mapping[str, bytes]:
    """Name of an encoding -> what a value looks like in it."""
    raw = value.encode() if isinstance(value, str) else value
    found = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    for skipped in range(3):
        # The alignments of base64: characters that depend on what stands around the value are left out.
        padded = base64.b64encode(b"\0" * skipped + raw)
        end = len(padded) - (0 if (skipped + len(raw)) % 3 == 0 else 4)
        cut = padded[4 if skipped else 0 : end]
        found[f"base64+{skipped}"] = cut
        found[f"base64url+{skipped}"] = cut.replace(b"+", b"-").replace(b"/", b"_")
    if isinstance(value, str):
        found |= {
            "URL": quote(value, safe="").encode(),
            "form": quote_plus(value, safe="").encode(),
            "JSON": json.dumps(value)[1:-1].encode(),
            "UTF-16LE": value.encode("utf-16-le"),
            "UTF-16BE": value.encode("utf-16-be"),
            # A string and its bytes among the local variables of a traceback.
            "ascii()": ascii(value)[1:-1].encode(),
            **_typed(value),
        }
    return found | {"repr of bytes": repr(raw)[2:-1].encode()}


def _typed(value: str) -> Mapping[str, bytes]:
    """What an identifier looks like once it was read as what it is."""
    found: dict[str, bytes] = {}
    if _UUID.fullmatch(value):
        made = uuid.UUID(value)
        found |= {"UUID in hex": made.hex.encode(), "UUID in bytes": made.bytes}
    if value.isascii() and value.isdigit() and 10**9 < int(value) < 2**63:
        found |= {
            "64 bits": int(value).to_bytes(8, "big"),
            "64 bits, little end first": int(value).to_bytes(8, "little"),
            "hexadecimal": f"{int(value):x}".encode(),
        }
    return found


@dataclass(frozen=True)
class Flock:
    """The canaries of one person: name of the place -> value."""

    birds: Mapping[str, str | bytes] = field(repr=False)

    @cached_property
    def _forms(self) -> Mapping[bytes, Sequence[str]]:
        """What canaries look like -> `place as encoding`: many encodings leave many values as they are."""
        found: dict[bytes, list[str]] = {}
        for name, value in self.birds.items():
            for encoding, form in forms(value).items():
                found.setdefault(form, []).append(f"{name} as {encoding}")
        return found

    def found_in(self, content: bytes) -> list[str]:
        """`place as encoding` for every canary seen; never the value itself."""
        return [name for form, names in self._forms.items() if form in content for name in names]

    def found_in_each(self, contents: Mapping[str, bytes]) -> dict[str, list[str]]:
        """Title -> what was seen in a content, where anything was.

        For contents that are mostly the same, as a file after each command is: what all of them hold is searched once,
        piece by piece, with as much of the next piece as a canary may reach into.
        """
        further = max(map(len, self._forms))
        pieces = {
            content[start : start + _PIECE + further]
            for content in contents.values()
            for start in range(0, len(content), _PIECE)
        }
        if not self.found_in(b"\n".join(pieces)):
            return {}
        return {title: found for title, content in contents.items() if (found := self.found_in(content))}

    def found_below(self, directories: Iterable[Path]) -> dict[str, list[str]]:
        """File -> what was seen in its name or content."""
        seen: dict[str, list[str]] = {}
        for path in files_below(directories):
            if found := self.found_in(path.name.encode() + b"\n" + path.read_bytes()):
                seen[path.name] = found
        return seen


def files_below(directories: Iterable[Path]) -> Iterator[Path]:
    for directory in directories:
        if directory.is_file():
            yield directory
        else:
            yield from (path for path in sorted(directory.rglob("*")) if path.is_file())


def word() -> str:
    """A word with letters that are written differently in URLs and in JSON."""
    return f"kö{secrets.token_hex(8)}ß"
