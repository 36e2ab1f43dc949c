"""Whether anything went a letter reads of every collection of the statements, as the verifier reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from expunge_orchestrator.notifications import letter_facts
from expunge_reports.statement import Open, OpenCopies, Statement

AT = datetime(2026, 12, 1, tzinfo=UTC)
COPIES = OpenCopies(2, 1)


def ended(line: dict[str, Any]) -> Statement:
    collection = {"collection": "users", "found": 5, "newer": 0, "retained": 0, **line}
    body = {
        "stores": [{"store": "main", "cutoff": None, "collections": [collection]}],
        "identifiers": {},
        "reason": "Ended by the operator",
    }
    return Statement("er_1", 1, None, "partially-erased", AT, False, Open(1, None, COPIES), body, ())


@pytest.mark.parametrize(
    ("line", "went"),
    [
        ({"outcome": "left", "due": 5}, False),
        ({"outcome": "left", "due": 2}, True),
        ({"outcome": "retained", "due": 0, "retained": 5}, False),
        ({"outcome": "retained", "due": 0, "retained": 2, "gone": 3}, True),
        ({"outcome": "erased", "due": 0}, True),
        ({"outcome": "left", "unseen": True}, False),
    ],
)
def test_whether_anything_went(line: dict[str, Any], *, went: bool) -> None:
    facts = letter_facts.of_series([ended(line)])
    assert (facts.ended, facts.went, facts.copies) == (True, went, COPIES)


def test_of_no_statement_nothing_is_said() -> None:
    assert letter_facts.of_series([]) == letter_facts.LetterFacts()
