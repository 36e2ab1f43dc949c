"""An extension: once, before the end, with a reason, and never beyond the law."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from expunge_config.datamap import Calendar, DeadlineSpec, Statute
from expunge_orchestrator import deadlines
from expunge_orchestrator.deadlines import Deadlines
from expunge_orchestrator.errors import DeadlineError, ExtensionRefusedError

RECEIVED = datetime(2026, 11, 2, 9, tzinfo=UTC)
SOON = RECEIVED + timedelta(days=3)
WHY = "Many requests at once"


def clocks(count: int | None = 10, statute: Statute | None = Statute.GDPR) -> Deadlines:
    spec = DeadlineSpec(
        time_zone="Europe/Berlin", calendar=Calendar(country="DE"), business_days=count, statute=statute
    )
    return deadlines.calculate(spec, RECEIVED)


def test_the_statute_is_extended_by_what_its_law_gives_and_nothing_else_moves() -> None:
    before = clocks()
    after = deadlines.extend_statute(before, at=SOON, reason=f" {WHY} ")
    assert after.statute is not None
    assert after.statute.extension is not None
    assert (after.statute.due_at, after.statute.ends_on) == (before.statute.due_at, date(2027, 2, 2))  # type: ignore[union-attr]
    assert after.statute.extended_to == datetime(2027, 2, 2, 23, tzinfo=UTC)
    assert (after.statute.extension.at, after.statute.extension.reason) == (SOON, WHY)
    assert after.promise == before.promise


@pytest.mark.parametrize("seconds", [-1, 0])
def test_the_last_instant_to_tell_the_person_is_before_the_end(seconds: int) -> None:
    known = clocks()
    assert known.statute is not None
    at = known.statute.due_at + timedelta(seconds=seconds)
    if seconds < 0:
        assert deadlines.extend_statute(known, at=at, reason=WHY).statute is not None
    else:
        with pytest.raises(ExtensionRefusedError, match="what is over is not extended"):
            deadlines.extend_statute(known, at=at, reason=WHY)


def test_nothing_is_extended_twice() -> None:
    once = deadlines.extend_promise(
        deadlines.extend_statute(clocks(), at=SOON, reason=WHY), to=date(2026, 12, 18), at=SOON, reason=WHY
    )
    with pytest.raises(ExtensionRefusedError, match="extended once"):
        deadlines.extend_statute(once, at=SOON, reason=WHY)
    with pytest.raises(ExtensionRefusedError, match="extended once"):
        deadlines.extend_promise(once, to=date(2026, 12, 21), at=SOON, reason=WHY)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501, "\x00"])
def test_no_extension_without_a_reason_that_can_stand_on_a_receipt(reason: str) -> None:
    with pytest.raises(ExtensionRefusedError, match="needs a reason"):
        deadlines.extend_statute(clocks(), at=SOON, reason=reason)
    with pytest.raises(ExtensionRefusedError, match="needs a reason"):
        deadlines.extend_promise(clocks(), to=date(2026, 11, 20), at=SOON, reason=reason)


def test_not_before_it_was_received() -> None:
    with pytest.raises(ExtensionRefusedError, match="before the request was received"):
        deadlines.extend_statute(clocks(), at=RECEIVED - timedelta(seconds=1), reason=WHY)


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (date(2026, 11, 16), "can be moved to 2026-12-02 at most"),  # the promised day itself
        (date(2026, 12, 3), "can be moved to 2026-12-02 at most"),  # the law ends on the 2nd
        (date(2026, 11, 21), "no business day"),
    ],
)
def test_the_promise_moves_to_a_later_business_day_within_the_law(to: date, told: str) -> None:
    with pytest.raises(ExtensionRefusedError, match=told):
        deadlines.extend_promise(clocks(), to=to, at=SOON, reason=WHY)
    moved = deadlines.extend_promise(clocks(), to=date(2026, 12, 2), at=SOON, reason=WHY)
    assert moved.promise is not None
    assert moved.promise.ends_at == clocks().first.due_at + timedelta(days=16)
    assert deadlines.warning(moved) is None


def test_a_promise_longer_than_the_law_waits_for_the_laws_own_extension() -> None:
    long = clocks(count=30)
    with pytest.raises(ExtensionRefusedError, match="not after the promise"):
        deadlines.extend_promise(long, to=date(2027, 1, 11), at=SOON, reason=WHY)
    longer = deadlines.extend_statute(long, at=SOON, reason=WHY)
    assert deadlines.warning(longer) is None
    moved = deadlines.extend_promise(longer, to=date(2027, 1, 11), at=SOON, reason=WHY)
    assert moved.first.ends_on == date(2027, 1, 11)


def test_without_a_law_the_promise_gets_as_many_days_again_at_most() -> None:
    known = clocks(statute=None)
    latest = deadlines.latest_promise(known)
    assert deadlines.BusinessCalendar(known.spec).business_days_between(date(2026, 11, 2), latest) == 20
    assert deadlines.extend_promise(known, to=latest, at=SOON, reason=WHY).first.ends_on == latest
    with pytest.raises(ExtensionRefusedError, match=f"to {latest} at most"):
        deadlines.extend_promise(known, to=latest + timedelta(days=1), at=SOON, reason=WHY)


def test_what_does_not_run_is_not_extended() -> None:
    with pytest.raises(ExtensionRefusedError, match="No statutory clock"):
        deadlines.extend_statute(clocks(statute=None), at=SOON, reason=WHY)
    with pytest.raises(ExtensionRefusedError, match="Nothing was promised"):
        deadlines.extend_promise(clocks(count=None), to=date(2026, 12, 1), at=SOON, reason=WHY)


def test_the_law_counts_from_the_controller_and_the_promise_from_us() -> None:
    spec = clocks().spec
    known = deadlines.calculate(spec, RECEIVED, RECEIVED - timedelta(days=7))
    assert known.statute is not None
    assert known.promise is not None
    assert (known.statute.last_day, known.promise.last_day) == (date(2026, 11, 26), date(2026, 11, 16))
    with pytest.raises(DeadlineError, match="after it was passed on"):
        deadlines.calculate(spec, RECEIVED, RECEIVED + timedelta(seconds=1))


def test_an_instant_without_a_zone_is_refused_everywhere() -> None:
    naive, known = RECEIVED.replace(tzinfo=None), clocks()
    for call in (
        lambda: deadlines.calculate(known.spec, naive),
        lambda: deadlines.calculate(known.spec, RECEIVED, naive),
        lambda: deadlines.extend_statute(known, at=naive, reason=WHY),
        lambda: deadlines.extend_promise(known, to=date(2026, 11, 20), at=naive, reason=WHY),
        lambda: deadlines.standing(known, naive),
    ):
        with pytest.raises(ValueError, match="carries its time zone"):
            call()
