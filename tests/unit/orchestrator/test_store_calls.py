"""Stores asked at once: the same answers as one after the other, and nothing left running."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from expunge_connectors.contract import StoreIdentity
from expunge_connectors.errors import StoreClockError
from expunge_orchestrator import store_calls

IDENTITY = StoreIdentity("main", "memory", {"sentinel": "1"})
AT = datetime.now(UTC)


class Separate:
    """A store that says what it is, and what time it is, one by one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def identity(self) -> StoreIdentity:
        self.asked.append("identity")
        return IDENTITY

    def now(self) -> datetime:
        self.asked.append("now")
        return AT


class Both(Separate):
    """A store that says it by one request."""

    def identity_at(self) -> tuple[StoreIdentity, datetime]:
        self.asked.append("both")
        return IDENTITY, AT


@pytest.mark.parametrize(("store", "asked"), [(Separate(), ["identity", "now"]), (Both(), ["both"])])
def test_what_a_store_is_and_its_clock_is_one_question_where_it_can_be(store: Separate, asked: list[str]) -> None:
    assert store_calls.identity_and_time("main", store) == (IDENTITY, AT)  # type: ignore[arg-type] # nothing else of it is asked
    assert store.asked == asked


@pytest.mark.parametrize("hours", [-25, 25])
def test_a_store_whose_clock_is_wrong_by_days_is_refused(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes from it would be gone under a cutoff that every verifier refuses."""
    monkeypatch.setattr(store_calls, "now", lambda: AT + timedelta(hours=hours))
    with pytest.raises(StoreClockError, match="The clock of the store main"):
        store_calls.identity_and_time("main", Both())  # type: ignore[arg-type] # as above


def test_the_answers_come_in_the_order_of_the_names_whoever_is_first() -> None:
    late = threading.Event()

    def ask(name: str) -> str:
        if name == "main":
            assert late.wait(30), "the stores are not asked at the same time"
        late.set()
        return name.upper()

    assert list(store_calls.gather(["main", "recordings"], ask, at_once=2).items()) == [
        ("main", "MAIN"),
        ("recordings", "RECORDINGS"),
    ]


def test_of_several_errors_the_first_stores_is_raised_and_every_call_is_over() -> None:
    over: list[str] = []
    last = threading.Event()

    def ask(name: str) -> None:
        if name == "b":
            assert last.wait(30)
        if name == "c":
            last.set()
        over.append(name)
        if name != "a":
            raise ValueError(name)

    with pytest.raises(ValueError, match=r"^b$"):
        store_calls.gather("abc", ask, at_once=3)
    assert sorted(over) == ["a", "b", "c"]


def test_one_at_a_time_asks_nobody_after_an_error_and_no_other_thread() -> None:
    asked: list[tuple[str, int]] = []

    def ask(name: str) -> None:
        asked.append((name, threading.get_ident()))
        if name == "b":
            raise ValueError(name)

    with pytest.raises(ValueError, match=r"^b$"):
        store_calls.gather("abc", ask, at_once=1)
    here = threading.get_ident()
    assert asked == [("a", here), ("b", here)]
