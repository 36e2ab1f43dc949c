"""Contract tests of what has had its time: records that go by age, and what a store ends by itself (ADR 30, 31)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pytest

from expunge_connectors.contract import (
    AgeCounts,
    DeletesByAge,
    DriftKind,
    DriftReport,
    Keeping,
    NamedThing,
    ReportsDrift,
    StoreConnector,
    SubjectKey,
    SweptPiece,
    no_beat,
)
from expunge_connectors.errors import TransientError
from expunge_connectors.testing.harness import AgedHarness, DriftingHarness
from expunge_connectors.testing.observations import changed


@dataclass(frozen=True, slots=True)
class _Holds:
    """Holds on people by keys; what stands in other stores is gone."""

    keys: frozenset[SubjectKey] = frozenset()
    members: bool = False
    named: frozenset[str] = frozenset()

    @property
    def identities(self) -> frozenset[str]:
        return frozenset(key.namespace for key in self.keys)

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        return frozenset(one.key for one in named)

    def keeps(self, keys: Collection[SubjectKey], member: str | None) -> bool:
        del member
        return not self.keys.isdisjoint(keys)


class AgeContract:
    """Stores from which records go by age."""

    def test_what_is_due_goes_and_nothing_else(self, harness: AgedHarness, connector: StoreConnector) -> None:
        """Counted beforehand, told before it is committed, and not found afterwards by other statements (law 1)."""
        store, before = _by_age(connector), harness.raw()
        _, due = harness.add_aged(due=True)
        harness.add_aged(due=False)
        there = harness.raw()
        counted = store.ages(no_beat)[harness.aged]
        assert isinstance(counted, AgeCounts)
        assert (counted.due, counted.records) == (1, counted.due + len(_of(before, harness.aged)) + 1)
        assert harness.raw() == there, "counting changes nothing"
        pieces = _swept(connector, harness, _Holds())
        assert changed(there, harness.raw()) == {(harness.aged, due)}
        assert sum(one.gone.get(harness.aged, 0) for one in pieces) == 1
        assert all(store.committed(one.mark) for one in pieces if one.mark is not None)
        today = connector.now().date()
        assert store.due_left(harness.aged, today, no_beat).records == 0
        assert sum(sum(one.gone.values()) for one in _swept(connector, harness, _Holds())) == 0

    def test_a_hold_keeps_what_is_due(self, harness: AgedHarness, connector: StoreConnector) -> None:
        """Told as held, and left; it goes once the hold is lifted."""
        subject, due = harness.add_aged(due=True)
        before = harness.raw()
        pieces = _swept(connector, harness, _Holds(subject.keys))
        assert harness.raw() == before
        assert sum(one.held for one in pieces) == 1
        _swept(connector, harness, _Holds())
        assert changed(before, harness.raw()) == {(harness.aged, due)}

    def test_a_sweep_that_is_told_to_stop_touches_nothing(
        self, harness: AgedHarness, connector: StoreConnector
    ) -> None:
        """Holds may have come, or the leave may be gone."""
        harness.add_aged(due=True)
        before, today = harness.raw(), connector.now().date()
        store = _by_age(connector)
        assert not store.delete_due(harness.aged, today, lambda: None, lambda _: None, no_beat, None, 1.0)
        assert harness.raw() == before

    def test_a_piece_that_is_not_noted_is_rolled_back(self, harness: AgedHarness, connector: StoreConnector) -> None:
        """The ledger is told first (law 6)."""
        harness.add_aged(due=True)
        before, today = harness.raw(), connector.now().date()

        def refused(piece: SweptPiece) -> None:
            if piece.gone:
                raise _NotNotedError

        with pytest.raises(_NotNotedError):
            _by_age(connector).delete_due(harness.aged, today, _Holds, refused, no_beat, None, 1.0)
        assert harness.raw() == before


class DriftContract:
    """Stores that end records by themselves, or are asked what else does."""

    def test_what_stays_for_too_long_is_told_and_not_changed(
        self, harness: DriftingHarness, connector: StoreConnector
    ) -> None:
        """Of collections that the map declares, and in words and commands that hold nothing of a person (law 5)."""
        name = harness.overstay()
        before = harness.raw()
        report = _drift(connector, ())
        assert harness.raw() == before
        found = [one for one in report.drifts if one.collection == name and one.kind is DriftKind.TOO_LONG]
        assert any(one.fix for one in found)
        declared = {name for of, name, _ in harness.data_map.collections() if of == harness.store}
        assert {one.collection for one in report.drifts} | report.unjudged.keys() <= declared
        text = repr([(one.found, one.fix, one.remedy) for one in report.drifts]) + repr(dict(report.unjudged))
        secrets = harness.first.secrets | harness.second.secrets | harness.bystander.secrets
        assert [one for one in secrets if one in text] == []

    def test_no_command_ends_what_a_hold_keeps(self, harness: DriftingHarness, connector: StoreConnector) -> None:
        """It is told all the same."""
        name = harness.overstay()
        found = [one for one in _drift(connector, [name]).drifts if one.collection == name]
        assert found
        assert {one.fix for one in found} == {None}

    def test_a_store_out_of_reach_is_no_answer(self, harness: DriftingHarness) -> None:
        """Without one nobody may take it that there is no drift (law 4)."""
        connector = harness.build_unreachable()
        try:
            with pytest.raises(TransientError):
                _drift(connector, ())
        finally:
            connector.close()


class _NotNotedError(Exception):
    """The ledger could not be written."""


def _by_age(connector: StoreConnector) -> DeletesByAge:
    assert isinstance(connector, DeletesByAge)
    return connector


def _drift(connector: StoreConnector, held: Collection[str]) -> DriftReport:
    assert isinstance(connector, ReportsDrift)
    return connector.drift(held, no_beat)


def _swept(connector: StoreConnector, harness: AgedHarness, holds: Keeping) -> Sequence[SweptPiece]:
    connector.inspect()
    pieces: list[SweptPiece] = []
    today = connector.now().date()
    store = _by_age(connector)
    assert store.delete_due(harness.aged, today, lambda: holds, pieces.append, no_beat, None, 1.0)
    return pieces


def _of(raw: Collection[tuple[str, str]], collection: str) -> list[str]:
    return [name for of, name in raw if of == collection]
