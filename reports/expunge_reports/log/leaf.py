"""Log leaf (ADR 1): the bytes stored per statement: series, number and digest.

The digest is over the DSSE pre-authentication encoding, so it needs no signature and survives signing again; the leaf
holds no text, so a receipt can be deleted at the end of its own retention and the log stays whole.
"""

from dataclasses import dataclass
from typing import Final

from expunge_reports import canonical, dsse, json_fields

FORMAT: Final = "expunge-leaf/1"
# The members in canonical order; a series and a digest need no escapes. A test reads every leaf back.
_LEAF: Final = b'{"format":"' + FORMAT.encode() + b'","seq":%d,"series":"%b","statement":"sha256:%b"}'


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf.

    Attributes:
        series: the series the statement belongs to.
        seq: its place in the series, from 0.
        statement: SHA-256 (hex) of the statement's DSSE pre-authentication encoding.
    """

    series: str
    seq: int
    statement: str

    def to_bytes(self) -> bytes:
        """Return the leaf's bytes, to be hashed with merkle.leaf_hash."""
        return _LEAF % (self.seq, self.series.encode(), self.statement.encode())


def of_payload(series: str, seq: int, payload: bytes) -> Leaf:
    """Return the leaf for a statement's payload bytes."""
    return Leaf(series, seq, dsse.pae_digest(payload))


def parse(data: bytes) -> Leaf:
    """Read a leaf back, as a monitor does that lists the statements of a series.

    Raises:
        MalformedError: not the canonical bytes of a leaf.
    """
    members = json_fields.mapping(canonical.decode(data, 4096), "the leaf", ("format", "series", "seq", "statement"))
    json_fields.constant(members["format"], FORMAT, "the leaf's format")
    return Leaf(
        series=json_fields.text(members["series"], "the leaf's series"),
        seq=json_fields.count(members["seq"], "the leaf's seq"),
        statement=json_fields.tagged_digest(members["statement"], "the leaf's statement"),
    )
