"""Contract tests of what a store does not do: by halves, unannounced, for another controller, or out of reach."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import pytest

from expunge_connectors.contract import StoreConnector, Subject, no_beat
from expunge_connectors.errors import ConnectorError, TerminalError, TransientError
from expunge_connectors.testing.harness import StoreHarness
from expunge_connectors.testing.observations import changed, nothing_due, opened


class StopError(Exception):
    """A run that ends in the middle."""


class RefusalContract:
    """A part of `StoreContract`, which has the fixtures."""

    def test_an_interrupted_erasure_is_resumed(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Stopped at every beat in turn and begun again with the same keys, it ends the same."""
        before, cutoff = harness.raw(), connector.now()
        for allowed in range(1000):
            left = [allowed]

            def stop(left: list[int] = left) -> None:
                if not left[0]:
                    raise StopError
                left[0] -= 1

            try:
                with opened(harness.build()) as another:
                    another.erase(people, harness.actions, harness.scope, cutoff, stop)
            except StopError:
                continue
            assert allowed, "`erase` never calls its beat"
            break
        else:
            pytest.fail("`erase` never ends")
        assert nothing_due(connector.verify(people, harness.scope, cutoff))
        assert changed(before, harness.raw()) == harness.first.owns | harness.second.owns

    def test_nothing_goes_untold_where_the_call_ends_at_a_notice(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """It tells before it is ended: what was not told of is there as before."""
        cutoff = connector.now()
        before = connector.count(people, harness.scope, cutoff)
        told: set[tuple[int, str]] = set()

        def refuse(gone: Mapping[int, Collection[str]]) -> None:
            told.update((number, name) for number, names in gone.items() for name in names)
            raise StopError

        with pytest.raises(StopError):
            connector.erase(people, harness.actions, harness.scope, cutoff, no_beat, refuse)
        after = connector.count(people, harness.scope, cutoff)
        gone_since = {
            (number, name) for number, of in before.items() for name, seen in of.items() if after[number][name] != seen
        }
        assert gone_since <= told

    def test_another_controllers_person_is_out_of_reach(self, harness: StoreHarness, connector: StoreConnector) -> None:
        """Even with the other person's own keys a request touches its own controller's records only."""
        other = harness.outsider or harness.bystander
        scope = harness.scope if harness.outsider else type(harness.scope)("nobody")
        before, cutoff = harness.raw(), connector.now()
        subject = Subject(other.given.number, other.resolved | other.given.keys)
        assert all(tally.empty for tally in connector.count([subject], scope, cutoff)[subject.number].values())
        assert connector.erase([subject], harness.actions, scope, cutoff, no_beat) == 0
        assert not connector.resolve([subject], scope, cutoff)
        assert harness.raw() == before

    def test_an_unknown_collection_is_refused(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Actions for what the map does not know are an error, before anything is touched."""
        before = harness.raw()
        actions = {**harness.actions, "no-such-collection": next(iter(harness.actions.values()))}
        with pytest.raises(TerminalError):
            connector.erase(people, actions, harness.scope, connector.now(), no_beat)
        assert harness.raw() == before

    def test_a_store_out_of_reach_is_a_transient_error(self, harness: StoreHarness, people: Sequence[Subject]) -> None:
        """Every verb says so, and says nothing of the people (law 5)."""
        cutoff = datetime.now().astimezone()
        with opened(harness.build_unreachable()) as connector:
            for call in _calls(connector, harness, people, cutoff):
                with pytest.raises(TransientError) as caught:
                    call()
                _assert_silent(caught.value, harness)

    def test_a_store_that_refuses_is_a_terminal_error(
        self, harness: StoreHarness, connector: StoreConnector, people: Sequence[Subject]
    ) -> None:
        """Counting, erasing and verifying fail, naming the store, and say nothing of the people (law 5)."""
        cutoff = connector.now()
        with opened(harness.build_broken()) as broken:
            count, erase, verify = _calls(broken, harness, people, cutoff)[-3:]
            for call in (count, erase, verify):
                with pytest.raises(TerminalError) as caught:
                    call()
                _assert_silent(caught.value, harness)
                assert harness.store in str(caught.value)


def _calls(
    connector: StoreConnector, harness: StoreHarness, people: Sequence[Subject], cutoff: datetime
) -> Sequence[Callable[[], object]]:
    return (
        connector.inspect,
        connector.identity,
        connector.now,
        lambda: connector.count(people, harness.scope, cutoff),
        lambda: connector.erase(people, harness.actions, harness.scope, cutoff, no_beat),
        lambda: connector.verify(people, harness.scope, cutoff),
    )


def _assert_silent(error: ConnectorError, harness: StoreHarness) -> None:
    """The error, and its traceback as Python prints it, hold no value of a person."""
    text = "".join([*traceback.format_exception(error), str(error), repr(error), error.message, error.remedy or ""])
    for person in (harness.first, harness.second, harness.bystander):
        for secret in person.secrets:
            assert secret not in text, "an error repeats a value"
