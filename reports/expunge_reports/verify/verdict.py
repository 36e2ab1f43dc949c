"""Verdicts: the verifier's result, with the one reason why an export is not accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from expunge_reports.statement import Statement
from expunge_reports.verify.contradictions import Contradiction
from expunge_reports.verify.what_is_owed import LateAnswer


class Reason(StrEnum):
    """Why an export is not accepted."""

    MALFORMED = "malformed"
    SEVERAL_DOCUMENTS = "several-documents"
    NOT_CANONICAL = "not-canonical"
    UNKNOWN_LOG = "unknown-log"
    CHECKPOINT_INVALID = "checkpoint-invalid"
    WITNESS_SIGNATURE_INVALID = "witness-signature-invalid"
    CHECKPOINTS_DIFFER = "checkpoints-differ"
    PROOF_INVALID = "proof-invalid"
    UNKNOWN_KEY = "unknown-key"
    KEY_OUT_OF_WINDOW = "key-out-of-window"
    PAYLOAD_ALTERED = "payload-altered"
    SIGNATURE_INVALID = "signature-invalid"
    CHAIN_BROKEN = "chain-broken"
    STATEMENT_DROPPED = "statement-dropped"
    STATEMENTS_REORDERED = "statements-reordered"
    AFTER_FINAL = "after-final"
    SHARED_DOCUMENT_ALTERED = "shared-document-altered"
    SHARED_DOCUMENT_MISSING = "shared-document-missing"
    SHARED_DOCUMENT_UNCITED = "shared-document-uncited"
    OPENING_MISMATCH = "opening-mismatch"
    LOG_FOREIGN = "log-foreign"
    LOG_DAMAGED = "log-damaged"
    LOG_OLDER = "log-older"
    LOG_INCONSISTENT = "log-inconsistent"
    SERIES_FORKED = "series-forked"
    STATEMENT_WITHHELD = "statement-withheld"


EXPLANATIONS: Final[Mapping[Reason, str]] = {
    Reason.MALFORMED: "the document does not have the form of an export",
    Reason.SEVERAL_DOCUMENTS: "the file holds several documents, one after the other",
    Reason.NOT_CANONICAL: "the bytes are not the canonical form of what they say",
    Reason.UNKNOWN_LOG: "the checkpoint bears no signature of the log that is trusted",
    Reason.CHECKPOINT_INVALID: "the checkpoint is not one that the log signed",
    Reason.WITNESS_SIGNATURE_INVALID: (
        "a line under the checkpoint names a trusted witness, and is not its signature; the log's own signature holds"
    ),
    Reason.CHECKPOINTS_DIFFER: "the proofs lead to different checkpoints",
    Reason.PROOF_INVALID: "the proof does not lead from the statement to the checkpoint",
    Reason.UNKNOWN_KEY: "the statement names a signing key that is not trusted",
    Reason.KEY_OUT_OF_WINDOW: (
        "the statement was issued, or first witnessed, outside its key's time of validity, or its key is retired and"
        " the witnesses that the trust file demands did not sign"
    ),
    Reason.PAYLOAD_ALTERED: "the statement is neither what was signed nor what was logged",
    Reason.SIGNATURE_INVALID: "the log holds this statement, but its signature does not verify",
    Reason.CHAIN_BROKEN: "the statements do not follow on one another",
    Reason.STATEMENT_DROPPED: "a statement of the series is missing",
    Reason.STATEMENTS_REORDERED: "the statements of the series are all there, in another order",
    Reason.AFTER_FINAL: "a statement follows one that was final",
    Reason.SHARED_DOCUMENT_ALTERED: "a shared document is not the one cited",
    Reason.SHARED_DOCUMENT_MISSING: "a document that a statement cites is missing",
    Reason.SHARED_DOCUMENT_UNCITED: "a document is enclosed that no statement cites",
    Reason.OPENING_MISMATCH: "an opening belongs to another person or another receipt, or is no opening",
    Reason.LOG_FOREIGN: "the log beside the receipt is not the one that is trusted",
    Reason.LOG_DAMAGED: "the log beside the receipt is damaged: its files do not lead to its signed checkpoint",
    Reason.LOG_OLDER: (
        "this copy of the log is older than the receipt, whose checkpoint has more leaves: fetch the log again; if it"
        " stays shorter, it was cut"
    ),
    Reason.LOG_INCONSISTENT: "the log beside the receipt does not extend the receipt's checkpoint",
    Reason.SERIES_FORKED: "the log holds two statements of one number of this series, or lacks one before another",
    Reason.STATEMENT_WITHHELD: "at the export's own checkpoint the log held another statement of this series",
}


@dataclass(frozen=True, slots=True)
class AsOf:
    """The checkpoint the verdict speaks of.

    Attributes:
        origin: the log's name.
        size: its number of leaves.
        root: its root, hexadecimal.
        witnessed_at: the earliest time (UTC) since the last issue at which a quorum of witnesses had cosigned it; None
            if unanchored.
    """

    origin: str
    size: int
    root: str
    witnessed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        operator: whose statement it is, from the trust file.
        reason: None if authentic, else the one reason why not.
        seq: position of the statement in which the reason was found, if it was in one.
        as_of: the checkpoint, once its signature was verified.
        later: how many statements of the series came after the checkpoint, in the log that was searched.
        unread_leaves: how many leaves of the log that was searched name the series in a form that is not known.
        part: the part of the export that could not be read, where the reason is its form.
        statements: the verified statements in order; empty if invalid.
        contradictions: what cannot be true of the statements, although their signatures hold.
        overdue_since: the time by which the request itself owed a statement, if that time has passed.
        answered_late: the answer, or the cancel instead, if it came after one was due; None if not, or there is none.
        copies_past: how many of the backup copies that were stated last should be stated to be gone by now.
        places_not_listed: the places with backup copies that the plan names and the last list of copies does not have.
        openings: how many subject entries were opened.
        quorum: how many witnesses the trust file demands.
        untimely_witnesses: how many signed the checkpoint only before a statement in it was issued, or after now.
        unknown_kinds: how many documents are of which kind that this version does not know; None: of none.
        high_s: the statements whose signature has the form that Expunge does not make; it verifies all the same.
        searched: the size of the log that was searched for further statements; None if none was (see `monitor`).
    """

    operator: str
    reason: Reason | None
    seq: int | None = None
    as_of: AsOf | None = None
    statements: tuple[Statement, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    overdue_since: datetime | None = None
    answered_late: LateAnswer | None = None
    copies_past: int = 0
    places_not_listed: tuple[str, ...] = ()
    openings: int = 0
    quorum: int = 0
    untimely_witnesses: int = 0
    unknown_kinds: Mapping[str | None, int] = field(default_factory=dict)
    high_s: tuple[int, ...] = ()
    searched: int | None = None
    later: int = 0
    unread_leaves: int = 0
    part: str | None = None

    @property
    def genuine(self) -> bool:
        """The operator said it, all of it, and nobody altered it; whether it can be true is another matter."""
        return self.reason is None

    @property
    def authentic(self) -> bool:
        """Everything that could be checked was, and holds."""
        return self.genuine and not self.contradictions

    @property
    def anchored(self) -> bool:
        """A quorum of independent witnesses saw the checkpoint, so the log cannot be rewritten behind it unnoticed."""
        return self.genuine and self.as_of is not None and self.as_of.witnessed_at is not None

    @property
    def lacks_witnesses(self) -> bool:
        """The trust file demands a quorum, and this checkpoint does not bear it."""
        return self.genuine and self.quorum > 0 and not self.anchored

    @property
    def complete(self) -> bool:
        """Nothing that should have been stated by now is missing, nor anything that is known to be stated."""
        return self.genuine and self.overdue_since is None and not self.copies_past and not self.later

    @property
    def status(self) -> str:
        """The one word, the worst that applies: invalid, contradictory, incomplete, unanchored or authentic."""
        if not self.genuine:
            return "invalid"
        if self.contradictions:
            return "contradictory"
        if not self.complete:
            return "incomplete"
        return "authentic" if self.anchored else "unanchored"
