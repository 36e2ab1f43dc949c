"""Limits and drift are counts against counts."""

from __future__ import annotations

import pytest

from expunge_config.datamap import Limits
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules.count_records import pack
from expunge_orchestrator.rules.plan_limits_and_drift import (
    CameBack,
    describe,
    drifted,
    exceeded,
    of_day,
    unapproved,
)

MESSAGES, LEADS = ("main", "messages"), ("main", "leads")
DUE = {"main": {"users": 200, "notes": 90}}


@pytest.mark.parametrize(
    ("limits", "sizes", "expected"),
    [
        (Limits(), {"main": {"users": 200}}, []),
        (Limits(people=10), {}, []),
        (Limits(people=9), {}, [("people", None, 10, 9)]),
        (Limits(people=0), {}, [("people", None, 10, 0)]),
        (Limits(rows_per_person=40), {}, []),
        (Limits(rows_per_person=39), {}, [("rows-per-person", None, 40, 39)]),
        (Limits(share_percent=10), {"main": {"users": 2000}}, []),
        (Limits(share_percent=10), {"main": {"users": 1999}}, [("share", "main.users", 11, 10)]),
        (Limits(share_percent=10), {"main": {"users": 10}}, [("share", "main.users", 100, 10)]),
        (Limits(share_percent=10), {"main": {"notes": 90}}, []),  # too few to judge
        (Limits(share_percent=10), {}, []),  # of unknown size
    ],
)
def test_what_exceeds_a_limit(
    limits: Limits, sizes: dict[str, dict[str, int]], expected: list[tuple[str, str | None, int, int]]
) -> None:
    found = exceeded(limits, 10, 40, DUE, sizes, {})
    assert [(one["limit"], one["place"], one["value"], one["allowed"]) for one in found] == expected
    assert all(str(one["allowed"]) in describe(one) for one in found)


@pytest.mark.parametrize(("due", "places"), [(99, []), (100, ["main.users"])])
def test_shares_are_judged_from_a_hundred_records_on(due: int, places: list[str]) -> None:
    found = exceeded(Limits(share_percent=10), 1, due, {"main": {"users": due}}, {"main": {"users": due}}, {})
    assert [one["place"] for one in found] == places


def test_what_was_asked_for_before_counts() -> None:
    before = {"people": 7, "main.users": 150, "main.notes": 50, "main.gone": 500}
    limits, sizes = Limits(people=16, share_percent=10), {"main": {"users": 3400, "notes": 1400, "gone": 1}}
    due = {"main": {**DUE["main"], "gone": 0}}
    found = exceeded(limits, 10, 40, due, sizes, before)
    assert [(one["limit"], one["place"], one["value"], one["before"]) for one in found] == [
        ("people", None, 17, 7),
        ("share", "main.users", 11, 150),
    ]
    assert describe(found[0]) == "17 people in one day, 7 of them before; the map allows 16"
    assert exceeded(Limits(people=17), 10, 40, due, sizes, before) == []


@pytest.mark.parametrize(
    ("planned", "found", "drift"),
    [(0, 10, False), (0, 11, True), (100, 125, False), (100, 126, True), (100, 0, False), (20, 30, False)],
)
def test_what_is_drift(planned: int, found: int, *, drift: bool) -> None:
    told_ = drifted({"main": {"users": planned}}, {"main": {"users": found}}, 25)
    assert told_ == ([f"main.users: {planned} planned, {found} found"] if drift else [])


def test_a_replacement_is_judged_by_its_first_plan_and_counts_what_is_beyond() -> None:
    first = of_day({"people": 1, "main.users": 40}, {"people": 3}, {})
    assert first == {"before": {"people": 3}, "counted": {"people": 1, "main.users": 40}}
    same = of_day({"people": 1, "main.users": 30}, {"people": 9, "main.users": 900}, first)
    assert same == first
    more = of_day({"people": 1, "main.users": 70}, {"people": 9, "main.users": 900}, same)
    assert more == {"before": {"people": 3, "main.users": 860}, "counted": {"people": 1, "main.users": 70}}
    assert of_day({"people": 1, "main.users": 50}, {}, more) == more


def test_a_limit_that_is_new_in_the_map_is_judged_on_the_day_of_the_replacement() -> None:
    assert of_day({"people": 1}, {"people": 5}, {"before": {}, "counted": {}})["before"] == {"people": 5}


@pytest.mark.parametrize(
    ("found", "last", "due", "too_much"),
    [
        # A law keeps a hundred bills of hers, which no request erases: one late message is one.
        (RecordCounts(due=1, retained=100), RecordCounts(retained=100), 1, False),
        (RecordCounts(due=1, retained=100), RecordCounts(retained=100), 112, True),
        (RecordCounts(due=1), RecordCounts(ambiguous=30), 30, False),
        (RecordCounts(due=1), RecordCounts(ambiguous=30), 41, True),
    ],
)
def test_what_stays_by_right_is_not_what_came_back(
    found: RecordCounts, last: RecordCounts, due: int, *, too_much: bool
) -> None:
    records = ({"main": pack({"messages": one})} for one in (found, last))
    people = {1: CameBack.of(*records, {MESSAGES: due})}
    assert bool(unapproved(Limits(rows_per_person=50), 20, people)) is too_much


@pytest.mark.parametrize(
    ("people", "too_much"),
    [
        ({1: CameBack({MESSAGES: 1}, {}, {MESSAGES: 11})}, {1: "main.messages: 1 found, 11 came since"}),
        ({1: CameBack({MESSAGES: 1}, {}, {MESSAGES: 10})}, {}),
        ({1: CameBack({MESSAGES: 60}, {}, {MESSAGES: 15})}, {}),
        # Of what was ambiguous it was said since whose it is; or the day came until which it was kept.
        ({1: CameBack({}, {MESSAGES: 30}, {MESSAGES: 30})}, {}),
        # One does not hide behind others, and many who have a little are many.
        (
            {1: CameBack({MESSAGES: 1}, {}, {MESSAGES: 40}), 2: CameBack({MESSAGES: 90}, {}, {MESSAGES: 1})},
            {1: "main.messages: 1 found, 40 came since"},
        ),
        (
            dict.fromkeys((1, 2), CameBack({MESSAGES: 4}, {}, {MESSAGES: 6})),
            dict.fromkeys((1, 2), "main.messages: 8 found, 12 came since"),
        ),
        (
            {1: CameBack({MESSAGES: 80}, {}, {MESSAGES: 20, LEADS: 1})},
            {1: "101 records of one person; the map allows 100"},
        ),
    ],
)
def test_what_came_back_of_whom_is_more_than_anybody_approved(
    people: dict[int, CameBack], too_much: dict[int, str]
) -> None:
    assert unapproved(Limits(rows_per_person=100), 20, people) == too_much
