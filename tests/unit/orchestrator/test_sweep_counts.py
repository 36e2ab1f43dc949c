"""What is due of a place is gone or left, and what is left is on hold, needed, or left for another reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace, SweepState
from expunge_orchestrator.retention.sweep_counts import PlaceReport, of_period, of_sweep, of_types

FIRST = date(2026, 12, 3)
counts = st.integers(0, 50)


def sweep_of(day: int, *places: tuple[str, int, int, int | None, int, int]) -> list[PlaceReport]:
    """A sweep of (collection, due, gone, left, held, stays)."""
    at = datetime(2026, 12, 3, 1, tzinfo=UTC)
    one = Sweep(1, "sw_1", 1, 1, FIRST + timedelta(days=day), SweepState.DONE, at, at, None, 1.0)
    planned: list[dict[str, Any]] = []
    swept: list[SweepPlace] = []
    for number, (name, due, gone, left, held, stays) in enumerate(places):
        said = {"store": "main", "collection": name, "data_type": "calls", "controller": "acme"}
        needs = {"bills": stays} if stays else {}
        planned.append(
            {
                **said,
                "period": "P1Y",
                "start_event": "collected",
                "due": due,
                "goes": due - stays,
                "held": False,
                "needed_by": needs,
                "undated": 2,
            }
        )
        left_of = None if left is None else [left, "2020-01-01" if left else None, "2026-12-03T01:00:00Z"]
        swept.append(
            SweepPlace(
                number,
                "main",
                name,
                "calls",
                "acme",
                SweepState.DONE,
                due,
                None,
                {name: gone, "notes": 3},
                held,
                None,
                left_of,
                None,
                None,
            )
        )
    return of_sweep(one, swept, planned)


@given(counts, counts, counts, counts, counts)
def test_the_reasons_make_up_what_is_left(due: int, gone: int, left: int, held: int, stays: int) -> None:
    [place] = sweep_of(0, ("calls", due + stays, gone, left, held, stays))
    of = place.counts
    assert of.held + of.needed + of.other == of.left == left
    assert min(of.held, of.needed, of.other) >= 0
    assert of.along == 3


@given(st.lists(st.tuples(counts, st.integers(0, 100)), min_size=1, max_size=6), counts)
def test_all_that_was_due_in_a_period_is_gone_or_left(nights: list[tuple[int, int]], first: int) -> None:
    """Each night so many more are due, and a sweep takes a part."""
    left, came_due, sweeps = first, first, []
    for day, (came, share) in enumerate(nights):
        due = left + came
        came_due += came
        gone = due * share // 100
        left = due - gone
        sweeps.append(sweep_of(day, ("calls", due, gone, left, 0, 0)))
    [place] = of_period(sweeps)
    assert place.counts.due == came_due == place.counts.gone + left
    assert place.counts.left == left
    assert place.counts.looked_on == FIRST + timedelta(days=len(nights) - 1)


def test_of_a_sweep_that_is_not_done_what_was_seen_before_stands() -> None:
    done, open_ = sweep_of(0, ("calls", 10, 6, 4, 1, 3)), sweep_of(5, ("calls", 9, 2, None, 0, 3))
    [place] = of_period([done, open_])
    of = place.counts
    assert (of.due, of.gone, of.left, of.held, of.needed, of.other) == (15, 8, 4, 1, 3, 0)
    assert of.looked_on == FIRST
    [place] = of_period([open_])
    assert (place.counts.left, place.counts.other, place.counts.looked_on) == (None, 0, None)


def test_a_data_type_is_known_where_all_its_places_are() -> None:
    [both] = of_types(sweep_of(0, ("calls", 10, 6, 4, 1, 3), ("chats", 5, 5, 0, 0, 0)))
    of = both.counts
    assert (both.data_type, of.due, of.gone, of.left, of.held, of.needed) == ("calls", 15, 11, 4, 1, 3)
    assert (of.oldest_left, of.looked_on) == ("2020-01-01", FIRST)
    [half] = of_types(sweep_of(0, ("calls", 10, 6, 4, 1, 3), ("chats", 5, 1, None, 0, 0)))
    assert (half.counts.left, half.counts.held, half.counts.looked_on) == (None, 0, None)
