"""A listing that was begun ahead is used in its own round only, while it is new, and never left running."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from expunge_connectors.contract import CopyListing
from expunge_connectors.errors import TransientError
from expunge_orchestrator.execution import ahead
from expunge_orchestrator.execution.ahead import BackupListingPrefetch, Listings


def listed(place: str) -> Listings:
    return [CopyListing(place, "identity", datetime(2026, 11, 25, tzinfo=UTC), (), None)]


def now() -> Listings:
    return listed("now")


def test_a_listing_that_was_begun_in_this_round_is_used_once() -> None:
    made = BackupListingPrefetch()
    made.begin(1, lambda: listed("before"))
    assert made.listings(1, now) == listed("before")
    assert made.listings(1, now) == listed("now")


def test_another_rounds_listing_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made = BackupListingPrefetch()
    made.begin(1, lambda: listed("before"))
    assert made.listings(2, now) == listed("now"), "something was erased since"
    made.begin(3, lambda: listed("before"))
    monkeypatch.setattr(ahead, "GOOD_FOR", -1.0)
    assert made.listings(3, now) == listed("now"), "it is old"


def test_a_place_that_could_not_be_listed_is_not_one_without_copies() -> None:
    def fail() -> Listings:
        raise TransientError("no answer.")

    made = BackupListingPrefetch()
    made.begin(1, fail)
    with pytest.raises(TransientError):
        made.listings(1, now)


def test_nothing_is_left_running() -> None:
    begun, over = threading.Event(), threading.Event()

    def observe() -> Listings:
        begun.set()
        over.set()
        return listed("before")

    made = BackupListingPrefetch()
    made.begin(1, observe)
    made.end()
    assert begun.is_set()
    assert over.is_set()
    made.end()
