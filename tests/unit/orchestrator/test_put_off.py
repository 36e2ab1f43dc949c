"""When a run takes up people who were put off to a later one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from expunge_orchestrator.execution import erasing_findings, plans_map
from expunge_orchestrator.execution.poison_isolation import taken_up_before
from expunge_orchestrator.rules.map_differences import MapDifferences

BEGUN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("running", "before"),
    [(timedelta(0), BEGUN), (timedelta(minutes=59), BEGUN), (timedelta(hours=3), BEGUN + timedelta(hours=2))],
)
def test_a_run_that_never_rests_takes_up_who_was_put_off(running: timedelta, before: datetime) -> None:
    assert taken_up_before(BEGUN, BEGUN + running, timedelta(hours=1)) == before


@pytest.mark.parametrize(("holds", "looks"), [(timedelta(0), 2), (timedelta(hours=1), 1)])
def test_a_difference_of_the_map_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch, holds: timedelta, looks: int
) -> None:
    """Once an inspection is too old, also in a run that does not end: a table may have been dropped since."""
    answers = [MapDifferences(), MapDifferences(gone=frozenset([("main", "letters")]))]
    monkeypatch.setattr(plans_map, "differences", lambda *_: answers.pop())
    workspace: Any = SimpleNamespace(settings=SimpleNamespace(inspection_holds=holds))
    batch: Any = SimpleNamespace(id=1, uid="bt_1")
    findings = erasing_findings.ErasingFindings(workspace)
    said = [findings._decided_otherwise(batch) for _ in range(2)]
    assert [one is None for one in said] == [False, looks == 2]
    assert len(answers) == 2 - looks
