"""What the verifier accepts, and the reason it gives for everything else."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from expunge_reports import canonical, consistency, dsse, export, opening, statement
from expunge_reports.errors import MalformedError
from expunge_reports.forms import shared_documents
from expunge_reports.log import leaf, proof_file, signed_note
from expunge_reports.trust import ReceiptKey
from expunge_reports.verify import verdict_text, what_is_owed
from expunge_reports.verify.verdict import Reason

ISSUED = datetime(2026, 11, 24, 10, 15, 42, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
SEEN = int(ISSUED.timestamp()) + 60


def test_a_good_receipt_is_authentic_complete_and_unanchored(finished):
    verdict = finished.verify(finished.export(), *finished.openings)
    assert (verdict.reason, verdict.authentic, verdict.complete, verdict.anchored) == (None, True, True, False)
    assert verdict.status == "unanchored"
    assert verdict.openings == 2
    assert [found.event for found in verdict.statements] == ["accepted", "partially-erased", "settled"]
    said = verdict_text.lines(verdict)
    assert said[0] == "authentic, unanchored"
    assert said[1] == (
        "Authentic statement by Example GmbH. Its truth rests on Example GmbH's systems; "
        "places not declared are not covered."
    )
    assert said[2].startswith("as of checkpoint receipts.example.org size 303 root ")
    assert "bound to the person of the openings given: 2 of 2" in said


def test_without_an_opening_it_is_bound_to_nobody(finished):
    assert "no opening given: not bound to a person" in verdict_text.lines(finished.verify(finished.export()))


def test_another_persons_opening_is_refused(finished):
    export_bytes = finished.export()
    strangers = [
        opening.make(finished.epoch, finished.series, "email/1", "eve@example.com"),
        opening.make(finished.epoch, finished.series, "email/2", "ada@example.com"),
        opening.make(finished.epoch, statement.new_series(), "email/1", "ada@example.com"),
        opening.make(b"\x08" * 32, finished.series, "email/1", "ada@example.com"),
        finished.openings[0] + b"\n\n",
        finished.openings[0] + b" ",
        b"",
    ]
    for stranger in strangers:
        assert finished.verify(export_bytes, finished.openings[1], stranger).reason == Reason.OPENING_MISMATCH


def test_a_subject_that_is_no_opening_opens_nothing(operator):
    """Whoever controls a file with the right digest still needs it to be an opening of this series."""
    forged = b"not an opening"
    other = opening.make(operator.epoch, statement.new_series(), "email/1", "ada@example.com")
    operator.issue("accepted", subjects=[canonical.digest(forged), opening.digest(other)])
    assert operator.verify(operator.export(), forged).reason == Reason.OPENING_MISMATCH
    assert operator.verify(operator.export(), other).reason == Reason.OPENING_MISMATCH
    assert operator.verify(operator.export()).authentic


def test_a_series_is_incomplete_from_the_moment_on_that_it_named(operator):
    """A day that ends in Los Angeles ends at 08:00 UTC of the next."""
    by = datetime(2026, 12, 2, 7, 59, 59, tzinfo=UTC)
    operator.issue("accepted", still_open=statement.Open(1, by))
    data = operator.export()
    assert operator.verify(data, now=by).complete
    late = operator.verify(data, now=by + timedelta(seconds=1))
    assert (late.status, late.authentic, late.complete) == ("incomplete", True, False)
    assert verdict_text.lines(late)[0].startswith(
        "authentic, incomplete: what is open should have been stated by 2026-12-02T07:59:59+00:00"
    )


def _deadlines(answer_by: str) -> dict[str, object]:
    return {
        "kind": "deadlines",
        "receivedAt": "2026-11-24T10:15:42Z",
        "timeZone": "Europe/Berlin",
        "calendar": {},
        "clocks": [],
        "first": "statute",
        "answerBy": answer_by,
    }


CLOCK = {
    "clock": "statute",
    "ground": "Art. 12(3)",
    "receivedAt": "2026-11-24T10:15:42Z",
    "lastDay": "2026-12-02",
    "dueAt": "2026-12-02T23:00:00Z",
}


EARLY, LATER = "2026-12-02T23:00:00Z", "2027-02-01T23:00:00Z"
EXTENDED = {
    "extendedTo": LATER,
    "extension": {"at": "2026-11-24T10:15:42Z", "reason": "complexity", "lastDay": "2027-02-01"},
}


def test_the_deadlines_that_were_cited_last_decide_until_the_request_is_answered(operator):
    """Extended, held, not answered; then answered, after which no deadline runs."""
    first = _deadlines(EARLY) | {"clocks": [CLOCK]}
    longer = _deadlines(LATER) | {"clocks": [CLOCK | EXTENDED]}

    def status(*days: str) -> list[str]:
        return [operator.verify(operator.raw_export(), now=datetime.fromisoformat(day)).status for day in days]

    operator.documents = [first]
    operator.issue("accepted", body={"context": [export.document_digest(first)]})
    assert status("2026-12-02T23:00:00Z", "2026-12-02T23:00:01Z") == ["unanchored", "incomplete"]
    operator.documents.append(longer)
    operator.issue("extended", body={"context": [export.document_digest(longer)]})
    operator.issue("on-hold", still_open=statement.Open(1), body={"context": []})
    assert status("2026-12-02T23:00:01Z", "2027-02-01T23:00:01Z") == ["unanchored", "incomplete"]
    check = statement.Open(1, datetime(2028, 1, 1, tzinfo=UTC))
    operator.issue("erased", still_open=check, body={"context": []})
    assert status("2027-02-01T23:00:01Z") == ["unanchored"]


@pytest.mark.parametrize(
    ("event", "answered", "said"),
    [
        ("erased", "2026-12-02T23:00:00Z", None),
        ("erased", "2026-12-02T23:00:01Z", "answered 1 day after it was due"),
        ("denied", "2026-12-03T23:00:00Z", "answered 1 day after it was due"),
        ("not-found", "2026-12-03T23:00:01Z", "answered 2 days after it was due"),
        ("partially-erased", "2027-02-01T23:00:00Z", "answered 61 days after it was due"),
        ("cancelled", "2026-12-02T23:00:00Z", None),
        ("cancelled", "2027-02-01T23:00:00Z", "not answered when it was due, and cancelled 61 days later"),
        ("on-hold", "2027-02-01T23:00:00Z", None),
    ],
)
def test_an_answer_after_its_deadline_is_said(operator, event, answered, said):
    """Whoever asked for an answer by a day is told that it came later, and no verdict changes for it."""
    first = _deadlines(EARLY) | {"clocks": [CLOCK]}
    operator.documents.append(first)
    operator.issue("accepted", body={"context": [export.document_digest(first)]})
    at = datetime.fromisoformat(answered)
    check = statement.Open(1, at + timedelta(days=1)) if event in consistency.ANSWERS else None
    owed = {"on-hold": statement.Open(1, datetime.fromisoformat(EARLY))}.get(event, check or statement.NOTHING_OPEN)
    operator.issue(event, issued_at=at, still_open=owed, final=event == "cancelled", body={"context": []})
    if check is not None:
        operator.issue("settled", issued_at=at + timedelta(days=1), body={"context": []})
    verdict = operator.verify(operator.export(), now=at)
    words = [] if said is None else [f"{said}: statement 1, due by 2026-12-02T23:00:00+00:00"]
    assert [one for one in verdict_text.lines(verdict) if "it was due" in one] == words
    told = verdict_text.to_object(verdict)
    assert told["cancelled_late" if event != "cancelled" else "answered_late"] is None
    told = told["cancelled_late" if event == "cancelled" else "answered_late"]
    days = None if said is None else next(int(one) for one in said.split() if one.isdigit())
    assert told == (None if said is None else {"statement": 1, "due": "2026-12-02T23:00:00+00:00", "days": days})
    if event != "on-hold":
        assert verdict.overdue_since is None


def test_an_answer_by_the_day_that_was_extended_is_in_time(operator):
    first = _deadlines(EARLY) | {"clocks": [CLOCK]}
    longer = _deadlines(LATER) | {"clocks": [CLOCK | EXTENDED]}
    operator.documents += [first, longer]
    operator.issue("accepted", body={"context": [export.document_digest(first)]})
    operator.issue("extended", body={"context": [export.document_digest(longer)]})
    late = datetime(2027, 2, 3, 22, tzinfo=UTC)
    assert operator.verify(operator.export(), now=late).answered_late is None
    operator.issue("erased", issued_at=late, body={"context": []})
    operator.issue("partially-erased", issued_at=late, body={"context": []})
    found = operator.verify(operator.export(), now=late).answered_late
    assert found == what_is_owed.LateAnswer(seq=2, due=datetime.fromisoformat(LATER), days=2)


@pytest.mark.parametrize("extended", [False, True])
def test_the_day_that_a_request_opens_with_counts_without_deadlines(operator, extended):
    """What `accepted` or `extended` says is open is as good as a document about deadlines."""
    early, later = (datetime.fromisoformat(one) for one in (EARLY, LATER))
    operator.issue("accepted", still_open=statement.Open(1, early), body={"context": []})
    if extended:
        operator.issue("extended", still_open=statement.Open(1, later), body={"context": []})
    operator.issue("on-hold", still_open=statement.Open(1), body={"context": []})
    due = later if extended else early
    late = due + timedelta(days=60)
    assert operator.verify(operator.export(), now=late).overdue_since == due
    check = statement.Open(1, late + timedelta(days=1))
    operator.issue("erased", issued_at=late, still_open=check, body={"context": []})
    found = operator.verify(operator.export(), now=late).answered_late
    assert found == what_is_owed.LateAnswer(seq=3 if extended else 2, due=due, days=60)


def _copy(identifier: str, status: str, expected_by: str | None) -> dict[str, object]:
    return {
        "place": "dumps",
        "store": "pg-main",
        "kind": "pg_dump",
        "id": identifier,
        "takenBetween": ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"],
        "status": status,
        "expectedBy": expected_by,
        "due": None,
        "ground": None,
        "blocker": None,
    }


def test_every_copy_of_those_that_are_stated_together_is_past(operator):
    held = _copies(
        {**_copy("a", "due", "2026-12-07T00:00:00Z"), "copies": 3}, _copy("b", "due", "2026-12-07T00:00:00Z")
    )
    operator.documents = [held]
    operator.issue("accepted", body={"context": []})
    operator.issue("erased", body={"context": [export.document_digest(held)]})
    operator.issue("settled", body={"context": [export.document_digest(held)]})
    assert operator.verify(operator.export(), now=datetime(2026, 12, 10, tzinfo=UTC)).copies_past == 4


def _copies(*held: dict[str, object]) -> dict[str, object]:
    listing = {"place": "dumps", "of": "pg-main", "at": "2026-11-24T10:15:42Z", "copies": len(held)}
    listing |= {"storageAt": listing["at"], "control": None}
    return {"kind": "copies", "listings": [listing], "mayHoldTheRecords": list(held)}


@pytest.mark.parametrize("event", ["erased", "settled"])
def test_while_one_copy_has_no_day_no_other_one_is_past(operator, event):
    """Nothing is stated before the last of them has gone, and of that one nobody knows when."""
    held = _copies(_copy("a", "due", "2026-12-07T00:00:00Z"), _copy("c", "never", None))
    operator.documents = [held]
    operator.issue("accepted", body={"context": []})
    operator.issue("erased", body={"context": [export.document_digest(held)]})
    if event == "settled":
        operator.issue("settled", body={"context": [export.document_digest(held)]})
    assert operator.verify(operator.export(), now=datetime(2030, 1, 1, tzinfo=UTC)).copies_past == 0


def test_copies_whose_days_have_passed_are_counted(operator):
    earlier = _copies(_copy("z", "due", "2026-11-25T00:00:00Z"))
    held = _copies(_copy("a", "due", "2026-12-07T00:00:00Z"), _copy("b", "due", "2027-01-11T00:00:00Z"))
    operator.documents = [earlier, held]
    operator.issue("accepted", body={"context": []})
    operator.issue("erased", body={"context": [export.document_digest(earlier)]})
    operator.issue("settled", body={"context": [export.document_digest(held)]})
    data = operator.export()
    past = [
        operator.verify(data, now=datetime.fromisoformat(day)).copies_past
        for day in ("2026-12-07T00:00:01Z", "2027-01-13T00:00:00Z", "2027-01-13T00:00:01Z")
    ]
    assert past == [0, 0, 2]
    late = operator.verify(data, now=datetime(2027, 1, 14, tzinfo=UTC))
    assert (late.status, verdict_text.to_object(late)["copies_past"]) == ("incomplete", 2)
    said = (
        "authentic, incomplete: the days of 2 copies have passed, and that they are gone should have been stated,"
        " unanchored"
    )
    assert verdict_text.lines(late)[0] == said
    operator.issue("closed", final=True, body={"context": []})
    assert operator.verify(operator.export(), now=datetime(2030, 1, 1, tzinfo=UTC)).complete


@pytest.mark.parametrize("left", ["ambiguous", "unread"])
def test_a_request_that_is_never_closed_is_never_late(operator, left):
    """What may be another person's keeps it open, and so does what could not be searched for."""
    held = _copies(_copy("a", "due", "2026-12-07T00:00:00Z"))
    operator.documents = [held]
    operator.issue("accepted", body={"context": []})
    operator.issue("erased", body={"context": [export.document_digest(held)]})
    operator.issue("settled", body={"context": [export.document_digest(held)], left: 1})
    assert operator.verify(operator.export(), now=datetime(2030, 1, 1, tzinfo=UTC)).copies_past == 0


@pytest.mark.parametrize("day", [None, "soon", "2026-12-07T00:00:00", "9999-12-31T23:59:59-23:59", 7])
def test_a_day_in_another_form_makes_nothing_incomplete(operator, day):
    held, clocks = _copies(_copy("a", "due", day)), _deadlines(day)
    operator.documents = [held, clocks]
    operator.issue("accepted", body={"context": [export.document_digest(one) for one in operator.documents]})
    assert operator.verify(operator.export(), now=datetime(2030, 1, 1, tzinfo=UTC)).complete


def test_a_statement_says_what_is_open_and_which_copies_there_are(operator):
    soon, last = datetime(2026, 12, 7, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC)
    for event, owed in (
        ("accepted", statement.Open(1, soon)),
        ("erased", statement.Open(1, soon, statement.OpenCopies(3, 1, soon, last))),
        ("settled", statement.Open(copies=statement.OpenCopies(2, 2))),
        ("correction", statement.Open(copies=statement.OpenCopies(1, 0, soon, soon))),
        ("closed", statement.NOTHING_OPEN),
    ):
        operator.issue(event, still_open=owed, final=event == "closed")
    told = verdict_text.lines(operator.verify(operator.export()))
    said = [line.partition(" (")[2] for line in told if line.startswith("  ") and line[2].isdigit()]
    assert "nothing was left in the stores when they were looked at last, 2026-11-24T10:15:42Z, and every" in told[-1]
    assert said == [
        "1 open, expected by 2026-12-07T00:00:00+00:00)",
        (
            "1 open, expected by 2026-12-07T00:00:00+00:00; 3 copies, the next to go by 2026-12-07,"
            " the last by 2027-01-11, 1 without a day)"
        ),
        "0 open; 2 copies, without a day)",
        "0 open; 1 copy, to go by 2026-12-07)",
        "final)",
    ]


# --- dropped, reordered and foreign statements ---


@pytest.mark.parametrize("position", [0, 1])
def test_a_dropped_statement_is_noticed(finished, edit, position):
    data = edit(finished.export(), lambda document: document["statements"].pop(position))
    assert finished.verify(data).reason == Reason.STATEMENT_DROPPED


def test_a_dropped_last_statement_leaves_the_series_open_and_then_incomplete(finished, edit):
    """The export alone cannot show this one: the date in `open` does, and so does a scan of the public log."""
    data = edit(finished.export(), lambda document: (document["statements"].pop(),))
    assert finished.verify(data).complete
    assert finished.verify(data, now=datetime(2027, 1, 1, tzinfo=UTC)).status == "incomplete"


def test_a_swapped_or_repeated_statement_breaks_the_chain(finished, edit):
    def swap(document):
        document["statements"][0:2] = document["statements"][1::-1]

    def repeat(document):
        document["statements"].insert(1, document["statements"][0])

    verdict = finished.verify(edit(finished.export(), swap))
    assert (verdict.reason, verdict.seq) == (Reason.STATEMENTS_REORDERED, 0)
    assert finished.verify(edit(finished.export(), repeat)).reason == Reason.CHAIN_BROKEN


def test_a_wrong_previous_digest_breaks_the_chain(operator):
    operator.issue("accepted")
    operator.issue("erased", prev="0" * 64)
    assert operator.verify(operator.raw_export()).reason == Reason.CHAIN_BROKEN


def test_a_statement_of_another_series_breaks_the_chain(operator):
    operator.issue("accepted")
    operator.issue("erased", series=statement.new_series())
    assert operator.verify(operator.raw_export()).reason == Reason.CHAIN_BROKEN


def test_an_export_under_another_series_name_breaks_the_chain(finished, edit):
    data = edit(finished.export(), lambda document: document.update(series=statement.new_series()))
    assert finished.verify(data).reason == Reason.CHAIN_BROKEN


def test_changed_subjects_break_the_chain(operator):
    operator.issue("accepted")
    operator.issue("erased", subjects=["0" * 64])
    assert operator.verify(operator.raw_export()).reason == Reason.CHAIN_BROKEN


def test_nothing_follows_a_final_statement(operator):
    operator.issue("accepted")
    operator.issue("denied", final=True)
    operator.issue("erased")
    verdict = operator.verify(operator.export())
    assert (verdict.reason, verdict.seq) == (Reason.AFTER_FINAL, 2)


def test_a_statement_logged_before_its_predecessor_breaks_the_chain(operator):
    """It names the digest of the one before, so an honest log cannot have had it earlier."""
    operator.issue("accepted")
    operator.issue("erased")
    first, second = (
        leaf.of_payload(operator.series, seq, payload).to_bytes() for seq, payload in enumerate(operator.payloads)
    )
    start = operator.writer.append([second, first])
    assert operator.verify(operator.raw_export()).authentic
    operator.indexes = [start + 1, start]
    assert operator.verify(operator.raw_export()).reason == Reason.CHAIN_BROKEN


def test_a_proof_under_another_statement_is_invalid(operator):
    operator.issue("accepted")
    operator.issue("erased")
    operator.indexes.reverse()
    assert operator.verify(operator.raw_export()).reason == Reason.PROOF_INVALID


# --- altered parts ---


def _payload_changed(document):
    envelope = document["statements"][1]["envelope"]
    payload = base64.b64decode(envelope["payload"]).replace(b'"found":14', b'"found":15')
    envelope["payload"] = base64.b64encode(payload).decode()


def _resigned_by_stranger(document):
    envelope = document["statements"][1]["envelope"]
    payload = base64.b64decode(envelope["payload"])
    envelope["signatures"] = json.loads(dsse.sign(payload, ec.generate_private_key(ec.SECP256R1())))["signatures"]


def _signature_of_stranger_under_trusted_id(document):
    keyid = document["statements"][1]["envelope"]["signatures"][0]["keyid"]
    _resigned_by_stranger(document)
    document["statements"][1]["envelope"]["signatures"][0]["keyid"] = keyid


def _proof_of_another_leaf(document):
    document["statements"][1]["proof"] = document["statements"][2]["proof"]


def _hash_changed(document):
    lines = document["statements"][1]["proof"].split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    document["statements"][1]["proof"] = "\n".join(lines)


def _checkpoint_grown(document):
    for row in document["statements"]:
        row["proof"] = row["proof"].replace("\n303\n", "\n304\n")


def _one_checkpoint_changed(document):
    document["statements"][1]["proof"] = document["statements"][1]["proof"].replace("\n303\n", "\n304\n")


def _shared_changed(document):
    next(iter(document["shared"].values()))["kind"] = "other"


def _shared_missing(document):
    document["shared"].popitem()


def _shared_added(document):
    added = {"kind": "extra"}
    document["shared"][export.document_digest(added).removeprefix("sha256:")] = added


@pytest.mark.parametrize(
    ("change", "reason", "seq"),
    [
        (_payload_changed, Reason.PAYLOAD_ALTERED, 1),
        (_resigned_by_stranger, Reason.UNKNOWN_KEY, 1),
        (_signature_of_stranger_under_trusted_id, Reason.SIGNATURE_INVALID, 1),
        (_proof_of_another_leaf, Reason.PROOF_INVALID, 1),
        (_hash_changed, Reason.PROOF_INVALID, 1),
        (_checkpoint_grown, Reason.CHECKPOINT_INVALID, None),
        (_one_checkpoint_changed, Reason.CHECKPOINTS_DIFFER, 1),
        (_shared_changed, Reason.SHARED_DOCUMENT_ALTERED, None),
        (_shared_missing, Reason.SHARED_DOCUMENT_MISSING, None),
        (_shared_added, Reason.SHARED_DOCUMENT_UNCITED, None),
        (lambda document: document.update(format="expunge-export/2"), Reason.MALFORMED, None),
        (lambda document: document.update(statements=[]), Reason.MALFORMED, None),
        (lambda document: document.update(more=1), Reason.MALFORMED, None),
    ],
)
def test_every_alteration_has_its_own_reason(finished, edit, change, reason, seq):
    verdict = finished.verify(edit(finished.export(), change))
    assert (verdict.reason, verdict.seq, verdict.authentic, verdict.status) == (reason, seq, False, "invalid")
    assert verdict.statements == ()
    assert verdict_text.lines(verdict)[0].startswith(f"invalid: {reason.value}")


def test_white_space_is_not_canonical(finished):
    data = finished.export()
    assert finished.verify(data + b"\n").authentic
    assert finished.verify(data + b"\n\n").reason == Reason.NOT_CANONICAL
    assert finished.verify(data + b" ").reason == Reason.NOT_CANONICAL
    assert finished.verify(data + b"x").reason == Reason.MALFORMED
    assert finished.verify(json.dumps(json.loads(data)).encode()).reason == Reason.NOT_CANONICAL
    assert finished.verify(b"").reason == Reason.MALFORMED


def test_a_signed_payload_that_is_not_canonical_is_refused(operator):
    payload = operator.issue("accepted")
    operator.payloads, operator.envelopes, operator.indexes = [], [], []
    operator.log_payload(json.dumps(json.loads(payload)).encode(), operator.series, 0)
    assert operator.verify(operator.raw_export()).reason == Reason.NOT_CANONICAL


def test_a_signed_payload_that_is_no_statement_is_refused(operator):
    operator.log_payload(b"{}", operator.series, 0)
    operator.documents = []
    assert operator.verify(operator.raw_export()).reason == Reason.MALFORMED


def test_a_statement_that_was_never_logged_is_refused(finished):
    """Signing is not enough: a thief of the receipt key, or a hidden second history, has no place in the log."""
    finished.indexes[2] = 5
    assert finished.verify(finished.raw_export()).reason == Reason.PROOF_INVALID


def test_another_operators_receipt_is_refused(finished, make_operator):
    other = make_operator()
    other.issue("accepted")
    assert finished.verify(other.export()).reason == Reason.UNKNOWN_LOG
    finished.trust = replace(other.trust, log=finished.trust.log)
    assert finished.verify(finished.export()).reason == Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "window",
    [
        (datetime(2026, 11, 24, 10, 15, 43, tzinfo=UTC), None),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 24, 10, 15, 41, tzinfo=UTC)),
    ],
)
def test_a_key_outside_its_window_signs_nothing(finished, window):
    keyid = dsse.key_id(finished.receipt.public_key())
    finished.trust = replace(finished.trust, receipt_keys={keyid: ReceiptKey(finished.receipt.public_key(), *window)})
    assert finished.verify(finished.export()).reason == Reason.KEY_OUT_OF_WINDOW


# --- one flipped byte, everywhere ---


_NAMED = {"sig": "signature", "keyid": "key id", "shared": "shared documents"}
# A flip that ends a string early is noticed at the member after it; one in the empty line moves the checkpoint's start.
_BESIDE = {"checkpoint": ("the proof", "the shared documents")}


def _allowed(text: str) -> set[Reason]:
    """Which reasons a flipped byte may give, by the part of the export it stands in."""
    return {
        "payload": {Reason.PAYLOAD_ALTERED, Reason.MALFORMED, Reason.NOT_CANONICAL},
        "sig": {Reason.SIGNATURE_INVALID, Reason.MALFORMED, Reason.NOT_CANONICAL},
        "keyid": {Reason.UNKNOWN_KEY, Reason.MALFORMED, Reason.NOT_CANONICAL},
        "proof": {Reason.PROOF_INVALID, Reason.CHECKPOINTS_DIFFER, Reason.MALFORMED, Reason.NOT_CANONICAL},
        "checkpoint": {
            Reason.UNKNOWN_LOG,
            Reason.CHECKPOINT_INVALID,
            Reason.CHECKPOINTS_DIFFER,
            Reason.MALFORMED,
            Reason.NOT_CANONICAL,
        },
        "shared": {Reason.SHARED_DOCUMENT_ALTERED, Reason.MALFORMED, Reason.NOT_CANONICAL},
    }[text]


def test_one_flipped_byte_is_never_accepted_and_is_named(operator):
    """Every byte of a short export has one bit flipped, which of the eight taking turns."""
    operator.issue("accepted", still_open=statement.Open(1, datetime(2027, 1, 1, tzinfo=UTC)))
    data = operator.export()
    assert operator.verify(data).authentic
    document = json.loads(data)
    envelope = document["statements"][0]["envelope"]
    proof_json = canonical.encode(document["statements"][0]["proof"])
    boundary = proof_json.index(b"\\n\\n") + 4
    parts = {
        "payload": envelope["payload"].encode(),
        "sig": envelope["signatures"][0]["sig"].encode(),
        "keyid": envelope["signatures"][0]["keyid"].encode(),
        "proof": proof_json[1 : boundary - 4],
        "checkpoint": proof_json[boundary:-1],
        "shared": canonical.encode(document["shared"])[1:-1],
    }
    spans = {name: (data.index(part), data.index(part) + len(part)) for name, part in parts.items()}
    seen: dict[str, set[Reason]] = {name: set() for name in parts}
    for position in range(len(data)):
        part = next((name for name, (start, end) in spans.items() if start <= position < end), None)
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position % 8)
        verdict = operator.verify(bytes(flipped))
        assert not verdict.authentic, f"accepted with byte {position} flipped"
        assert verdict.reason is not None
        if part:
            assert verdict.reason in _allowed(part), f"byte {position} in {part}: {verdict.reason}"
            seen[part].add(verdict.reason)
            if verdict.reason is Reason.MALFORMED:
                named = f"the {_NAMED.get(part, part)}"
                assert verdict.part in {named, *_BESIDE.get(part, ())}, f"byte {position} in {part}: {verdict.part}"
    expected = {
        "payload": Reason.PAYLOAD_ALTERED,
        "sig": Reason.SIGNATURE_INVALID,
        "keyid": Reason.UNKNOWN_KEY,
        "proof": Reason.PROOF_INVALID,
        "checkpoint": Reason.CHECKPOINT_INVALID,
        "shared": Reason.SHARED_DOCUMENT_ALTERED,
    }
    for part, reason in expected.items():
        assert reason in seen[part], f"no flip in {part} was named {reason}"


def test_one_flipped_bit_in_an_opening_is_a_mismatch(finished):
    data = finished.export()
    given = finished.openings[0]
    for position in range(len(given)):
        flipped = bytearray(given)
        flipped[position] ^= 1 << (position % 8)
        assert finished.verify(data, bytes(flipped)).reason == Reason.OPENING_MISMATCH


# --- witnesses ---


def _witnessed(operator, *times: int, quorum: int):
    keys = [ed25519.Ed25519PrivateKey.generate() for _ in times]
    names = [f"witness-{number}.example" for number in range(len(times))]
    signed = operator.writer.log.checkpoint
    for name, key, time in zip(names, keys, times, strict=True):
        signed = signed_note.cosign(signed, name, key, time)
    operator.trust = replace(
        operator.trust,
        witnesses=tuple(
            signed_note.VerifierKey(name, signed_note.WITNESS_KEY, key.public_key().public_bytes_raw())
            for name, key in zip(names, keys, strict=True)
        ),
        quorum=quorum,
    )
    proofs = [
        replace(proof_file.parse(text), checkpoint=signed) for text in operator.writer.log.proofs(operator.indexes)
    ]
    rows = [(envelope, found.to_text()) for envelope, found in zip(operator.envelopes, proofs, strict=True)]
    return export.build(operator.series, rows, operator.documents)


def test_a_quorum_of_witnesses_anchors_the_checkpoint(finished):
    data = _witnessed(finished, SEEN, SEEN + 600, SEEN + 6000, quorum=2)
    verdict = finished.verify(data)
    assert (verdict.status, verdict.anchored) == ("authentic", True)
    assert verdict.as_of.witnessed_at == datetime.fromtimestamp(SEEN + 600, UTC)
    assert "unanchored" not in "\n".join(verdict_text.lines(verdict))


OUTSIDE = "signed this checkpoint before a statement in it was issued, or after now: that counts for nothing"


@pytest.mark.parametrize(
    ("time", "counts"),
    [
        (0, False),
        (int(ISSUED.timestamp()) - 301, False),
        (int(ISSUED.timestamp()) - 300, True),
        (int(NOW.timestamp()) + 300, True),
        (int(NOW.timestamp()) + 301, False),
        (253402300799, False),
        (316000000000, False),
        (2**64 - 1, False),
    ],
)
def test_nobody_witnesses_before_the_issue_or_in_the_future(finished, time, counts):
    """Clocks may differ by five minutes."""
    verdict = finished.verify(_witnessed(finished, time, quorum=1))
    assert (verdict.authentic, verdict.anchored, verdict.lacks_witnesses) == (True, counts, not counts)
    assert (f"1 witness {OUTSIDE}" in verdict_text.lines(verdict)) is not counts
    assert verdict_text.to_object(verdict)["untimely_witnesses"] == int(not counts)


@pytest.mark.parametrize("wrong", [0, SEEN - 10**6, SEEN + 10**9, 2**63])
def test_a_witness_whose_clock_is_wrong_vetoes_nothing(finished, wrong):
    verdict = finished.verify(_witnessed(finished, wrong, SEEN + 5, SEEN, wrong, quorum=2))
    assert (verdict.status, verdict.as_of.witnessed_at) == ("authentic", datetime.fromtimestamp(SEEN + 5, UTC))
    assert f"2 witnesses {OUTSIDE}" in verdict_text.lines(verdict)


def test_a_witness_that_signed_again_in_time_counts(finished):
    key = ed25519.Ed25519PrivateKey.generate()
    public = signed_note.VerifierKey("w.example", signed_note.WITNESS_KEY, key.public_key().public_bytes_raw())
    note = finished.writer.log.checkpoint
    for time in (0, SEEN, SEEN + 5):
        note = signed_note.cosign(note, "w.example", key, time)
    finished.trust = replace(finished.trust, witnesses=(public,), quorum=1)
    proofs = [replace(proof_file.parse(one), checkpoint=note) for one in finished.writer.log.proofs(finished.indexes)]
    rows = [(envelope, one.to_text()) for envelope, one in zip(finished.envelopes, proofs, strict=True)]
    verdict = finished.verify(export.build(finished.series, rows, finished.documents))
    assert (verdict.as_of.witnessed_at, verdict.untimely_witnesses) == (datetime.fromtimestamp(SEEN, UTC), 0)


def test_without_a_quorum_no_witness_decides(finished):
    data = _witnessed(finished, 1, quorum=1)
    finished.trust = replace(finished.trust, quorum=0)
    assert finished.verify(data).status == "unanchored"


@pytest.mark.parametrize(("apart", "reason"), [(300, None), (301, Reason.KEY_OUT_OF_WINDOW)])
def test_a_retired_key_is_believed_where_witnesses_saw_its_statement_in_time(finished, apart, reason):
    """`issuedAt` is the signer's word: whoever holds a retired key dates back. Nobody dates a witness back."""
    retired = ISSUED + timedelta(hours=1)
    data = _witnessed(finished, int(retired.timestamp()) + apart, quorum=1)
    keyid = dsse.key_id(finished.receipt.public_key())
    key = ReceiptKey(finished.receipt.public_key(), datetime(2026, 1, 1, tzinfo=UTC), retired)
    finished.trust = replace(finished.trust, receipt_keys={keyid: key})
    assert finished.verify(data).reason == reason


@pytest.mark.parametrize(
    ("quorum", "left", "reason"),
    [(1, timedelta(days=-1), Reason.KEY_OUT_OF_WINDOW), (1, timedelta(days=1), None), (0, timedelta(days=-1), None)],
)
def test_where_witnesses_are_demanded_a_retired_key_is_believed_with_them_alone(finished, quorum, left, reason):
    """Their lines can be taken away: then nothing says that the statement was there before the key was retired."""
    _witnessed(finished, SEEN, quorum=quorum)
    key = ReceiptKey(finished.receipt.public_key(), datetime(2026, 1, 1, tzinfo=UTC), NOW + left)
    finished.trust = replace(finished.trust, receipt_keys={dsse.key_id(finished.receipt.public_key()): key})
    assert finished.verify(finished.export()).reason == reason


def test_a_signature_in_its_other_form_is_accepted_and_named(finished):
    """Other tools accept it as well; whoever made it did not make it here."""
    assert finished.verify(finished.export()).high_s == ()
    envelope = dsse.parse(finished.envelopes[1])
    r, s = utils.decode_dss_signature(envelope.signature)
    twin = replace(envelope, signature=utils.encode_dss_signature(r, dsse.ORDER - s))
    finished.envelopes[1] = canonical.encode(twin.to_object())
    verdict = finished.verify(finished.export())
    assert (verdict.authentic, verdict.high_s) == (True, (1,))
    assert "statement 1 bears its signature in its other form (high S), which Expunge does not make" in (
        verdict_text.lines(verdict)
    )
    assert verdict_text.to_object(verdict)["high_s"] == [1]


def test_too_few_witnesses_leave_it_unanchored(finished):
    data = _witnessed(finished, SEEN, quorum=1)
    finished.trust = replace(
        finished.trust,
        witnesses=(
            *finished.trust.witnesses,
            signed_note.VerifierKey("w2.example", signed_note.WITNESS_KEY, bytes(32)),
        ),
        quorum=2,
    )
    assert finished.verify(data).status == "unanchored"
    finished.trust = replace(finished.trust, quorum=0)
    assert finished.verify(data).status == "unanchored"


def test_a_bad_line_of_a_known_witness_spoils_the_checkpoint(finished, edit):
    data = _witnessed(finished, SEEN, quorum=1)
    stranger = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key = finished.trust.witnesses[0]

    def forge(document):
        for row in document["statements"]:
            head, _, line = row["proof"].rstrip("\n").rpartition("\n")
            dash, name, encoded = line.split(" ")
            signature = bytearray(base64.b64decode(encoded))
            signature[-1] ^= 1
            row["proof"] = f"{head}\n{dash} {name} {base64.b64encode(signature).decode()}\n"

    said = finished.verify(edit(data, forge))
    assert said.reason == Reason.WITNESS_SIGNATURE_INVALID
    assert "the log's own signature holds" in verdict_text.lines(said)[0]
    finished.trust = replace(finished.trust, witnesses=(replace(key, public=stranger),))
    assert finished.verify(data).status == "unanchored"  # a line by an unknown key is ignored


def test_a_document_is_read_no_more_often_however_many_statements_cite_it(operator, monkeypatch):
    """Two megabytes that sixty statements cite took the better part of a minute."""
    operator.issue("accepted")
    for _ in range(5):
        operator.issue("correction")
    data, calls, read = operator.export(), list[object](), shared_documents.document
    monkeypatch.setattr(shared_documents, "document", lambda value: [calls.append(value), read(value)][1])
    assert operator.verify(data).authentic
    assert len(calls) <= 2 * len(operator.documents)


def test_a_build_refuses_what_could_not_verify(finished):
    rows = list(zip(finished.envelopes, finished.writer.log.proofs(finished.indexes), strict=True))
    with pytest.raises(MalformedError):
        export.build(finished.series, rows[1:], finished.documents)
    with pytest.raises(MalformedError):
        export.build(finished.series, rows, finished.documents[:1])
    with pytest.raises(MalformedError):
        export.build(statement.new_series(), rows, finished.documents)
    with pytest.raises(MalformedError):
        export.build(finished.series, [], finished.documents)
    finished.writer.append([b"later"])
    rows[0] = (rows[0][0], finished.writer.log.proof(finished.indexes[0]))
    with pytest.raises(MalformedError):
        export.build(finished.series, rows, finished.documents)
