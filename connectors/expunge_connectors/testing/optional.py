"""Contract tests of optional abilities: yielding keys, creation times, members, logs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import pytest

from expunge_connectors.contract import RecordCounts, Scope, StoreConnector, Subject, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.testing.harness import DatedHarness, LoggedHarness, MemberHarness, ResolvingHarness
from expunge_connectors.testing.observations import changed, closure, declared


class ResolutionContract:
    """Stores whose records name further keys."""

    def test_resolution_finds_every_key_and_no_other(
        self, harness: ResolvingHarness, connector: StoreConnector
    ) -> None:
        """Fed back until nothing is new, it finds what belongs to the person."""
        for person in (harness.first, harness.second, harness.bystander):
            found = closure(connector, harness, person.given, connector.now())
            assert declared(harness, found) == person.resolved
        assert any(person.resolved > person.given.keys for person in (harness.first, harness.second))

    def test_yields_say_where_they_come_from(self, harness: ResolvingHarness, connector: StoreConnector) -> None:
        """Numbers of the call, keys of the call or of the store's own paths, declared collections in scope."""
        first, second = (closure(connector, harness, person.given, None) for person in (harness.first, harness.second))
        known = {first.number: first.keys, second.number: second.keys}
        for one in connector.resolve([first, second], harness.scope, None):
            assert one.via in known[one.number]
            assert one.key in known[one.number] or one.key.namespace in harness.data_map.identities
            assert one.collection in harness.actions
            assert one.key.namespace in harness.data_map.identities or one.key.namespace.startswith(harness.store)

    def test_keys_still_serve_when_what_led_to_them_is_gone(
        self, harness: ResolvingHarness, connector: StoreConnector
    ) -> None:
        """After a crash the sealed keys are all there is: erasing and verifying work from them (law 6)."""
        people = [closure(connector, harness, person.given, None) for person in (harness.first, harness.second)]
        cutoff = connector.now()
        connector.erase(people, harness.part, harness.scope, cutoff, no_beat)
        connector.erase(people, harness.actions, harness.scope, cutoff, no_beat)
        raw = harness.raw()
        gone = {name for name in harness.first.owns | harness.second.owns if name not in raw}
        assert gone
        assert all(
            tally == RecordCounts()
            for one in connector.verify(people, harness.scope, cutoff).values()
            for tally in one.values()
        )


class CutoffContract:
    """Stores that know when a record was created."""

    def test_what_is_found_by_a_reusable_identifier_goes_only_if_it_is_older(
        self, harness: DatedHarness, connector: StoreConnector
    ) -> None:
        """An e-mail address may have a new owner by now (law 7)."""
        harness.add_nominated(55)
        cutoff = _later(connector)
        before = harness.raw()
        subject = harness.add_nominated(55)
        new = {name for name in harness.raw() if name not in before}

        older, newer = _sums(connector, harness, subject, cutoff)
        assert (older, newer) == (1, 1)
        connector.erase([subject], harness.actions, harness.scope, cutoff, no_beat)
        assert _sums(connector, harness, subject, cutoff) == (0, 1)
        assert new <= set(harness.raw())

    def test_newer_records_yield_nothing(self, harness: DatedHarness, connector: StoreConnector) -> None:
        """They are not followed either."""
        cutoff = _later(connector)
        subject = harness.add_nominated(56)
        assert not connector.resolve([subject], harness.scope, cutoff)


class MemberContract:
    """Stores that hold records of several members of one controller."""

    def test_each_member_asks_for_its_own_records_only(self, harness: MemberHarness, connector: StoreConnector) -> None:
        """The same person, the same keys, two controllers: one request, one answer (law 2)."""
        cutoff, caller = connector.now(), harness.caller
        before = harness.raw()
        theirs = connector.count([caller], harness.other_member, cutoff)
        asked = connector.count([caller], harness.member, cutoff)[caller.number]
        assert sum(tally.due for tally in asked.values()) == len(harness.member_owns) > 0
        assert sum(tally.due for tally in theirs[caller.number].values()) == len(harness.other_owns) > 0

        connector.erase([caller], harness.member_actions, harness.member, cutoff, no_beat)
        assert changed(before, harness.raw()) == harness.member_owns
        assert not any(
            tally.due for tally in connector.verify([caller], harness.member, cutoff)[caller.number].values()
        )
        assert connector.verify([caller], harness.other_member, cutoff) == theirs

    def test_a_request_that_names_no_member_is_refused(self, harness: MemberHarness, connector: StoreConnector) -> None:
        """It is not known whose records are meant."""
        before, nobody = harness.raw(), Scope(harness.member.controller)
        with pytest.raises(TerminalError):
            connector.count([harness.caller], nobody, connector.now())
        with pytest.raises(TerminalError):
            connector.erase([harness.caller], harness.member_actions, nobody, connector.now(), no_beat)
        assert harness.raw() == before


class LogContract:
    """Stores in which a log is declared."""

    def test_a_log_is_not_counted(self, harness: LoggedHarness, connector: StoreConnector) -> None:
        """It is absent: not looked for."""
        subject = closure(connector, harness, harness.first.given, None)
        cutoff = connector.now()
        assert harness.log not in connector.count([subject], harness.scope, cutoff)[subject.number]
        assert harness.log not in connector.verify([subject], harness.scope, cutoff)[subject.number]

    def test_an_action_on_a_log_is_refused(self, harness: LoggedHarness, connector: StoreConnector) -> None:
        """Before anything is touched (law 3)."""
        subject = closure(connector, harness, harness.first.given, None)
        before = harness.raw()
        assert any(collection == harness.log for collection, _ in before)
        actions = {**harness.actions, harness.log: next(iter(harness.actions.values()))}
        with pytest.raises(TerminalError):
            connector.erase([subject], actions, harness.scope, connector.now(), no_beat)
        assert harness.raw() == before


def _later(connector: StoreConnector) -> datetime:
    """A time of the store's clock that is later than now, whatever the clock's resolution."""
    start = connector.now()
    while (now := connector.now()) <= start:
        time.sleep(0.02)
    return now


def _sums(connector: StoreConnector, harness: DatedHarness, subject: Subject, cutoff: datetime) -> tuple[int, int]:
    """(due, newer) over all collections, from counting; verification must agree."""
    counted = connector.count([subject], harness.scope, cutoff)[subject.number]
    verified = connector.verify([subject], harness.scope, cutoff)[subject.number]
    assert counted == verified
    tallies: Sequence[RecordCounts] = list(counted.values())
    return sum(tally.due for tally in tallies), sum(tally.newer for tally in tallies)
