"""The verifier's work grows with the receipt, and not with how often its statements cite one document.

Counted are steps of the interpreter, which are the same on every machine; nothing is timed.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest

from expunge_reports import export
from expunge_reports.forms import shared_documents
from expunge_reports.statement import Open, Statement
from expunge_reports.verify import contradictions

T0 = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AT = "2026-11-24T10:00:00Z"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
MANY = 600
COPY = {"place": "dumps", "status": "due", "due": AT, "expectedBy": AT, "takenBetween": [AT, AT]}
COPY |= {"store": "main", "kind": "pg_dump", "ground": None, "blocker": None}
LISTING = {"place": "dumps", "of": "main", "at": AT, "storageAt": AT, "copies": MANY, "control": None}
CLOCK = {"clock": "statute", "ground": "Art. 12(3)", "receivedAt": AT, "lastDay": "2026-12-24", "dueAt": AT}
COLLECTIONS = {f"c{number}": "delete" for number in range(MANY)}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "plan": {
        "kind": "plan",
        "software": "expunge 1",
        "operator": "Example GmbH",
        "contact": "privacy@example.com",
        "dataMap": "sha256:" + "1" * 64,
        "planDigest": "sha256:" + "2" * 64,
        "stores": [
            {
                "store": "main",
                "kind": "postgres",
                "identity": "sha256:" + "3" * 64,
                "collections": COLLECTIONS,
                "backupPlaces": ["dumps"],
            }
        ],
        "logsLeftAlone": [],
        "dataTypes": {},
    },
    "copies": {
        "kind": "copies",
        "listings": [LISTING] * MANY,
        "mayHoldTheRecords": [{**COPY, "id": str(number)} for number in range(MANY)],
    },
    "deadlines": {
        "kind": "deadlines",
        "receivedAt": AT,
        "timeZone": "UTC",
        "calendar": {},
        "clocks": [CLOCK] * MANY,
        "first": "statute",
        "answerBy": AT,
    },
    "unknown": {"kind": "unknown", "numbers": list(range(MANY))},
}


def steps(act: Callable[[], object]) -> int:
    """How many steps of the interpreter it takes."""
    counted = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return trace

    gc.collect()
    gc.disable()  # what others left behind ends in steps of its own
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
        gc.enable()
    return counted


def judged(number: int, event: str, document: dict[str, Any]) -> int:
    """What so many statements cost that cite one document."""
    digest = export.document_digest(document)
    said = {"controller": "acme", "receivedAt": AT, "verifiedAt": AT, "stores": [], "context": [digest]}
    statements = [
        Statement(
            f"er_{'d' * 32}",
            seq,
            "e" * 64 if seq else None,
            event if seq else "accepted",
            T0 + timedelta(seconds=seq),
            False,
            Open(1),
            said,
            ("f" * 64,),
        )
        for seq in range(number)
    ]
    shared = {digest.removeprefix("sha256:"): document}
    contradictions.contradictions(statements[:2], shared, NOW)  # what is derived once for each form
    return steps(lambda: contradictions.contradictions(statements, shared, NOW))


@pytest.mark.parametrize("event", ["correction", "extended", "re-erased"])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_is_walked_no_more_often_however_many_statements_cite_it(kind: str, event: str) -> None:
    alone = judged(2, event, {**DOCUMENTS[kind], **_emptied(kind)})
    few, many = judged(2, event, DOCUMENTS[kind]), judged(12, event, DOCUMENTS[kind])
    empty = judged(12, event, {**DOCUMENTS[kind], **_emptied(kind)})
    assert many - empty < 1.5 * (few - alone)


@pytest.mark.parametrize("kind", sorted(DOCUMENTS.keys() - {"unknown"}))
def test_the_documents_have_a_form_that_rules_look_at(kind: str) -> None:
    assert shared_documents.document(DOCUMENTS[kind]) is not None


def _emptied(kind: str) -> dict[str, object]:
    return {
        "plan": {"stores": []},
        "copies": {"listings": [], "mayHoldTheRecords": []},
        "deadlines": {"clocks": []},
        "unknown": {"numbers": []},
    }[kind]


@pytest.mark.parametrize("event", ["correction", "settled", "cancelled", "closed"])
def test_a_statement_costs_no_more_however_many_are_before_it(event: str) -> None:
    few, many = (judged(number, event, {"kind": "unknown"}) for number in (20, 400))
    assert many < 22 * few


CLOSED = {"controller": "acme", "nothingLeftAt": AT, "ledgerCopies": "not-followed", "context": []}


@pytest.mark.parametrize("until", ["2026-01-01", "2035-07-10", None])
def test_what_is_kept_is_walked_no_more_often_however_many_statements_close_the_series(until: str | None) -> None:
    def closed(lines: int, number: int) -> int:
        kept = [
            {"collection": f"c{one}", "outcome": "retained", "found": 1, "due": 0, "retained": 1, "ground": "x"}
            | {"until": until, "newer": 0}
            for one in range(lines)
        ]
        stores = [{"store": "main", "cutoff": None, "collections": kept}]
        body = {"controller": "acme", "verifiedAt": AT, "stores": stores, "context": []}
        statements = [
            Statement(f"er_{'d' * 32}", seq, None, event, T0, False, Open(), said, ("f" * 64,))
            for seq, (event, said) in enumerate([("accepted", {}), ("re-erased", body), *[("closed", CLOSED)] * number])
        ]
        return steps(lambda: contradictions.contradictions(statements, {}, NOW))

    closed(20, 1)  # what is derived once for each form
    assert closed(MANY, 12) - closed(MANY, 2) == closed(20, 12) - closed(20, 2)
