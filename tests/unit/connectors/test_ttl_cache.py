"""What a service said a moment ago: good for a minute, of one store, and never an error."""

from __future__ import annotations

import pytest

from expunge_connectors.s3.ttl_cache import GOOD_FOR, TtlCache


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_an_answer_is_good_for_a_minute_and_not_longer() -> None:
    clock, ask = Clock(), Asked()
    recent = TtlCache(clock)
    assert [recent.said("rules", ask) for _ in range(3)] == [1, 1, 1]
    clock.now += GOOD_FOR - 0.001
    assert recent.said("rules", ask) == 1
    clock.now += 0.001
    assert recent.said("rules", ask) == 2
    assert recent.said("locks", ask) == 3


def test_using_an_answer_does_not_make_it_younger() -> None:
    clock, ask = Clock(), Asked()
    recent = TtlCache(clock)
    for _ in range(3):
        recent.said("rules", ask)
        clock.now += GOOD_FOR / 2
    assert ask.times == 2


def test_no_is_an_answer_too() -> None:
    asked: list[bool] = []

    def ask() -> bool:
        asked.append(True)
        return False

    recent = TtlCache(Clock())
    assert not recent.said("lockable", ask)
    assert not recent.said("lockable", ask)
    assert len(asked) == 1


def test_an_error_is_not_remembered() -> None:
    def refuse() -> int:
        raise ValueError("no")

    recent = TtlCache(Clock())
    with pytest.raises(ValueError, match=r"^no$"):
        recent.said("rules", refuse)
    assert recent.said("rules", Asked()) == 1


def test_another_store_behind_the_same_address_has_said_nothing_yet() -> None:
    ask, recent = Asked(), TtlCache(Clock())
    recent.are_of("one")
    assert recent.said("rules", ask) == 1
    recent.are_of("one")
    assert recent.said("rules", ask) == 1
    recent.are_of("other")
    assert recent.said("rules", ask) == 2
    recent.are_of("one")
    assert recent.said("rules", ask) == 3


def test_whoever_inspects_sees_how_it_is_now() -> None:
    ask, recent = Asked(), TtlCache(Clock())
    recent.said("rules", ask)
    recent.forget()
    assert recent.get("rules") is None
    assert recent.said("rules", ask) == 2


def test_what_is_too_old_is_not_kept() -> None:
    clock = Clock()
    recent = TtlCache(clock)
    recent.are_of("one")
    recent.put("old", 1)
    clock.now += GOOD_FOR
    recent.put("new", 1)
    recent.are_of("one")
    assert recent._said.keys() == {"new"}
