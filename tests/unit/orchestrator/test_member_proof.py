"""Keys without proof of their member: to whom they are told, and what they decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_orchestrator.subjects.member_lookup import ProvingLookup

_GIVEN, _FOUND = SubjectKey("caller_id", "7"), SubjectKey("order_no", "k1")


class _Store:
    """Takes note of what it is told, and holds nothing."""

    def __init__(self) -> None:
        self.told: list[Subject] = []

    def resolve(self, subjects: Sequence[Subject], *_: Any) -> list[Any]:
        self.told += subjects
        return []

    def count(self, *_: Any) -> dict[int, Any]:
        return {}


def test_a_store_that_checks_no_owner_compares_with_no_key_that_is_not_proven():
    checking, other = _Store(), _Store()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    lookup = ProvingLookup(
        {1: frozenset({_GIVEN})},
        {"main": checking, "notes": other},  # type: ignore[dict-item]
        ["main", "notes"],
        Scope("client", "42"),
        {"main": now, "notes": now},
        MappingProxyType({"main": frozenset({"callers"})}),
        frozenset({"caller_id"}),
    )
    asked = Subject(1, frozenset({_FOUND}), known=frozenset({_GIVEN}))
    list(lookup.lookup([asked]))
    assert checking.told == [asked]
    assert other.told == [Subject(1, frozenset({_FOUND}))]
