"""For how long there was leave to delete by age, and nobody ran it: held against every hour by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_orchestrator.rules.run_gaps import LATE, Gap, Leave, Ran, gaps

FIRST = datetime(2026, 12, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return FIRST + timedelta(hours=hours)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Leave], list[Ran], int]:
    """Leaves and runs of whole hours that follow each other; a leave that ended may be followed by another at once."""
    ends = sorted(draw(st.lists(st.integers(0, 400), min_size=2, max_size=8, unique=True)))
    leaves = [Leave(at(since), at(until)) for since, until in zip(ends[::2], ends[1::2], strict=False)]
    if draw(st.booleans()):
        leaves.append(Leave(at(ends[-1]), None))
    marks = sorted(draw(st.lists(st.integers(0, 400), max_size=12, unique=True)))
    runs = [Ran(at(since), at(until)) for since, until in zip(marks[::2], marks[1::2], strict=False)]
    return leaves, runs, draw(st.integers(400, 500))


@given(histories())
def test_an_hour_is_in_a_gap_if_nobody_ran_it_for_a_day_around_it(history: tuple[list[Leave], list[Ran], int]) -> None:
    leaves, runs, end = history
    now = at(end)
    expected: set[datetime] = set()
    for leave in leaves:
        until, free = leave.until or now, []
        for hour in range(500):
            began, over = at(hour), at(hour + 1)
            idle = (
                leave.since <= began < until
                and over <= until
                and not any(r.since < over and r.until > began for r in runs)
            )
            if idle:
                free.append(began)
            if not idle or any(run.since == over for run in runs) or over == until:
                if len(free) * HOUR > LATE:
                    expected |= set(free)
                free = []
    found = gaps(leaves, runs, now)
    assert {one.since + n * HOUR for one in found for n in range(((one.until or now) - one.since) // HOUR)} == expected


def test_a_night_without_a_run_is_noticed_two_hours_late() -> None:
    leave, nights = [Leave(at(0), None)], [Ran(at(1), at(4)), Ran(at(25), at(28)), Ran(at(73), at(74))]
    assert gaps(leave, nights, at(90)) == [Gap(at(28), at(73))]
    assert gaps(leave, nights[:2], at(54)) == []
    [still] = gaps(leave, nights[:2], at(55))
    assert (still.noticed, still.until) == (at(54), None)


def test_who_is_at_work_for_days_is_no_gap_and_who_is_killed_no_run() -> None:
    leave = [Leave(at(0), None)]
    assert gaps(leave, [Ran(at(1), at(80))], at(80)) == []
    assert gaps(leave, [Ran(at(1), at(1))], at(80)) == [Gap(at(1), None)]


def test_what_was_disarmed_ends_and_what_was_never_armed_is_none() -> None:
    assert gaps([Leave(at(0), at(40))], [], at(500)) == [Gap(at(0), at(40))]
    assert gaps([], [Ran(at(1), at(2))], at(500)) == []
