"""Receipt export: a self-contained file with all statements of a series, their proofs and shared documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from expunge_reports import canonical, dsse, json_fields, statement
from expunge_reports.errors import MalformedError
from expunge_reports.log import proof_file

FORMAT: Final = "expunge-export/1"


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """One statement as it stands in an export: nothing in it is verified yet.

    Attributes:
        envelope: the DSSE envelope as plain JSON data.
        proof: the `.tlog-proof` text.
    """

    envelope: object
    proof: str


@dataclass(frozen=True, slots=True)
class Export:
    """A parsed export: nothing in it is verified yet.

    Attributes:
        series: the series it claims to be.
        statements: in the order given.
        shared: documents by the SHA-256 (hex) they claim to have.
    """

    series: str
    statements: tuple[LoggedStatement, ...]
    shared: Mapping[str, object]


def document_digest(document: object) -> str:
    """Return `sha256:<hex>` of a shared document's canonical bytes: what a body's `context` cites."""
    return f"sha256:{canonical.digest(canonical.encode(document))}"


def build(series: str, statements: Sequence[tuple[bytes, str]], documents: Sequence[object] = ()) -> bytes:
    """Return an export as canonical JSON.

    Args:
        series: the series id.
        statements: (envelope bytes, `.tlog-proof` text) from seq 0 on without a gap.
        documents: the shared documents; those that no statement cites are left out.

    Raises:
        MalformedError: no statement, a wrong order, proofs against different checkpoints (take them in one call of
            `Log.proofs`), or a cited document that is missing: an export that cannot verify is not written.
    """
    held = {canonical.digest(canonical.encode(document)): document for document in documents}
    cited: set[str] = set()
    checkpoints: set[str] = set()
    rows: list[object] = []
    for seq, (envelope, proof_text) in enumerate(statements):
        parsed = dsse.parse(envelope)
        found = statement.parse(parsed.payload)
        if (found.series, found.seq) != (series, seq):
            raise MalformedError("the statements are not those of the series in order")
        cited.update(found.context)
        checkpoints.add(proof_file.parse(proof_text).checkpoint)
        rows.append({"envelope": parsed.to_object(), "proof": proof_text})
    if len(checkpoints) != 1:
        raise MalformedError("the proofs do not all lead to one checkpoint")
    if not cited <= held.keys():
        raise MalformedError("a document that a statement cites is missing")
    shared = {digest: held[digest] for digest in cited}
    return canonical.encode({"format": FORMAT, "series": series, "statements": rows, "shared": shared})


def parse(data: bytes) -> Export:
    """Read an export.

    Raises:
        NotCanonicalError: other bytes than the canonical ones.
        MalformedError: not the form of an export.
    """
    members = json_fields.mapping(canonical.decode(data), "the export", ("format", "series", "statements", "shared"))
    json_fields.constant(members["format"], FORMAT, "the export's format")
    shared = members["shared"]
    if not isinstance(shared, dict):
        raise MalformedError("shared is not an object")
    rows = [
        json_fields.mapping(row, "a statement's entry", ("envelope", "proof"))
        for row in json_fields.sequence(members["statements"], "statements")
    ]
    if not rows:
        raise MalformedError("the export holds no statement")
    return Export(
        series=json_fields.text(members["series"], "the export's series"),
        statements=tuple(LoggedStatement(row["envelope"], json_fields.text(row["proof"], "proof")) for row in rows),
        shared=shared,
    )
