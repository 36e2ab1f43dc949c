"""Receipt verifier: a pure function from export, trust file, openings and time to a verdict with its reason.

What is checked, in this order, so that one altered byte is named after the place it stands in:

1. the export is canonical JSON of its form;
2. every proof file parses, and all lead to one checkpoint signed by the log of the trust file, and by no other;
3. every envelope parses and is signed by a trusted receipt key within its window of validity, by its own time and by
   that of the witnesses: of their signatures only those count that were made since the last issue and not after now;
4. every statement is canonical and keeps its rules; its leaf is in the checkpointed tree;
5. the statements are the whole series from 0 on: numbers, digests of the one before, subjects; none after a final one;
6. every cited document is present and has its digest, and no other is present;
7. every opening given has a subject digest;
8. nothing that the statements say contradicts itself (`contradictions`): it is evidence all the same, and shown.

One newline at the end of a file is no part of it. Five minutes between two clocks say nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from expunge_reports import canonical, dsse, export, opening, statement
from expunge_reports.errors import (
    MalformedError,
    NotCanonicalError,
    NoteError,
    ProofError,
    SeveralDocumentsError,
    SignatureError,
    UnknownNoteKeyError,
)
from expunge_reports.forms import shared_documents
from expunge_reports.log import leaf, merkle, proof_file, signed_note
from expunge_reports.statement import Statement
from expunge_reports.trust import ReceiptKey, Trust
from expunge_reports.verify import byte_locator, contradictions, what_is_owed
from expunge_reports.verify.verdict import AsOf, Reason, Verdict

_CLOCKS_DIFFER: Final = timedelta(minutes=5)


class _RejectedError(Exception):
    """Carries a reason out of the checks; never leaves this module."""

    def __init__(self, reason: Reason, seq: int | None = None, part: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seq = seq
        self.part = part


def verify(data: bytes, trust: Trust, openings: Sequence[bytes], now: datetime) -> Verdict:
    """Judge an export.

    Args:
        data: the export file.
        trust: what is taken on faith.
        openings: opening files that must each belong to this receipt; may be empty.
        now: an aware time, to tell whether what is open is overdue.

    Returns:
        The verdict; a bad export is a verdict too, so nothing is raised for it.
    """
    as_of: AsOf | None = None
    try:
        parsed = _parse(canonical.without_newline(data))
        checkpoint = _one_checkpoint(parsed)
        head = _verified(checkpoint, trust)
        as_of = AsOf(head.origin, head.size, head.root.hex(), None)
        cosigned = _cosigned(checkpoint, trust)
        envelopes = [_envelope(row.envelope, seq) for seq, row in enumerate(parsed.statements)]
        statements = _statements(parsed, envelopes, trust, head)
        counted = _counted(cosigned, max(one.issued_at for one in statements), now)
        as_of = replace(as_of, witnessed_at=_quorum_time(counted, trust.quorum))
        keys = [trust.receipt_keys[one.keyid] for one in envelopes]
        _check_times(statements, keys, as_of.witnessed_at)
        if trust.quorum and as_of.witnessed_at is None:
            _check_in_use(keys, now)
        _check_shared(parsed.shared, statements)
        opened = {canonical.without_newline(given) for given in openings}
        _check_openings(opened, statements[0])
    except _RejectedError as rejected:
        return Verdict(trust.operator, rejected.reason, seq=rejected.seq, as_of=as_of, part=rejected.part)
    documents = {digest: shared_documents.document(one) for digest, one in parsed.shared.items()}
    return Verdict(
        trust.operator,
        None,
        as_of=as_of,
        statements=tuple(statements),
        contradictions=contradictions.contradictions(statements, parsed.shared, now),
        overdue_since=what_is_owed.overdue_since(statements, documents, now),
        answered_late=what_is_owed.answered_late(statements, documents),
        copies_past=what_is_owed.copies_past(statements, documents, now),
        places_not_listed=what_is_owed.places_not_listed(statements, documents),
        openings=len(opened),
        quorum=trust.quorum,
        untimely_witnesses=len(cosigned) - len(counted),
        unknown_kinds=Counter(
            shared_documents.kind_of(one) for one in parsed.shared.values() if not shared_documents.is_document(one)
        ),
        high_s=tuple(seq for seq, one in enumerate(envelopes) if dsse.has_high_s(one.signature)),
    )


def _parse(data: bytes) -> export.Export:
    try:
        return export.parse(data)
    except NotCanonicalError:
        raise _RejectedError(Reason.NOT_CANONICAL) from None
    except SeveralDocumentsError:
        raise _RejectedError(Reason.SEVERAL_DOCUMENTS) from None
    except MalformedError as error:
        seq, part = (None, error.part) if error.at is None else byte_locator.at(data, error.at)
        raise _RejectedError(Reason.MALFORMED, seq, part) from None


def _one_checkpoint(parsed: export.Export) -> str:
    notes: list[str] = []
    for seq, row in enumerate(parsed.statements):
        try:
            notes.append(proof_file.parse(row.proof).checkpoint)
        except ProofError:
            raise _RejectedError(Reason.PROOF_INVALID, seq) from None
        # Two heads in one document could be two histories; which one a statement is in must not be left open.
        _require(notes[-1] == notes[0], Reason.CHECKPOINTS_DIFFER, seq)
    return notes[0]


def _verified(checkpoint: str, trust: Trust) -> signed_note.Checkpoint:
    try:
        return signed_note.verify_checkpoint(checkpoint, trust.log)
    except UnknownNoteKeyError:
        raise _RejectedError(Reason.UNKNOWN_LOG) from None
    except NoteError:
        raise _RejectedError(Reason.CHECKPOINT_INVALID) from None


def _cosigned(checkpoint: str, trust: Trust) -> list[list[int]]:
    """Return the times of each witness that cosigned."""
    try:
        times = [signed_note.witness_times(checkpoint, witness) for witness in trust.witnesses]
    except NoteError:
        raise _RejectedError(Reason.WITNESS_SIGNATURE_INVALID) from None
    return [one for one in times if one]


def _counted(cosigned: Sequence[Sequence[int]], issued: datetime, now: datetime) -> list[datetime]:
    """Return when each witness first signed between the last issue and now, so that no wrong clock vetoes the others.

    The times are compared as numbers: what a witness may write does not fit into a date.
    """
    apart = _CLOCKS_DIFFER.total_seconds()
    earliest, latest = issued.timestamp() - apart, now.timestamp() + apart
    found = [[time for time in times if earliest <= time <= latest] for times in cosigned]
    return sorted(datetime.fromtimestamp(min(times), UTC) for times in found if times)


def _quorum_time(counted: Sequence[datetime], quorum: int) -> datetime | None:
    """Return when the quorum was reached, or None if it was not."""
    return counted[quorum - 1] if 0 < quorum <= len(counted) else None


def _statements(
    parsed: export.Export, envelopes: Sequence[dsse.Envelope], trust: Trust, head: signed_note.Checkpoint
) -> list[Statement]:
    found: list[Statement] = []
    places: list[proof_file.TlogProof] = []
    for seq, (row, envelope) in enumerate(zip(parsed.statements, envelopes, strict=True)):
        place = proof_file.parse(row.proof)
        claimed = leaf.of_payload(parsed.series, seq, envelope.payload)
        current = _signed_statement(envelope, trust, seq, is_logged=_is_logged(claimed, place, head))
        own = leaf.of_payload(current.series, current.seq, envelope.payload)
        _require(_is_logged(own, place, head), Reason.PROOF_INVALID, seq)
        found.append(current)
        places.append(place)
    _check_chain(parsed.series, found, [statement.payload_digest(one.payload) for one in envelopes])
    # A statement holds the digest of the one before, so it cannot have been logged earlier.
    _require(all(left.index < right.index for left, right in pairwise(places)), Reason.CHAIN_BROKEN)
    return found


def _envelope(value: object, seq: int) -> dsse.Envelope:
    try:
        return dsse.from_object(value)
    except MalformedError as error:
        raise _RejectedError(Reason.MALFORMED, seq, error.part or "the envelope") from None


def _signed_statement(envelope: dsse.Envelope, trust: Trust, seq: int, *, is_logged: bool) -> Statement:
    """Return the statement in an envelope; `is_logged` tells, if the signature fails, which of the two was altered."""
    key = trust.receipt_keys.get(envelope.keyid)
    if key is None:
        raise _RejectedError(Reason.UNKNOWN_KEY, seq)
    try:
        dsse.verify(envelope, key.public)
    except SignatureError:
        raise _RejectedError(Reason.SIGNATURE_INVALID if is_logged else Reason.PAYLOAD_ALTERED, seq) from None
    try:
        found = statement.parse(envelope.payload)
    except NotCanonicalError:
        raise _RejectedError(Reason.NOT_CANONICAL, seq) from None
    except MalformedError:
        raise _RejectedError(Reason.MALFORMED, seq) from None
    return found


def _is_logged(found: leaf.Leaf, place: proof_file.TlogProof, head: signed_note.Checkpoint) -> bool:
    hashed = merkle.leaf_hash(found.to_bytes())
    try:
        merkle.verify_inclusion(hashed, place.index, head.size, place.hashes, head.root)
    except ProofError:
        return False
    return True


def _check_chain(series: str, statements: Sequence[Statement], digests: Sequence[str]) -> None:
    numbers = [current.seq for current in statements if current.series == series]
    moved = [seq for seq, number in enumerate(numbers) if number != seq]
    if moved and sorted(numbers) == list(range(len(statements))):
        raise _RejectedError(Reason.STATEMENTS_REORDERED, moved[0])
    for seq, current in enumerate(statements):
        _require(current.series != series or current.seq <= seq, Reason.STATEMENT_DROPPED, seq)
        same = current.series == series and current.subjects == statements[0].subjects
        follows = current.seq == seq and current.prev == (digests[seq - 1] if seq else None)
        _require(same and follows, Reason.CHAIN_BROKEN, seq)
        _require(seq == 0 or not statements[seq - 1].final, Reason.AFTER_FINAL, seq)


def _check_times(statements: Sequence[Statement], keys: Sequence[ReceiptKey], witnessed: datetime | None) -> None:
    for seq, (current, key) in enumerate(zip(statements, keys, strict=True)):
        _require(_in_window(key, current.issued_at), Reason.KEY_OUT_OF_WINDOW, seq)
        _require(witnessed is None or _in_window(key, witnessed, _CLOCKS_DIFFER), Reason.KEY_OUT_OF_WINDOW, seq)


def _check_in_use(keys: Sequence[ReceiptKey], now: datetime) -> None:
    """Refuse retired keys where witnesses are demanded and lack: who has such a key dates statements back with it."""
    for seq, key in enumerate(keys):
        _require(key.valid_until is None or now <= key.valid_until, Reason.KEY_OUT_OF_WINDOW, seq)


def _in_window(key: ReceiptKey, at: datetime, apart: timedelta = timedelta(0)) -> bool:
    return key.valid_from <= at + apart and (key.valid_until is None or at - apart <= key.valid_until)


def _check_shared(shared: Mapping[str, object], statements: Sequence[Statement]) -> None:
    for claimed, document in shared.items():
        _require(canonical.digest(canonical.encode(document)) == claimed, Reason.SHARED_DOCUMENT_ALTERED)
    cited = {digest for current in statements for digest in current.context}
    _require(cited <= shared.keys(), Reason.SHARED_DOCUMENT_MISSING)
    _require(shared.keys() <= cited, Reason.SHARED_DOCUMENT_UNCITED)


def _check_openings(openings: Collection[bytes], first: Statement) -> None:
    for given in openings:
        _require(opening.digest(given) in first.subjects, Reason.OPENING_MISMATCH)
        try:
            found = opening.parse(given)
        except MalformedError:
            raise _RejectedError(Reason.OPENING_MISMATCH) from None
        _require(found.series == first.series, Reason.OPENING_MISMATCH)


def _require(holds: bool, reason: Reason, seq: int | None = None) -> None:  # noqa: FBT001 - the claim being checked
    if not holds:
        raise _RejectedError(reason, seq)
