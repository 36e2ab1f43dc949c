"""Restrictions: of people, told, without a last day, and lifted once their people are informed (GDPR Art. 18)."""

from __future__ import annotations

from datetime import date

import pytest

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.rules.effective_holds import EffectiveHold, Hold
from expunge_orchestrator.rules.restrictions import (
    RestrictedFor,
    ground_in_words,
    why_no_restriction,
    why_not_lifted,
)

PLACED, TODAY = date(2026, 12, 1), date(2026, 12, 4)


def hold(kind: str = "restriction", ground: str = "4711") -> Hold:
    return Hold(
        id=1,
        uid="hd_1",
        kind=kind,
        people=1,
        identities={},
        read_alike={},
        data_type=None,
        controller=None,
        member=None,
        ground=ground,
        until=None,
        undisclosed=False,
        placed_by="counsel",
        placed_at="2026-12-01T23:59:59Z",
        lifted_by=None,
        lifted_at=None,
        informed_on=None,
    )


@pytest.mark.parametrize("why", RestrictedFor)
def test_the_ground_names_the_letter_of_the_law_and_fits(why: RestrictedFor) -> None:
    letter = dict(zip(RestrictedFor, "abcd", strict=True))[why]
    ground = ground_in_words(why, "w" * 500)
    assert ground.startswith(f"Restriction of processing, GDPR Art. 18(1)({letter}): ")
    assert len(ground) <= getattr(tables.hold.c.ground.type, "length", 0)
    assert EffectiveHold((hold(ground=ground),)).ground == ground


@pytest.mark.parametrize(
    ("people", "until", "undisclosed", "said"),
    [
        (1, None, False, None),
        (0, None, False, "is of people"),
        (1, TODAY, False, "no last day"),
        (1, None, True, "is told"),
    ],
)
def test_what_is_no_restriction(people: int, until: date | None, said: str | None, *, undisclosed: bool) -> None:
    found = why_no_restriction(people=people, until=until, undisclosed=undisclosed)
    assert found is None if said is None else said in str(found)


@pytest.mark.parametrize(
    ("kind", "informed_on", "said"),
    [
        ("restriction", None, "informed before"),
        ("restriction", date(2026, 12, 5), "not come yet"),
        ("restriction", date(2026, 11, 30), "before it was there"),
        ("restriction", PLACED, None),
        ("restriction", TODAY, None),
        ("hold", None, None),
        ("exemption", None, None),
        ("hold", TODAY, "no restriction"),
    ],
)
def test_when_it_may_be_lifted(kind: str, informed_on: date | None, said: str | None) -> None:
    found = why_not_lifted(hold(kind), informed_on, TODAY)
    assert found is None if said is None else said in str(found)
