"""Breaks of a thread that works long: as long as it worked, and none for the time in which it waited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from expunge_orchestrator.api import work_breaks
from expunge_orchestrator.api.work_breaks import WORK, WorkBreaks
from expunge_orchestrator.subjects.sealed_spool import SealedSpool


class Clock:
    """The processor time of a thread, and what it slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.worked, self.slept = 7.0, list[float]()
        monkeypatch.setattr(work_breaks.time, "thread_time", lambda: self.worked)
        monkeypatch.setattr(work_breaks.time, "sleep", self.slept.append)


def test_a_break_is_as_long_as_the_work_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    breaks = WorkBreaks()
    clock.worked += WORK / 2
    breaks.take()
    assert clock.slept == [], "too short to rest"
    clock.worked += WORK
    breaks.take()
    breaks.take()
    assert clock.slept == [pytest.approx(1.5 * WORK)]
    clock.worked += 3 * WORK
    breaks.take()
    assert clock.slept == pytest.approx([1.5 * WORK, 3 * WORK])


def test_who_reads_a_list_takes_breaks_of_their_own() -> None:
    readers = list[list[str]]()

    def opened() -> Callable[[], None]:
        taken = list[str]()
        readers.append(taken)
        return lambda: taken.append("break")

    spool = SealedSpool(pauses=opened)
    spool.write(b"a\n" * 50_000)
    for number in (1, 2):
        assert spool.opened().read() == b"a\n" * 50_000
        with spool.opened() as there:
            while there.read(8192):
                pass
        assert len(readers) == 2 * number
    assert all(len(one) > 1 for one in readers)
    assert len(readers[-1]) > 5, "a long list is read in many pieces"
