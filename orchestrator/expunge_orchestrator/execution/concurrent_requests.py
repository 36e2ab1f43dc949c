"""Concurrent requests: no outcome beyond what an unfinished request about the same person allows (law 1).

A request that erased a person's rows and stopped before the objects took the way to these with it: whoever asks again
finds nothing there, and "not found" would be untrue. So a collection in which another request found something, and has
not verified that it is gone, is not done for this request either. One that was ended kept keys to what it left; this
one takes them over, unless it cannot be shown to be of the same person (`inherited_keys`). What it cannot be sure of is
left, as that one last saw it: there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge_connectors.contract import Scope, SubjectKey
from expunge_connectors.errors import TransientError
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import unfinished_people
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.kept_keys import Place
from expunge_orchestrator.ledger.suppression_list import Tagger, entries_of
from expunge_orchestrator.ledger.unfinished_people import UnfinishedPerson
from expunge_orchestrator.receipts import standard_sentences
from expunge_orchestrator.rules import outcomes
from expunge_orchestrator.rules.outcomes import CollectionOutcome, CountRecord, Outcome, Result
from expunge_orchestrator.subjects import member_proof, residual_keys
from expunge_orchestrator.subjects.residual_keys import ResidualKeys
from expunge_orchestrator.workspace import Workspace

_SETTLES = " (the storage keeps something of it; take this one up when that one has settled)"


@dataclass(frozen=True, slots=True)
class LeftBefore:
    """What an ended request about the same person left, and this one cannot be sure to find.

    Attributes:
        batch: Its batch's uid.
        places: (store, collection) -> how many records, as they were last seen.
    """

    batch: str
    places: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class ConcurrentRequest:
    """Another request about the same person.

    Attributes:
        batch: Its batch's uid.
        running: It is at work at this moment, and may be finished soon.
        places: (store, collection) in which it found something of which nobody saw that it is gone.
        known: This request has every key of that one and may use each: what this one finds is all there is.
        remedy: What ends it, where that is not plain.
    """

    batch: str
    running: bool
    places: frozenset[Place]
    known: bool = False
    remedy: str = ""


def unfinished(
    context: StepContext, people: Sequence[Item]
) -> tuple[dict[int, list[ConcurrentRequest]], Mapping[int, Sequence[ResidualKeys]]]:
    """Item -> other requests of the same controller about the same person that left something, for those with any.

    And what ended ones left. They are looked up last: a request that is ended in between is seen at work or among them.
    """
    found = _at_work_or_failed(context, people)
    left = residual_keys.of_people(context.workspace, context.batch.scope, map(context.subject, people))
    for item in people:
        for one in left.get(item.id, ()):
            if not one.whole and one.proven and not _taken(context, item, one):  # ended since: the next round takes it
                found.setdefault(item.id, []).append(
                    ConcurrentRequest(one.batch, running=False, places=frozenset(one.places))
                )
    return found, left


def left_before(
    context: StepContext, people: Sequence[Item], left: Mapping[int, Sequence[ResidualKeys]]
) -> dict[int, list[LeftBefore]]:
    """Item -> what ended requests left (`left`) that this one has not taken over or cannot be sure of; where any is."""
    found: dict[int, list[LeftBefore]] = {}
    for item in people:
        for one in left.get(item.id, ()):
            if places := _unsure(context, item, one):
                found.setdefault(item.id, []).append(
                    LeftBefore(one.batch, {place: one.places[place] for place in places})
                )
    return found


def with_left_before(
    context: StepContext, people: Sequence[Item], lines: Mapping[int, Sequence[CollectionOutcome]]
) -> dict[int, Sequence[CollectionOutcome]]:
    """The lines of people that an answer was stated of, with what ended requests left of them, as `as_left` has it.

    Of whom something was left before, the answer was partial.
    """
    partly = [item for item in people if item.outcome == Result.PARTIALLY_ERASED]
    left = residual_keys.of_people(context.workspace, context.batch.scope, map(context.subject, partly))
    before = left_before(context, partly, left)
    return {item.id: as_left(lines[item.id], before.get(item.id, ())) for item in people}


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


def _at_work_or_failed(context: StepContext, people: Sequence[Item]) -> dict[int, list[ConcurrentRequest]]:
    """Item -> other requests about the same person that began to erase and are not done, for those that have any.

    The same person: a person key in common or, where either knows none, any key in common.
    """
    scope, asked = context.batch.scope, {item.id for item in people}
    found: dict[int, dict[int, ConcurrentRequest]] = {}
    with reading(context.workspace.ledger) as connection:
        beside = unfinished_people.beside(
            connection, context.chunk_id, scope, context.workspace.data_map.person_identities
        )
        same = [one for one in beside if one.asked in asked]
        tags = entries_of(connection, {one.item_id for one in same})
    ours = _usable_tags(context, people) if same else {}
    for one in same:
        if places := _places(one.person):
            found.setdefault(one.asked, {})[one.item_id] = ConcurrentRequest(
                one.person.batch,
                one.running,
                places,
                known=tags[one.item_id].keys() <= ours[one.asked],
                remedy=_SETTLES if one.person.outcome == Result.PARTIALLY_ERASED else "",
            )
    return {number: list(ones.values()) for number, ones in found.items()}


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
                if places := _places(one):
                    batches = found.setdefault(number, {})
                    batches[one.batch] = batches.get(one.batch, frozenset()) | places
    return found


def _places(one: UnfinishedPerson) -> frozenset[Place]:
    """Where such a request left something."""
    if one.outcome == Result.PARTIALLY_ERASED:
        return _by_storage(one.verified or {})
    return frozenset(outcomes.due_places(outcomes.last_seen(one.found, one.verified)))


def _usable_tags(context: StepContext, people: Sequence[Item]) -> dict[int, set[bytes]]:
    """Item -> tags of the keys that it may use everywhere: those that carry no mark."""
    tagger = Tagger(context.workspace.keys.suppression)
    return {
        item.id: {tagger.tag(key) for key in context.unsealed(item) if member_proof.unmark(key) == key}
        for item in people
    }


def downgrade(lines: Sequence[CollectionOutcome], others: Sequence[ConcurrentRequest]) -> list[CollectionOutcome]:
    """The lines, with those failed that would say too much of a place where another request is not finished.

    Nothing of that place is "not found"; and what was found there is all there is only for a request that has every key
    which the other one has.
    """
    if not others:
        return list(lines)
    open_places = frozenset(place for one in others for place in one.places)
    unsure = frozenset(place for one in others if not one.known for place in one.places)
    return [
        line._replace(outcome=Outcome.FAILED)
        if (line.store, line.collection) in (open_places if line.outcome is Outcome.NOT_FOUND else unsure)
        else line
        for line in lines
    ]


def as_left(lines: Sequence[CollectionOutcome], before: Sequence[LeftBefore]) -> list[CollectionOutcome]:
    """The lines, with what ended requests left beside what this one saw: nobody knows whether that is there still.

    Where this one would say that nothing is there, or that all of it is gone, the outcome is `left`.
    """
    records: dict[Place, int] = {}
    for one in before:
        for place, number in one.places.items():
            records[place] = max(number, records.get(place, 0))
    return [
        line._replace(
            outcome=Outcome.LEFT if line.outcome in _NOTHING_LEFT else line.outcome,
            left_before=records[line.store, line.collection],
        )
        if (line.store, line.collection) in records and line.outcome is not Outcome.DROPPED
        else line
        for line in lines
    ]


_NOTHING_LEFT = (Outcome.NOT_FOUND, Outcome.ERASED, Outcome.TOMBSTONED)


def wait_for_running(others: Mapping[int, Sequence[ConcurrentRequest]], people: Sequence[Item]) -> None:
    """Put this chunk off while another request about one of these people is at work.

    Raises:
        TransientError: One is.
    """
    if any(one.running for item in people for one in others.get(item.id, ())):
        raise TransientError("another request of the same person is at work, and not finished yet.")


def describe(others: Sequence[ConcurrentRequest]) -> str:
    """What to tell who reads of the failure; nothing if there are none."""
    if not others:
        return ""
    named = ", ".join(sorted({f"{one.batch}{one.remedy}" for one in others}))
    return f"; another request of this person is not finished: {named}"


def describe_left(before: Sequence[LeftBefore]) -> str:
    """Why something is left of a person of whom nothing failed, and what finds it."""
    named = ", ".join(sorted({one.batch for one in before}))
    return (
        f"{standard_sentences.LEFT_BEFORE} ({named}). A request with the own id of whom that one was about, and every"
        " other identifier that it had and nobody else has by now, in one line, finds it"
    )


def _by_storage(verified: CountRecord) -> frozenset[Place]:
    """Where the storage itself keeps something."""
    return frozenset(
        (store, name)
        for store, collections in verified.items()
        for name, one in outcomes.unpack(collections).items()
        if outcomes.kept_by_storage(one)
    )
