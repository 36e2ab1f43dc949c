"""Byte locator: which part of a receipt export an unreadable byte stands in."""

import re
from typing import Final

_MEMBER: Final = re.compile(rb'"(payload|payloadType|signatures|sig|keyid|proof|shared|series|format|statements)":')
_NAMES: Final = {
    b"payload": "the payload",
    b"payloadType": "the payload type",
    b"signatures": "the signature",
    b"sig": "the signature",
    b"keyid": "the key id",
    b"proof": "the proof",
    b"shared": "the shared documents",
    b"series": "the series",
    b"format": "the format",
    b"statements": "the statements",
}
# In the proof file, as JSON writes it, an empty line stands before the checkpoint.
_CHECKPOINT: Final = rb"\n\n"


def at(data: bytes, offset: int) -> tuple[int | None, str | None]:
    """Return (statement, part) of the byte at `offset` in an export; None where that cannot be told.

    The bytes are not parsed, because they cannot be: the last member that begins before the offset is named. Good
    enough to say where to look, and no evidence of anything.
    """
    before = data[: offset + 1]
    members = list(_MEMBER.finditer(before))
    if not members:
        return None, None
    last = members[-1]
    part = _NAMES[last[1]]
    if last[1] == b"proof" and _CHECKPOINT in before[last.end() :]:
        part = "the checkpoint"
    seq = before.count(b'"envelope":') - 1
    return (seq if seq >= 0 and last[1] not in {b"shared", b"series", b"format", b"statements"} else None), part
