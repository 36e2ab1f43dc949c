"""Statement issuer: signs statements into the ledger exactly once, then appends them to the log as its one writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.errors import RECONCILE, LedgerBehindError, LedgerError
from expunge_orchestrator.ledger import Ledger, Transaction
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.statements import Place
from expunge_reports import canonical, consistency, dsse, statement_payload
from expunge_reports import statement as statements
from expunge_reports.counted_copies import NOTHING_COUNTED, CountedCopies
from expunge_reports.errors import ContradictionError
from expunge_reports.forms import shared_documents
from expunge_reports.forms.shared_documents import BackupCopies
from expunge_reports.keys import KeyRing
from expunge_reports.log import leaf
from expunge_reports.log.transparency_log import LogWriter
from expunge_reports.statement import NOTHING_OPEN, Open, OpenCopies
from expunge_reports.statement_payload import EncodedBody

_SIGNED_AT_ONCE = 1000
_PUBLISHED_AT_ONCE = 5000
_LARGEST_DOCUMENT = canonical.MAX_BYTES // 4  # a receipt encloses those of all its statements


@dataclass(frozen=True, slots=True)
class StatementDraft:
    """A statement before it has a number, a predecessor and a signature.

    Attributes:
        item_id: Of whom it is; None: of nobody, as that of a sweep by age.
        not_before: No earlier is it dated, whatever the clock shows.
    """

    item_id: int | None
    series: str
    event: str
    subjects: Sequence[str]
    body: Mapping[str, object] | EncodedBody
    still_open: Open = field(default=NOTHING_OPEN)
    final: bool = False
    not_before: datetime | None = None


def store_document(connection: Transaction, body: Mapping[str, object]) -> str:
    """Keep a document that many statements cite; returns its `sha256:…`.

    Raises:
        ContradictionError: A verifier might not read a receipt with so large a one: nothing is signed that cites it.
    """
    encoded = canonical.encode(dict(body))
    if len(encoded) > _LARGEST_DOCUMENT:
        raise ContradictionError(f"document-too-large: {body.get('kind')}, {len(encoded)} bytes")
    digest = canonical.digest(encoded)
    ledger_statements.keep_document(connection, digest, encoded)
    return f"sha256:{digest}"


def issue(connection: Transaction, keys: KeyRing, drafts: Sequence[StatementDraft], at: datetime) -> None:
    """Sign drafts as the next statements of their series.

    Called inside the transaction that finishes the step they belong to: with it they exist exactly once, without it not
    at all. UNIQUE(series, seq) refuses a second one. None is dated before the one that it follows, where a clock was
    set back.

    Raises:
        ContradictionError: One cannot follow those before it, or owes what it does not say: a defect of ours.
    """
    signer, issued = dsse.Signer(keys.receipt), stamp(at)
    for start in range(0, len(drafts), _SIGNED_AT_ONCE):
        part = drafts[start : start + _SIGNED_AT_ONCE]
        before = _heads(connection, [draft.series for draft in part])
        rows = []
        said = part[0].body
        encoded = _encoded(said)
        for draft in part:
            if draft.body is not said:  # where a batch says the same of everybody, it is one object
                said, encoded = draft.body, _encoded(draft.body)
            head = before.get(draft.series, _Head())
            earliest = "" if draft.not_before is None else stamp(draft.not_before)
            moment = max(issued, head.issued_at or "", earliest)
            dated = at if moment == issued else parse(moment)
            past = head.past
            if past.first is not None and draft.item_id is None:
                past = past._replace(first="sweep-begun")
            _require_possible(draft, past, dated)
            payload = statement_payload.build(
                series=draft.series,
                seq=head.seq,
                prev=head.prev,
                event=draft.event,
                issued_at=dated,
                body=encoded,
                subjects=draft.subjects,
                still_open=draft.still_open,
                final=draft.final,
            )
            rows.append(
                {
                    "series": draft.series,
                    "seq": head.seq,
                    "event": draft.event,
                    "item_id": draft.item_id,
                    "issued_at": moment,
                    "envelope": signer.sign(payload),
                    "leaf": leaf.of_payload(draft.series, head.seq, payload).to_bytes(),
                }
            )
        ledger_statements.insert(connection, rows)


def _encoded(body: Mapping[str, object] | EncodedBody) -> EncodedBody:
    return body if isinstance(body, EncodedBody) else EncodedBody.of(body)


class _Head(NamedTuple):
    """What the next statement of a series follows: number, digest and time of the last one, and the past."""

    seq: int = 0
    prev: str | None = None
    issued_at: str | None = None
    past: consistency.Past = consistency.Past()


def _heads(connection: Transaction, series: Sequence[str]) -> dict[str, _Head]:
    """Series -> its head; those without a statement are left out."""
    return {
        row.series: _Head(
            row.seq + 1,
            statements.payload_digest(dsse.payload_of(row.envelope)),
            row.issued_at,
            consistency.Past("accepted", row.answered, row.denied, row.cancelled, row.over, row.closed),
        )
        for row in ledger_statements.heads(connection, series)
    }


def copies_counted(connection: Transaction, series: Sequence[str]) -> dict[str, tuple[OpenCopies, str]]:
    """Series -> the copies that its last statement counts as open, and the document (`sha256:…`) that lists them."""
    rows = ledger_statements.heads(connection, series)
    last = {row.series: statements.parse(dsse.payload_of(row.envelope)) for row in rows}
    counted = {name: one for name, one in last.items() if one.open.copies.count}
    cited = {digest for one in counted.values() for digest in one.context}
    documents = ledger_statements.documents(connection, cited)
    lists = {digest for digest, body in documents.items() if json.loads(body)["kind"] == "copies"}
    return {
        name: (one.open.copies, f"sha256:{next(digest for digest in one.context if digest in lists)}")
        for name, one in counted.items()
    }


def leaving_something(connection: Transaction, series: Sequence[str]) -> set[str]:
    """Those of the series whose `settled` leaves something that nobody looks for again: they are never closed."""
    settled = ledger_statements.last_of(connection, series, {"settled"})
    bodies = {name: statements.parse(dsse.payload_of(envelope)).body for name, envelope in settled.items()}
    return {name for name, body in bodies.items() if consistency.leaves_something(body)}


def copies_listed(connection: Transaction, series: Sequence[str]) -> dict[str, CountedCopies]:
    """Series -> the copies that the lists count which its statements cite."""
    cited: dict[str, set[str]] = {}
    for name, envelope in ledger_statements.all_of(connection, series):
        cited.setdefault(name, set()).update(statements.parse(dsse.payload_of(envelope)).context)
    bodies = ledger_statements.documents(connection, set().union(*cited.values()))
    lists = {digest: shared_documents.document(json.loads(body)) for digest, body in bodies.items()}
    counted: dict[frozenset[str], CountedCopies] = {}
    for digests in map(frozenset, cited.values()):
        if digests not in counted:
            copies = (one for digest in digests if isinstance(one := lists.get(digest), BackupCopies))
            counted[digests] = reduce(CountedCopies.with_list, copies, NOTHING_COUNTED)
    return {name: counted[frozenset(digests)] for name, digests in cited.items()}


def _require_possible(draft: StatementDraft, past: consistency.Past, dated: datetime) -> None:
    if not consistency.follows(draft.event, past):
        raise ContradictionError(f"event-order: {draft.event}")
    if consistency.owes_nothing(draft.event, draft.still_open):
        raise ContradictionError(f"nothing-owed: {draft.event}")
    if consistency.leaves_open(draft.event, draft.still_open, final=draft.final):
        raise ContradictionError(f"over-and-open: {draft.event}")
    if consistency.checked_too_late(draft.event, draft.still_open, dated):
        raise ContradictionError(f"check-too-late: {draft.event}")


def publish(ledger: Ledger, writer: LogWriter, also: Callable[[Transaction], None]) -> int:
    """Append every statement that is not in the log yet, and note where it stands. Returns how many.

    Safe to repeat after a crash at any point: leaves that reached the log without their index being noted are found
    again there. One writer at a time (the log's own lock).

    Args:
        ledger: Where the statements are.
        writer: Of the log.
        also: Called in the transaction that notes the last of them: what else is to be brought up to date.

    Raises:
        LedgerBehindError: The log holds statements that this ledger does not know: the ledger was restored.
        LedgerError: The log is shorter than the ledger says it was.
    """
    published = 0
    while True:
        with reading(ledger) as connection:
            logged, pending = _standing(connection, writer)
        if pending:
            first = writer.append(list(pending))
            logged += [Place(row_id, index) for index, row_id in enumerate(pending.values(), first)]
        is_last = len(pending) < _PUBLISHED_AT_ONCE
        with ledger.begin() as connection:
            ledger_statements.note_places(connection, logged)
            if is_last:
                also(connection)
        published += len(pending)
        if is_last:
            return published


def _standing(connection: Transaction, writer: LogWriter) -> tuple[list[Place], dict[bytes, int]]:
    """Statements that are in the log without the ledger knowing where, and leaf -> row of those that are not in it."""
    known = ledger_statements.how_many_logged(connection)
    size = writer.log.size
    if size < known:
        raise LedgerError(
            "The log is shorter than the ledger says: it was truncated, or it is another log.",
            remedy="Point EXPUNGE_LOG_DIR at this ledger's log, or restore the log from its copy.",
        )
    pending = ledger_statements.pending(connection, _PUBLISHED_AT_ONCE + size - known)
    logged: list[Place] = []
    for index in range(known, size):
        found = pending.pop(writer.log.leaf(index), None)
        if found is None:
            raise LedgerBehindError(remedy=RECONCILE)
        logged.append(Place(found, index))
    return logged, pending
