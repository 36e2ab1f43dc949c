"""The collector's habits come back, however the work ends, and whoever else is at work meanwhile."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from expunge_orchestrator.gc_thresholds import freeze_startup, reduced_gc


def test_it_looks_less_often_and_then_as_before() -> None:
    usual = gc.get_threshold()
    seen: list[int] = []

    def work() -> None:
        with reduced_gc():
            seen.append(gc.get_threshold()[0])
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert seen[0] > usual[0]
    assert gc.get_threshold() == usual


@pytest.mark.parametrize("first_ends", ["first", "last"])
def test_of_two_threads_the_last_one_puts_it_back(first_ends: str) -> None:
    """A list is planned while a batch runs: who leaves second put back what the other one had set, for good."""
    usual = gc.get_threshold()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with reduced_gc():
            entered.set()
            assert leave.wait(20)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(20)
    with reduced_gc():
        if first_ends == "first":
            leave.set()
            thread.join()
        assert gc.get_threshold() != usual
    assert (gc.get_threshold() == usual) is (first_ends == "first")
    leave.set()
    thread.join()
    assert gc.get_threshold() == usual


def test_nothing_is_kept_from_the_collector() -> None:
    """What was frozen came back as old: garbage among it was looked for next to never."""

    class Circle:
        def __init__(self) -> None:
            self.self = self

    gc.collect()
    frozen = gc.get_freeze_count()
    gone: list[bool] = []
    Circle.__del__ = lambda _: gone.append(True)  # type: ignore[attr-defined]
    Circle()
    with reduced_gc():
        assert gc.get_freeze_count() == frozen
    gc.collect(0)
    assert gone, "it is still young"


@pytest.fixture
def process_of_its_own() -> Iterator[None]:
    """What a service does to its process is undone."""
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


@pytest.mark.usefixtures("process_of_its_own")
def test_what_a_service_is_built_of_is_left_alone_and_nothing_that_comes_later() -> None:
    class Circle:
        def __init__(self) -> None:
            self.self = self

    gone: list[bool] = []
    Circle.__del__ = lambda _: gone.append(True)  # type: ignore[attr-defined]
    Circle()
    before = gc.get_freeze_count()
    freeze_startup()
    assert gone == [True], "garbage is not frozen"
    assert gc.get_freeze_count() > before
    assert len(gc.get_objects()) < gc.get_freeze_count()
    Circle()
    gc.collect()
    assert gone == [True, True]


@pytest.mark.usefixtures("process_of_its_own")
def test_a_service_looks_through_all_that_lives_seldom() -> None:
    """Nearly all of what it has is frozen, so that little that is new made a full pass due, every few seconds."""
    gc.set_threshold(700, 10, 10)
    freeze_startup()
    with reduced_gc():
        pass
    full = gc.get_stats()[2]["collections"]
    kept = [[one] for one in range(300_000)]
    assert gc.get_stats()[2]["collections"] == full
    kept += [[one] for one in range(700_000)]
    assert gc.get_stats()[2]["collections"] > full, "it does look"
