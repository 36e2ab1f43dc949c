"""Inclusion proofs in the C2SP `.tlog-proof` format (c2sp.org/tlog-proof): one leaf in one checkpointed tree.

    c2sp.org/tlog-proof@v1
    extra <base64>                  (optional)
    index 73894
    <base64 hash>*
    <empty line>
    <checkpoint, verbatim>

The `extra` line is not written here; where another tool put one, it is dropped, because nothing authenticates it.
"""

import base64
import re
from dataclasses import dataclass
from typing import Final

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError, ProofError

HEADER: Final = "c2sp.org/tlog-proof@v1"

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)
_MAX_HASHES: Final = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed proof: nothing in it is verified yet.

    Attributes:
        index: zero-based position of the leaf.
        hashes: the inclusion proof, leaf's sibling first, 32 bytes each.
        checkpoint: the signed note, verbatim.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    def to_text(self) -> str:
        """Return the proof file's text."""
        hashes = "".join(f"{base64.b64encode(found).decode()}\n" for found in self.hashes)
        return f"{HEADER}\nindex {self.index}\n{hashes}\n{self.checkpoint}"


def parse(text: str) -> TlogProof:
    """Read a proof file.

    Raises:
        ProofError: it is malformed. The checkpoint is kept as it stands, unread.
    """
    head, separator, checkpoint = text.partition("\n\n")
    header, _, rest = head.partition("\n")
    index_line, *hash_lines = _without_extra(rest.split("\n"))
    if not separator or header != HEADER or len(hash_lines) > _MAX_HASHES:
        raise ProofError("the proof file is malformed")
    index = _INDEX.fullmatch(index_line)
    if not index:
        raise ProofError("the proof file has no index")
    try:
        hashes = tuple(json_fields.base64_bytes(line, "a hash") for line in hash_lines)
    except MalformedError:
        raise ProofError("a hash of the proof is not base64") from None
    return TlogProof(int(index[1]), hashes, checkpoint)


def _without_extra(lines: list[str]) -> list[str]:
    first, _, data = lines[0].partition(" ")
    if first != "extra" or len(lines) == 1:
        return lines
    try:
        json_fields.base64_bytes(data, "the extra data")
    except MalformedError:
        raise ProofError("the proof's extra data is not base64") from None
    return lines[1:]
