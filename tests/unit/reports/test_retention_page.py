"""The page of deletion by age: the answer first, every text escaped, the pictures' numbers beside them."""

import re

import pytest
from tests.support.retention_reports import MISSING, STOPPED, report

from expunge_reports.page.retention_page import LIMIT, answer, pictures, retention_page, rule, until

HOSTILE = "</td></style><script>alert(1)</script><img src=x onerror=alert(1)>"


def rendered(told) -> str:
    return retention_page(told, "Example GmbH", "privacy@example.com")


@pytest.mark.parametrize(
    ("changed", "word", "warn"),
    [
        ({}, "It keeps up; nothing is overdue that could go", False),
        ({"backlog": 9}, "It keeps up; the backlog is to be gone on 2026-12-09", False),
        ({"backlog": 9, "forecast": None}, "9 overdue records can go, and it is not known by when", True),
        ({"sweeps": []}, "No sweep began in this period", True),
        ({"armed": False}, "Not armed: nothing is deleted by age", True),
        ({"sounding": [STOPPED]}, "An alarm sounds: deletion is behind", True),
        ({"sounding": [STOPPED, MISSING]}, "2 alarms sound: deletion is behind", True),
    ],
)
def test_the_answer_comes_first(changed, word, warn):
    told = report() | changed
    assert (answer(told).word, answer(told).warn) == (word, warn)
    html = rendered(told)
    assert word in html.split("</section>")[0]
    assert ('class="verdict warn"' in html) == warn


def test_what_does_not_keep_up_is_said_so():
    told = report()
    told["forecast"]["keeps_up"] = False
    assert answer(told).word == "It does not keep up with what comes due in the next weeks"


def test_alarms_have_a_beginning_and_an_end():
    html = rendered(report(alarms=(MISSING, STOPPED)))
    assert "Nobody ran it" in html
    assert '<time datetime="2026-10-07T01:00:07+00:00">' in html
    assert "still sounds" in html
    other = report()
    other["sounding"] = [STOPPED]
    assert "Outside of the period:" in rendered(other)


@pytest.mark.parametrize("where", ["data_type", "collection", "failure", "reason", "said", "operator", "history"])
def test_no_text_is_markup(where):
    told = report(alarms=(MISSING | {"said": HOSTILE},) if where == "said" else ())
    if where in {"data_type", "history"}:
        told = report(names=(HOSTILE, "leads"))
    elif where in {"collection", "failure"}:
        told["places"][0][where] = HOSTILE
    elif where == "reason":
        told["not_by_age"] = [{"reason": HOSTILE, "places": [HOSTILE]}]
    html = retention_page(told, HOSTILE if where == "operator" else "Example GmbH", "privacy@example.com")
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_no_line_of_a_picture_is_cut():
    """A text that is shown is cut at 2,000 characters; a line of a year is longer."""
    html = rendered(report(365))
    lines = re.findall(r'<polyline class="left" points="([^"]*)"', html)
    assert [len(line.split()) for line in lines] == [365, 365, 365]
    assert "not shown" not in html


def test_a_picture_of_all_and_one_of_each_data_type():
    assert [one.name for one in pictures(report())] == ["all data types", "leads", "calls"]
    assert [one.name for one in pictures(report(names=("calls",)))] == ["calls"]
    assert pictures(report(0)) == []
    many = report(names=tuple(f"t{at}" for at in range(20)))
    assert len(pictures(many)) == LIMIT + 1
    [first, *others] = pictures(report())
    assert [one.label for one in first.picture.forecasts] == [
        "forecast on 1 Oct: gone on 11 Oct",
        "forecast on 14 Oct: gone on 11 Oct",
    ]
    assert all(one.picture.forecasts == [] for one in others)


def test_nothing_of_a_period_in_which_nobody_ran_it():
    html = rendered(report(0))
    assert "No sweep began in this period: nothing was counted." in html
    assert "<svg" not in html


def test_rules_and_reasons_are_in_words():
    assert rule("P1Y6M from transaction_ended") == "1 year, 6 months from transaction ended"
    assert until({"left": None}).words == "not looked at yet"
    assert until({"left": 0, "oldest_left": None, "looked_on": "2026-12-02"}).words == "all whose period was over on"
    assert until({"left": 3, "oldest_left": "2015-01-01", "looked_on": "2026-12-02"}).day == "2015-01-01"
    html = rendered(report())
    assert "by bills" in html
    assert "cache.sessions" in html
