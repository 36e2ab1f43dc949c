"""What is open without a day, and no statement follows about it by itself: the verdict and the page say so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from expunge_reports import export
from expunge_reports.page.render import receipt_page
from expunge_reports.statement import Open
from expunge_reports.verify import verdict_text

DAY = datetime(2026, 12, 24, tzinfo=UTC)
NOTHING = (
    "no statement about it follows by itself but where it is seen to be gone after a stated last day; a later request"
    " looks again where its data map leads"
)
LOCKED = {
    "collection": "calls",
    "outcome": "retained",
    "found": 1,
    "due": 0,
    "retained": 1,
    "newer": 0,
    "ground": "object-lock",
    "until": "2027-01-31",
}


ENDED = {
    "identifiers": {
        "destroyedInLedger": False,
        "openableFrom": "Copies of the ledger",
        "until": None,
        "means": "No day is known",
        "kept": "What leads there",
    }
}


@pytest.fixture
def judged(operator):
    def judge(*events: tuple[str, Open, dict]):
        for event, owed, body in events:
            operator.issue(event, still_open=owed, body={"context": [], **body})
        verdict = operator.verify(operator.export())
        assert verdict.authentic
        return verdict

    return judge


def stores(*lines):
    held = {"pg-main": list(lines), "cache": []}
    return {
        "stores": [
            {"store": store, "cutoff": "2026-11-24T10:15:42Z", "collections": those} for store, those in held.items()
        ]
    }


@pytest.mark.parametrize("event", ["settled", "partially-erased"])
def test_of_what_a_lock_keeps_until_a_day_nothing_follows(operator, judged, event):
    """Whether the check after the settling time found it, or an operator ended the request."""
    answer = ("partially-erased", Open(1, DAY), stores(LOCKED))
    last = (event, Open(1), ENDED if event == "settled" else stores(LOCKED) | ENDED)
    verdict = judged(("accepted", Open(1), {}), answer, last)
    said = verdict_text.lines(verdict)
    assert said[-1].endswith(f" {event} (1 open; {NOTHING})")
    assert [NOTHING in one for one in said[-3:]] == [False, False, True]
    told = verdict_text.to_object(verdict)["statements"]
    assert [one["expected_by"] for one in told] == [None, DAY.isoformat(), None]
    assert [one["follows_by_itself"] for one in told] == [True, True, False]
    page = receipt_page(verdict, export.parse(operator.export()).shared)
    assert f"Still open: 1 open; {NOTHING}." in page
    assert "1 open, expected by 2026-12-24 00:00:00 UTC" in page
    assert "Kept until: the last day on which the ground keeps it, and no promise that it goes then." in page


def test_what_waits_for_an_answer_or_a_hold_is_followed(judged):
    kept = {**LOCKED, "ground": "A court", "until": None}
    verdict = judged(("accepted", Open(1), {}), ("on-hold", Open(1), stores(kept)))
    assert NOTHING not in "".join(verdict_text.lines(verdict))
    assert [one["follows_by_itself"] for one in verdict_text.to_object(verdict)["statements"]] == [True, True]


def test_where_nothing_is_open_nothing_is_said_to_follow(judged):
    verdict = judged(("accepted", Open(1), {}), ("erased", Open(1, DAY), {}), ("settled", Open(), {}))
    assert verdict_text.lines(verdict)[-1].endswith(" settled (0 open)")
    assert verdict_text.to_object(verdict)["statements"][-1]["follows_by_itself"] is False
