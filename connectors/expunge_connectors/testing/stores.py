"""Contract tests of every store connector."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

import pytest

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import RecordCounts, ReportsClock, Severity, StoreConnector, Subject, no_beat
from expunge_connectors.testing.harness import StoreHarness
from expunge_connectors.testing.observations import all_due, changed, closure, nothing_due, opened
from expunge_connectors.testing.refusals import RefusalContract


class StoreContract(RefusalContract):
    """Every store. Give a fixture `harness`."""

    @pytest.fixture
    def harness(self) -> StoreHarness:
        """The author's harness."""
        raise NotImplementedError("give a fixture `harness`")

    @pytest.fixture
    def connector(self, harness: StoreHarness) -> Iterator[StoreConnector]:
        """A connector over the harness's data."""
        with opened(harness.build()) as connector:
            yield connector

    @pytest.fixture
    def people(self, harness: StoreHarness, connector: StoreConnector) -> list[Subject]:
        """The two people with all their keys."""
        return [closure(connector, harness, person.given, None) for person in (harness.first, harness.second)]

    def test_it_has_the_verbs_of_the_contract(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """`StoreConnector` is met."""
        assert isinstance(connector, StoreConnector)
        assert connector.name == harness.store

    def test_building_it_contacts_nothing(self, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        """No I/O in constructors, not even towards a store that is not there."""

        def refuse(*_: object) -> None:
            pytest.fail("the constructor opens a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        built = [harness.build(), harness.build_unreachable()]
        monkeypatch.undo()
        for connector in built:
            connector.close()

    def test_closing_twice_is_fine(self, harness: StoreHarness) -> None:
        """`close` may be called again."""
        connector = harness.build()
        connector.now()
        connector.close()
        connector.close()

    def test_its_identity_is_stable(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """The same store says the same to every connector, also after its data changed."""
        before = connector.identity()
        harness.add(harness.first)
        with opened(harness.build()) as again:
            assert again.identity().digest == before.digest
        assert before.store == harness.store

    def test_its_identity_tells_stores_apart(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """Another store under the same name is noticed."""
        with opened(harness.build_elsewhere()) as elsewhere:
            assert elsewhere.identity().digest != connector.identity().digest

    def test_its_identity_and_its_clock_are_the_same_by_one_request(self, connector: StoreConnector) -> None:
        """A store that can say both at once (`ReportsClock`) says what it says one by one."""
        if isinstance(connector, ReportsClock):
            before = connector.now()
            identity, at = connector.identity_at()
            assert identity == connector.identity()
            assert before <= at <= connector.now()
            assert at.utcoffset() == timedelta(0)

    def test_its_clock_is_utc_and_does_not_go_back(self, connector: StoreConnector) -> None:
        """Cutoffs are aware and in UTC."""
        first, second = connector.now(), connector.now()
        assert first.utcoffset() == timedelta(0)
        assert first <= second

    def test_a_well_kept_store_blocks_nothing(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """The harness's own store has no findings that are errors, and every finding says what to do."""
        findings = connector.inspect()
        assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
        assert all(finding.code and finding.message and finding.remedy for finding in findings)
        assert {finding.store for finding in findings} <= {harness.store}

    def test_reading_changes_nothing(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """No verb but `erase` writes."""
        before = harness.raw()
        cutoff = connector.now()
        connector.inspect()
        connector.identity()
        connector.resolve(people, harness.scope, cutoff)
        connector.count(people, harness.scope, cutoff)
        connector.verify(people, harness.scope, cutoff)
        assert harness.raw() == before

    def test_it_counts_what_is_there(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Every collection of the scope is there, with zeros where it holds nothing; no other one is."""
        counts = connector.count(people, harness.scope, connector.now())
        assert counts == {person.given.number: all_due(harness, person) for person in (harness.first, harness.second)}

    def test_verifying_agrees_with_counting(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Two ways of looking, one answer."""
        cutoff = connector.now()
        assert connector.verify(people, harness.scope, cutoff) == connector.count(people, harness.scope, cutoff)

    def test_nothing_there_is_said_with_zeros(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """Looked for and not there is not the same as not looked for."""
        stranger, cutoff = harness.stranger(77), connector.now()
        nothing = {77: dict.fromkeys(harness.actions, RecordCounts())}
        assert connector.count([stranger], harness.scope, cutoff) == nothing
        assert connector.verify([stranger], harness.scope, cutoff) == nothing
        assert not connector.resolve([stranger], harness.scope, cutoff)
        assert connector.erase([stranger], harness.actions, harness.scope, cutoff, no_beat) == 0

    def test_an_empty_chunk_is_no_work(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """No subjects, no answers, no harm."""
        before, cutoff = harness.raw(), connector.now()
        assert connector.count([], harness.scope, cutoff) == {}
        assert connector.verify([], harness.scope, cutoff) == {}
        assert not connector.resolve([], harness.scope, cutoff)
        assert connector.erase([], harness.actions, harness.scope, cutoff, no_beat) == 0
        assert harness.raw() == before

    def test_erasing_leaves_nothing_due_and_touches_nobody_else(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Complete (law 1) and precise (law 2): everyone else's records, and the logs, are equal to the byte."""
        before, cutoff = harness.raw(), connector.now()
        assert connector.erase(people, harness.actions, harness.scope, cutoff, no_beat) > 0
        expected = {subject.number: dict.fromkeys(harness.actions, RecordCounts()) for subject in people}
        assert connector.verify(people, harness.scope, cutoff) == expected
        assert connector.count(people, harness.scope, cutoff) == expected
        assert changed(before, harness.raw()) == harness.first.owns | harness.second.owns

    def test_erasing_one_leaves_the_other(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Only the subjects of the call are touched."""
        before, cutoff = harness.raw(), connector.now()
        connector.erase(people[:1], harness.actions, harness.scope, cutoff, no_beat)
        assert changed(before, harness.raw()) == harness.first.owns
        second = harness.second.given.number
        assert connector.verify(people, harness.scope, cutoff)[second] == all_due(harness, harness.second)

    def test_erasing_twice_is_erasing_once(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """A repeated call changes nothing, also from a new connector."""
        cutoff = connector.now()
        connector.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        once = harness.raw()
        with opened(harness.build()) as again:
            again.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        assert harness.raw() == once

    def test_only_the_collections_named_by_actions_are_erased(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """The rest stays, and verification says that it is still due."""
        cutoff = connector.now()
        connector.erase(people, harness.part, harness.scope, cutoff, no_beat)
        for person in (harness.first, harness.second):
            left = connector.verify(people, harness.scope, cutoff)[person.given.number]
            assert left == {
                name: RecordCounts() if name in harness.part else tally
                for name, tally in all_due(harness, person).items()
            }
        connector.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        assert nothing_due(connector.verify(people, harness.scope, cutoff))

    def test_verification_finds_what_came_later(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """A record that appears after the erasure is not overlooked."""
        cutoff = connector.now()
        connector.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        collection = harness.add(harness.first)
        left = connector.verify(people, harness.scope, cutoff)
        assert left[harness.first.given.number][collection].due >= 1
        # It may name keys of its own, which must be known before it goes.
        people = [closure(connector, harness, one, None) for one in people]
        connector.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        assert nothing_due(connector.verify(people, harness.scope, cutoff))

    def test_it_tells_where_something_went(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Of whom, and in which collections; erased again, nothing goes and nothing is told."""
        told: set[tuple[int, str]] = set()

        def note(gone: Mapping[int, Collection[str]]) -> None:
            told.update((number, name) for number, names in gone.items() for name in names)

        cutoff, first = connector.now(), harness.first
        connector.erase(people[:1], harness.actions, harness.scope, cutoff, no_beat, note)
        assert told == {(first.given.number, name) for name in harness.actions if first.counts.get(name)}
        told.clear()
        connector.erase(people[:1], harness.actions, harness.scope, cutoff, no_beat, note)
        assert not told

    def test_person_keys_go_at_any_age(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Records found by a never re-used id are due, however early the cutoff (law 7)."""
        early = connector.now() - timedelta(days=3650)
        kinds = harness.data_map.identities
        certain = [
            Subject(one.number, frozenset(key for key in one.keys if _certain(kinds.get(key.namespace))))
            for one in people
        ]
        counts = connector.count(certain, harness.scope, early)
        assert counts == connector.count(certain, harness.scope, connector.now())
        assert not any(tally.newer for tallies in counts.values() for tally in tallies.values())


def _certain(identity: object) -> bool:
    return getattr(identity, "kind", IdentityKind.INTERNAL) is not IdentityKind.REUSABLE
