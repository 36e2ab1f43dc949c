"""Unclear counts: what stands under keys that are not followed is counted as ambiguous (ADR 18)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Counts, KnowsClaims, RecordCounts, Subject, SubjectKey
from expunge_orchestrator.workspace import Workspace


def as_ambiguous(
    counts: Mapping[str, RecordCounts], rest: Mapping[str, RecordCounts], under: Mapping[str, RecordCounts]
) -> dict[str, RecordCounts]:
    """What is due of one person by every key; of it what some of them lead to (`under`) is ambiguous.

    And so is what is not due any more without these (`rest`).
    """
    nothing = RecordCounts()
    return {
        name: replace(one, due=due, ambiguous=one.ambiguous + one.due - due)
        for name, one in counts.items()
        for due in [max(0, min(rest.get(name, nothing).due, one.due - under.get(name, nothing).due))]
    }


def with_unclear(
    store: str,
    subjects: Sequence[Subject],
    counts: Counts,
    workspace: Workspace,
    ask: Callable[[Sequence[Subject]], Counts],
) -> Counts:
    """What a store says of people (`counts`), with what stands under keys that are not followed: it is ambiguous.

    A record counts once, however many keys lead to it: what the store counted already is taken off, which it says if it
    is asked for both together.

    Args:
        store: The store.
        subjects: Those counted.
        counts: What it says of them.
        workspace: The map, and what the stores are.
        ask: Asks it the same of others.

    Raises:
        ConnectorError: It cannot be asked.
    """
    alone = _under_unclear(store, subjects, workspace)
    if not alone:
        return counts
    under, unclear = ask(alone), {one.number: one.keys for one in alone}
    twice = [
        replace(one, keys=one.keys | unclear[one.number])
        for one in subjects
        if any(
            _left(tally) and _records(counts[one.number][name])
            for name, tally in under.get(one.number, {}).items()
            if one.number in unclear and name in counts.get(one.number, {})
        )
    ]
    together = ask(twice) if twice else {}
    return {
        number: {
            name: replace(one, ambiguous=one.ambiguous + more)
            for name, one in tallies.items()
            for left in [_left(under.get(number, {}).get(name, RecordCounts()))]
            for both in [together.get(number, {}).get(name)]
            for more in [left if both is None else min(left, max(0, _records(both) - _records(one)))]
        }
        for number, tallies in counts.items()
    }


def _left(tally: RecordCounts) -> int:
    return tally.due + tally.ambiguous


def _records(tally: RecordCounts) -> int:
    """What is newer is none of the request's; under a key that is never given again it would be."""
    return tally.due + tally.retained + tally.ambiguous


def _under_unclear(store: str, subjects: Sequence[Subject], workspace: Workspace) -> list[Subject]:
    """The same people, known by nothing but keys that are not followed and under which the store itself counts nothing.

    A store that knows whose a value is tells what it has under values that pass on.
    A key that leads to one person for good is among them if an ended request kept it, and it is somebody else's by now.
    """
    passing, identities = workspace.passing[store], workspace.data_map.identities
    knows = isinstance(workspace.stores[store], KnowsClaims)

    def uncounted(key: SubjectKey) -> bool:
        identity = identities.get(key.namespace)
        if identity is not None and identity.kind is IdentityKind.REUSABLE:
            return key.namespace in passing and not knows
        return True

    return [
        Subject(one.number, keys)
        for one in subjects
        if (unclear := one.unclear) and (keys := frozenset(filter(uncounted, unclear)))
    ]
