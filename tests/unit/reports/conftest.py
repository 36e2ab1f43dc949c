"""An operator with keys, a log and one finished request: what most tests alter and verify."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from expunge_reports import (
    canonical,
    consistency,
    counted_copies,
    dsse,
    export,
    opening,
    statement,
    statement_payload,
    trust,
)
from expunge_reports.forms import bodies, shared_documents, stated_time
from expunge_reports.log import leaf, signed_note
from expunge_reports.log.transparency_log import LogWriter
from expunge_reports.verify.verdict import Verdict
from expunge_reports.verify.verifier import verify

ORIGIN = "receipts.example.org"
ISSUED = datetime(2026, 11, 24, 10, 15, 42, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
DATA_MAP = {"kind": "data-map", "digest": "0" * 64}
COPIES = {"kind": "copies", "listings": [], "mayHoldTheRecords": []}
PLAN = {
    "kind": "plan",
    "software": "expunge 1",
    "operator": "Example GmbH",
    "contact": "privacy@example.com",
    "dataMap": "sha256:" + "1" * 64,
    "planDigest": "sha256:" + "2" * 64,
    "stores": [
        {
            "store": "pg-main",
            "kind": "postgres",
            "identity": "sha256:" + "3" * 64,
            "collections": {"calls": "delete"},
            "backupPlaces": ["dumps"],
        },
        {
            "store": "cache",
            "kind": "redis",
            "identity": "sha256:" + "4" * 64,
            "collections": {},
            "noBackups": {"reason": "It is rebuilt", "approvedBy": "The officer"},
        },
    ],
    "logsLeftAlone": [],
    "dataTypes": {},
}
KEPT_KEYS = {
    "destroyedInLedger": False,
    "openableFrom": "Copies of the ledger",
    "until": None,
    "means": "No day is known",
    "contactKept": "The address of the last letter",
}


_MEMBERS = {
    "accepted": {"receivedAt": "2026-11-24T10:15:42Z"},
    **{
        event: {"outcome": event, "verifiedAt": "2026-11-24T10:15:42Z"}
        for event in ("erased", "partially-erased", "not-found")
    },
    "on-hold": {"outcome": "on-hold", "reason": "A court", "until": None, "verifiedAt": "2026-11-24T10:15:42Z"},
    "re-erased": {"verifiedAt": "2026-11-24T10:15:42Z"},
    "settled": {"verifiedAt": "2026-11-24T10:15:42Z", "due": 0, "identifiers": KEPT_KEYS},
    "closed": {"nothingLeftAt": "2026-11-24T10:15:42Z", "ledgerCopies": "not-followed"},
    "denied": {"outcome": "denied", "reason": "Several people"},
    "cancelled": {"outcome": "cancelled", "reason": "Nothing was erased", "identifiers": KEPT_KEYS},
}


def stores(event: str, plan: dict[str, Any]) -> list[dict[str, object]]:
    """Each collection of a plan as it is stated beside an event, where nothing else is of interest."""
    line: dict[str, object] = {"due": 0, "retained": 0, "newer": 0}
    line |= {
        "not-found": {"outcome": "not-found", "found": 0},
        "partially-erased": {"outcome": "ambiguous", "found": 14, "ambiguous": 1, "gone": 13},
        "on-hold": {"outcome": "retained", "found": 1, "retained": 1, "ground": "A court", "until": None},
    }.get(event, {"outcome": "erased", "found": 14})
    return [
        {
            "store": store["store"],
            "cutoff": "2026-11-24T10:15:42Z",
            "collections": [{"collection": name, **line} for name in store.get("collections", {})],
        }
        for store in plan["stores"]
    ]


@dataclass
class Operator:
    """Issues statements as the orchestrator does."""

    directory: Path
    receipt: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    log_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    epoch: bytes = b"\x07" * 32
    series: str = field(default_factory=statement.new_series)
    documents: list[object] = field(default_factory=lambda: [DATA_MAP, PLAN])

    def __post_init__(self) -> None:
        self.writer = LogWriter.create(self.directory, ORIGIN, self.log_key)
        self.trust = trust.single_key(
            "Example GmbH",
            self.receipt.public_key(),
            datetime(2026, 1, 1, tzinfo=UTC),
            signed_note.log_key(ORIGIN, self.log_key.public_key()),
        )
        self.openings = [
            opening.make(self.epoch, self.series, "email/1", "ada@example.com"),
            opening.make(self.epoch, self.series, "phone/1", "+15550100"),
        ]
        self.envelopes: list[bytes] = []
        self.indexes: list[int] = []
        self.payloads: list[bytes] = []
        self.owed = statement.NOTHING_OPEN

    def issue(self, event: str, *, whole: bool = True, **changes: object) -> bytes:
        """Issue a statement; `whole`: with the members that none of its kind is without."""
        fields: dict[str, object] = {
            "series": self.series,
            "seq": len(self.payloads),
            "prev": statement.payload_digest(self.payloads[-1]) if self.payloads else None,
            "event": event,
            "issued_at": ISSUED,
            "body": {"context": [export.document_digest(document) for document in self.documents]},
            "subjects": [opening.digest(item) for item in self.openings],
            **changes,
        }
        if whole:
            fields["body"] = self._whole(event, fields["body"])
        fields.setdefault("still_open", self._owed(fields))
        payload = statement_payload.build(**fields)
        self.owed = statement.parse(payload).open
        self.log_payload(payload, str(fields["series"]), int(str(fields["seq"])))
        return payload

    def _whole(self, event: str, body: object) -> object:
        if event not in bodies.BODIES or not isinstance(body, dict):
            return body
        wanted = PLAN if event == "accepted" else COPIES if event in {*consistency.LINES, "settled"} else None
        context = list(body.get("context", []))
        if wanted is not None:
            of_kind = [one for one in self.documents if isinstance(one, dict) and one.get("kind") == wanted["kind"]]
            if not of_kind:
                self.documents.append(wanted)
            if {export.document_digest(one) for one in of_kind}.isdisjoint(context):
                context.append(export.document_digest((of_kind or [wanted])[-1]))
        plan = next((one for one in self.documents if isinstance(one, dict) and one.get("kind") == "plan"), PLAN)
        limited = {"dataTypes": plan["limitedTo"]} if "limitedTo" in plan else {}
        stated = {"stores": stores(event, plan)} if event in consistency.LINES else {}
        return {"controller": "acme"} | limited | stated | _MEMBERS.get(event, {}) | body | {"context": context}

    def _owed(self, fields: dict[str, object]) -> statement.Open:
        """What cannot be missing after such a statement."""
        if fields.get("final"):
            return statement.NOTHING_OPEN
        if fields["event"] in {"correction", "failed"}:
            return statement.Open(self.owed.items, self.owed.expected_by)
        body = fields["body"] if isinstance(fields["body"], dict) else {}
        held = {export.document_digest(one): shared_documents.document(one) for one in self.documents}
        cited = [held.get(digest) for digest in body.get("context", [])]
        copies = [counted_copies.open_copies(one) for one in cited if isinstance(one, shared_documents.BackupCopies)]
        owes = fields["event"] in consistency.OWING
        by = (
            datetime(2027, 1, 1, tzinfo=UTC)
            if consistency.owes_no_day(str(fields["event"]), statement.Open(1), ended="identifiers" in body)
            else None
        )
        by = next(
            (stated_time.moment(one.answer_by) for one in cited if isinstance(one, shared_documents.Deadlines)), by
        )
        return statement.Open(int(owes), by, copies[-1] if copies else statement.OpenCopies())

    def log_payload(self, payload: bytes, series: str, seq: int) -> None:
        self.payloads.append(payload)
        self.envelopes.append(dsse.sign(payload, self.receipt))
        self.indexes.append(self.writer.append([leaf.of_payload(series, seq, payload).to_bytes()]))

    def export(self) -> bytes:
        proofs = self.writer.log.proofs(self.indexes)
        return export.build(self.series, list(zip(self.envelopes, proofs, strict=True)), self.documents)

    def raw_export(self) -> bytes:
        """An export that is written without the builder's own checks."""
        proofs = self.writer.log.proofs(self.indexes)
        rows = [
            {"envelope": canonical.parse(envelope), "proof": proof}
            for envelope, proof in zip(self.envelopes, proofs, strict=True)
        ]
        shared = {export.document_digest(item).removeprefix("sha256:"): item for item in self.documents}
        return canonical.encode({"format": export.FORMAT, "series": self.series, "statements": rows, "shared": shared})

    def verify(self, data: bytes, *openings: bytes, now: datetime = NOW) -> Verdict:
        return verify(data, self.trust, openings, now)


@pytest.fixture
def make_operator(tmp_path: Path):
    made: list[Operator] = []

    def make(**options: object) -> Operator:
        operator = Operator(tmp_path / f"log-{len(made)}", **options)
        made.append(operator)
        # Other people's leaves around, so that proofs have a path.
        operator.writer.append(
            [leaf.of_payload(statement.new_series(), 0, f"other {n}".encode()).to_bytes() for n in range(300)]
        )
        return operator

    yield make
    for operator in made:
        operator.writer.close()


@pytest.fixture
def operator(make_operator: Callable[..., Operator]) -> Operator:
    return make_operator()


@pytest.fixture
def finished(operator: Operator) -> Operator:
    owed = statement.Open(1, datetime(2026, 12, 23, tzinfo=UTC))
    operator.issue("accepted", still_open=owed)
    operator.issue("partially-erased", still_open=owed)
    operator.issue("settled", final=True)
    return operator


@pytest.fixture
def edit() -> Callable[[bytes, Callable[[dict], None]], bytes]:
    """Change an export through its parsed form and write it canonically again."""

    def apply(data: bytes, change: Callable[[dict], None]) -> bytes:
        document = json.loads(data)
        change(document)
        return canonical.encode(document)

    return apply
