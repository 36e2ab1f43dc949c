"""What can become of people who are stuck is decided from what is known of each (ADR 8)."""

from __future__ import annotations

import pytest

from expunge_orchestrator.rules.count_records import ResidualCount
from expunge_orchestrator.rules.stuck_people import StuckPerson, sorted_out

TWO_POSTS = {"main": {"posts": [2, 0, 0, None, None, 0], "users": [0, 1, 0, None, None, 0]}}


@pytest.mark.parametrize(
    ("outcome", "withdrawable", "on_hold", "becomes"),
    [
        ("failed", False, False, "endable"),
        (None, False, False, "endable"),
        ("erased", False, False, "endable"),
        ("failed", False, True, "held"),
        ("failed", True, False, "withdrawable"),
        ("failed", True, True, "withdrawable"),
        ("ambiguous", False, False, None),
        ("ambiguous", True, False, "withdrawable"),
    ],
)
def test_what_can_become_of_a_person(
    outcome: str | None, *, withdrawable: bool, on_hold: bool, becomes: str | None
) -> None:
    person = StuckPerson(7, 1, outcome, TWO_POSTS, withdrawable=withdrawable)
    stuck = sorted_out([person], {7} if on_hold else set())
    groups = {"endable": stuck.endable, "held": stuck.held, "withdrawable": stuck.withdrawable}
    assert {name for name, group in groups.items() if group} == ({becomes} if becomes else set())
    assert stuck.number == (becomes == "endable")
    assert len(stuck.others) == (becomes in {"held", "withdrawable"})


def test_what_is_due_is_counted_of_whom_an_end_can_reach() -> None:
    people = [StuckPerson(number, 1, "failed", TWO_POSTS, withdrawable=number == 3) for number in (1, 2, 3, 4)]
    assert sorted_out(people, {4}).places == {("main", "posts"): ResidualCount(people=2, records=4)}
