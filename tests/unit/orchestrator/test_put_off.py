"""When a run takes up people who were put off to a later one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from expunge_orchestrator.execution.poison_isolation import taken_up_before

BEGUN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("running", "before"),
    [(timedelta(0), BEGUN), (timedelta(minutes=59), BEGUN), (timedelta(hours=3), BEGUN + timedelta(hours=2))],
)
def test_a_run_that_never_rests_takes_up_who_was_put_off(running: timedelta, before: datetime) -> None:
    assert taken_up_before(BEGUN, BEGUN + running) == before
