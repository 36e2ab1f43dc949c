"""The clocks read back from their document are those that were written, and can be extended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from expunge_config.datamap import Calendar, DeadlineSpec, Statute
from expunge_orchestrator import deadlines
from expunge_orchestrator.errors import ExtensionRefusedError

RECEIVED = datetime(2026, 11, 2, 9, tzinfo=UTC)


def spec(statute: Statute | None, business_days: int | None) -> DeadlineSpec:
    return DeadlineSpec(
        time_zone="Europe/Berlin",
        calendar=Calendar(country="DE", subdivision="BY"),
        business_days=business_days,
        closed=() if business_days is None else ("12-08", "2027-03-01"),
        statute=statute,
    )


@pytest.mark.parametrize("statute", [None, *Statute])
@pytest.mark.parametrize("business_days", [None, 30])
@pytest.mark.parametrize("earlier", [None, RECEIVED - timedelta(days=3)])
def test_what_was_written_is_read(statute: Statute | None, business_days: int | None, earlier: datetime | None) -> None:
    if statute is None and business_days is None:
        return  # such a map is refused
    known = spec(statute, business_days)
    clocks = deadlines.calculate(known, RECEIVED, earlier)
    assert deadlines.restore(deadlines.document(clocks), known.closed) == clocks
    if statute is not None:
        longer = deadlines.extend_statute(clocks, at=RECEIVED + timedelta(days=5), reason="Many")
        assert deadlines.restore(deadlines.document(longer), known.closed) == longer


def test_a_closing_day_of_now_is_no_new_last_day() -> None:
    clocks = deadlines.restore(deadlines.document(deadlines.calculate(spec(None, 60), RECEIVED)), ["2027-03-01"])
    with pytest.raises(ExtensionRefusedError, match="no business day"):
        deadlines.extend_promise(clocks, to=date(2027, 3, 1), at=RECEIVED, reason="Many")
