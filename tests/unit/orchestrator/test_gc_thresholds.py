"""The collector's habits come back, however the work ends."""

from __future__ import annotations

import gc

import pytest

from expunge_orchestrator.gc_thresholds import reduced_gc


def test_it_looks_less_often_and_then_as_before() -> None:
    usual = gc.get_threshold()
    seen: list[tuple[int, int]] = []

    def work() -> None:
        with reduced_gc():
            seen.append((gc.get_threshold()[0], gc.get_freeze_count()))
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert seen[0] > (usual[0], 0)
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0
