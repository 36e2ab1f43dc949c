"""Concurrent requests: no outcome beyond what an unfinished request about the same person allows (law 1).

A request that erased a person's rows and stopped before the objects took the way to these with it: whoever asks again
finds nothing there, and "not found" would be untrue. So a collection in which another request found something, and has
not verified that it is gone, is not done for this request either. One that is over kept keys to what it left, or what a
law or the storage keeps; this one takes them over, unless it cannot be shown to be of the same person
(`inherited_keys`). What it cannot be sure of is left, as that one last saw it: there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import unfinished_people
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.suppression_list import Tagger, entries_of
from expunge_orchestrator.ledger.unfinished_people import UnfinishedPerson
from expunge_orchestrator.rules import count_records, successive_looks
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.other_requests import ConcurrentRequest, LeftBefore
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.subjects import member_proof, residual_keys
from expunge_orchestrator.subjects.residual_keys import ResidualKeys
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class OtherRequests:
    """Requests of the same controller about the same people: by item, for those with any.

    Attributes:
        unfinished: Those that found something of which nobody saw yet that it is gone.
        before: What others left or had to keep, and this one has not taken over or cannot be sure of.
        residual: The keys that lead there.
    """

    unfinished: Mapping[int, Sequence[ConcurrentRequest]]
    before: Mapping[int, Sequence[LeftBefore]]
    residual: Mapping[int, Sequence[ResidualKeys]]


def about(context: StepContext, people: Sequence[Item]) -> OtherRequests:
    """What other requests about these people leave uncertain.

    Kept keys are looked up last: a request that keeps some in between is seen at work or among those.
    """
    unfinished, before = _not_settled(context, people)
    residual = residual_keys.of_people(context.workspace, context.batch.scope, map(context.subject, people))
    for item in people:
        for one in residual.get(item.id, ()):
            if not one.whole and one.proven and not _taken(context, item, one):  # ended since: the next round takes it
                other = ConcurrentRequest(one.batch, running=False, places=frozenset(one.places))
                unfinished.setdefault(item.id, []).append(other)
            if places := _unsure(context, item, one):
                left_there = {place: one.places[place] for place in places}
                before.setdefault(item.id, []).append(LeftBefore(one.batch, left_there))
    return OtherRequests(unfinished, before, residual)


def _unsure(context: StepContext, item: Item, one: ResidualKeys) -> frozenset[Place]:
    """Where finding nothing says nothing. What the kept keys reach is seen only by a request that took them over."""
    if one.whole:
        return frozenset()
    return one.doubtful if _taken(context, item, one) else one.doubtful_without


def finished(context: StepContext, people: Sequence[Item], left: Mapping[int, Sequence[ResidualKeys]]) -> list[int]:
    """Of what was `left` (items), that which these people's requests have seen to the end: there is nothing of it.

    Not where a request for some data types only has not looked at every place in which something was left.
    """
    looked_at = {(store, name) for store, collections in context.actions.items() for name in collections}
    return [
        one.item_id
        for item in people
        for one in left.get(item.id, ())
        if one.places.keys() <= looked_at
        and (one.whole or _taken(context, item, one))
        and not _unsure(context, item, one)
    ]


def _taken(context: StepContext, item: Item, one: ResidualKeys) -> bool:
    """Its keys went through this request's resolution, which follows each, or says that somebody else has it by now."""
    ours = context.subject(item)
    return one.proven and set(map(member_proof.unmark, one.keys)) <= {
        *map(member_proof.unmark, ours.keys),
        *(ours.refused or ()),
    }


def _not_settled(
    context: StepContext, people: Sequence[Item]
) -> tuple[dict[int, list[ConcurrentRequest]], dict[int, list[LeftBefore]]]:
    """Item -> other requests about the same person that began to erase and are not done, for those that have any.

    And what is kept for a time by those that have stated an answer: they wait for their settling check, not for that.
    The same person: a person key in common or, where either knows none, any key in common.
    """
    scope, asked = context.batch.scope, {item.id for item in people}
    found: dict[int, dict[int, ConcurrentRequest]] = {}
    kept: dict[int, dict[int, LeftBefore]] = {}
    with reading(context.workspace.ledger) as connection:
        beside = unfinished_people.beside(
            connection, context.chunk_id, scope, context.workspace.data_map.person_identities
        )
        same = [one for one in beside if one.asked in asked]
        tags = entries_of(connection, {one.item_id for one in same})
    ours = _usable_tags(context, people) if same else {}
    for one in same:
        batch = one.person.batch
        lost = {namespace for tag, namespace in tags[one.item_id].items() if tag not in ours[one.asked]}
        if one.person.outcome == Result.PARTIALLY_ERASED:
            if unsure := {
                place: number
                for place, number in _kept(one.person).items()
                if residual_keys.led_to_by(lost, *place, context.workspace.data_map)
            }:
                kept.setdefault(one.asked, {})[one.item_id] = LeftBefore(batch, unsure)
        elif places := _due(one.person):
            other = ConcurrentRequest(batch, one.running, places, known=not lost)
            found.setdefault(one.asked, {})[one.item_id] = other
    return (
        {number: list(ones.values()) for number, ones in found.items()},
        {number: list(ones.values()) for number, ones in kept.items()},
    )


def started(
    workspace: Workspace, scope: Scope, people: Mapping[int, frozenset[SubjectKey]]
) -> dict[int, dict[str, frozenset[Place]]]:
    """Number -> batch -> where it left something: requests that began to erase, and are not done.

    Any key in common makes it perhaps the same person: whoever only looks must not be told that this is all. What was
    erased may have taken the way to the rest with it.
    """
    tagger = Tagger(workspace.keys.suppression)
    found: dict[int, dict[str, frozenset[Place]]] = {}
    with reading(workspace.ledger) as connection:
        for number, keys in people.items():
            tags = sorted({tagger.tag(member_proof.unmark(key)) for key in keys})
            for one in unfinished_people.with_tags(connection, scope, tags):
                if places := frozenset(_kept(one)) if one.outcome == Result.PARTIALLY_ERASED else _due(one):
                    batches = found.setdefault(number, {})
                    batches[one.batch] = batches.get(one.batch, frozenset()) | places
    return found


def _due(one: UnfinishedPerson) -> frozenset[Place]:
    """Where such a request left something due."""
    return frozenset(count_records.due_places(successive_looks.last_seen(one.found, one.verified)))


def _kept(one: UnfinishedPerson) -> dict[Place, int]:
    """Where a law or the storage keeps something: how many records."""
    return {
        (store, name): seen.due + seen.retained
        for store, collections in (one.verified or {}).items()
        for name, seen in count_records.unpack(collections).items()
        if count_records.kept_for_a_time(seen)
    }


def _usable_tags(context: StepContext, people: Sequence[Item]) -> dict[int, set[bytes]]:
    """Item -> tags of the keys that it may use everywhere: those that carry no mark."""
    tagger = Tagger(context.workspace.keys.suppression)
    return {
        item.id: {tagger.tag(key) for key in context.unsealed(item) if member_proof.unmark(key) == key}
        for item in people
    }
