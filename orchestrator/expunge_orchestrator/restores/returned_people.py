"""Returned people: whom requests erased, and of whom a store holds records again that are due. Reads only (ADR 35).

The records of persons in the store are read, each key is hashed, and the hash is looked up among those of the erased
(the suppression list): the ledger knows nobody by name. Only keys that are never given to somebody else lead on, only
to records that are older than the erasure, and only as far as the request went.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from expunge_config.datamap import Action
from expunge_config.errors import UsageError
from expunge_connectors.contract import DeletesByAge, KnowsClaims, SubjectKey
from expunge_connectors.errors import UnknownMemberError
from expunge_orchestrator.ledger.batch_cutoffs import cutoffs_of
from expunge_orchestrator.ledger.batches import batches_by_id
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger, erased_under
from expunge_orchestrator.rules.chunking import chunks
from expunge_orchestrator.rules.returned_people import Reach, Standing, standing, widest
from expunge_orchestrator.rules.scope import actions_for, restrict_to, types_of
from expunge_orchestrator.subjects.lookup import look_up
from expunge_orchestrator.workspace import Workspace


@runtime_checkable
class TellsPeople(DeletesByAge, KnowsClaims, Protocol):
    """A store whose records of persons can be gone through, and say when each was made."""


@dataclass(frozen=True, slots=True)
class ReturnedPeople:
    """Of requests of one reach, who of the erased is in the store.

    Attributes:
        back: By which keys; something of each is due. Keys of people: never printed.
        nothing_due: How many are there as the request left them (a tombstone, or what the law keeps).
        later: How many have a key that a record holds which was made after the erasure.
        unclear: Of how many something is due, and nobody can say whether it is theirs, or was made since: the request
            left their own record, or looked into no store of this name; no record of theirs says when it was made, or
            they do not say one thing; the data map has no data type any more that the request went for; the key leads
            to two people by now; or the controller's member is not there any more.
    """

    reach: Reach
    back: Sequence[frozenset[SubjectKey]] = field(repr=False)
    nothing_due: int
    later: int
    unclear: int


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """An erased person's key that stands in the store.

    Attributes:
        reaches: How far each request went -> as of which times, by this store's clock, in this store.
    """

    key: SubjectKey = field(repr=False)
    reaches: Mapping[Reach, frozenset[datetime]]


def find(workspace: Workspace, name: str, read: Callable[[int], None]) -> list[ReturnedPeople]:
    """Look for everybody who was erased among the persons of one store.

    Args:
        workspace: Stores, map and ledger.
        name: The store.
        read: Told how many records of persons were read so far.

    Raises:
        UsageError: There is no such store, or its records do not say who is a person.
        FindingsError: `check` would show an error.
        ConnectorError: A store cannot be asked: not looked at is not the same as nobody found.
    """
    store = workspace.stores.get(name)
    if store is None:
        raise UsageError("The data map has no such store.", remedy=f"It has {', '.join(workspace.stores)}.")
    if not isinstance(store, TellsPeople) or not _of_persons(workspace, name):
        raise UsageError(
            f"The records of {name} do not say who is a person: nobody can be recognised there.",
            remedy="Name a store with a table of persons. What it finds is erased in every store, in this one too.",
        )
    if getattr(workspace.data_map.stores[name], "tenants", None) is not None:
        raise UsageError(
            f"{name} has a schema for each member: its persons are not gone through, so nobody can be recognised.",
            remedy="Plan again whom you know to be back (`expunge plan`), and keep the application out until then.",
        )
    workspace.refuse_errors()
    by_reach: dict[Reach, list[_Known]] = defaultdict(list)
    for one in _known(workspace, name, store, read):
        for reach in widest(one.reaches):
            by_reach[reach].append(one)
    ordered = sorted(by_reach.items(), key=lambda of: (str(of[0].scope), sorted(of[0].data_types or ())))
    return [_of_reach(workspace, store, reach, people) for reach, people in ordered]


def not_looked_at(workspace: Workspace, name: str) -> list[str]:
    """Collections of a store to which no record of a person in it leads: of these `find` says nothing."""
    spec = workspace.data_map.stores[name]
    flows = spec.key_flow(name, workspace.data_map) or {}
    reached = {one for one in _of_persons(workspace, name) if one in flows}
    while True:
        told = frozenset[str]().union(*(flows[one].incoming | flows[one].outgoing for one in reached))
        more = {one for one, flow in flows.items() if flow.incoming & told} - reached
        if not more:
            return sorted(flows.keys() - reached)
        reached |= more


def _of_persons(workspace: Workspace, name: str) -> list[str]:
    """The collections of a store whose records are persons."""
    specs = workspace.data_map.stores[name].collection_specs()
    return [one for one, spec in specs.items() if getattr(spec, "person", None) is not None]


def _known(workspace: Workspace, name: str, store: TellsPeople, read: Callable[[int], None]) -> list[_Known]:
    persons, tagger = workspace.data_map.person_identities, Tagger(workspace.keys.suppression)
    found: dict[SubjectKey, _Known] = {}
    seen, requests = 0, _Requests(workspace, name)
    for piece in store.people(persons, lambda: None):
        tags = {tagger.tag(key): key for keys in piece for key in keys if key.namespace in persons}
        with reading(workspace.ledger) as connection:
            erased = erased_under(connection, tags)
        for tag, batches in erased.items():
            found[tags[tag]] = _Known(tags[tag], requests.of(batches))
        seen += len(piece)
        read(seen)
    return list(found.values())


class _Requests:
    """What is known of batches, asked once of each."""

    def __init__(self, workspace: Workspace, store: str) -> None:
        self._workspace = workspace
        self._store = store
        self._known: dict[int, tuple[Reach, datetime | None]] = {}

    def of(self, batches: Iterable[int]) -> dict[Reach, frozenset[datetime]]:
        """Reach -> the cutoffs of these batches in the store; empty where none looked into one of this name."""
        asked = set(batches)
        if unknown := asked - self._known.keys():
            with reading(self._workspace.ledger) as connection:
                for batch in batches_by_id(connection, unknown):
                    cutoff = cutoffs_of(connection, batch.id).get(self._store)
                    self._known[batch.id] = Reach(batch.scope, batch.data_types), cutoff
        found: dict[Reach, set[datetime]] = defaultdict(set)
        for one in asked:
            reach, cutoff = self._known[one]
            found[reach] |= set() if cutoff is None else {cutoff}
        return {reach: frozenset(cutoffs) for reach, cutoffs in found.items()}


def _of_reach(workspace: Workspace, store: TellsPeople, reach: Reach, people: list[_Known]) -> ReturnedPeople:
    """Judge the people of one reach, as many at a time as a chunk has."""
    back: list[frozenset[SubjectKey]] = []
    nothing_due = later = unclear = 0
    if (reach.data_types or frozenset()) - types_of(reach.scope, workspace.data_map):
        return ReturnedPeople(reach, back, nothing_due, later, len(people))  # what it went for has no such name now
    going = _persons_going(workspace, reach)
    for part in chunks(people, len(people), workspace.settings.chunk_size):
        try:
            keys = [one.key for one in part]
            since, by = store.persons_since(keys, reach.scope), store.persons_by(keys, reach.scope)
            judged = {one: standing(since.get(one.key), by.get(one.key), one.reaches[reach]) for one in part}
            due, unsaid = _due(workspace, reach, [one for one, is_ in judged.items() if is_ is not Standing.LATER])
        except UnknownMemberError:
            unclear += len(part)  # whose records they are cannot be told any more
            continue
        for one, is_ in judged.items():
            if is_ is Standing.LATER:
                later += 1
            elif one in unsaid or (one in due and (is_ is Standing.UNDATED or one.key.namespace not in going)):
                unclear += 1
            elif one in due:
                back.append(frozenset({one.key}))
            else:
                nothing_due += 1
    return ReturnedPeople(reach, back, nothing_due, later, unclear)


def _persons_going(workspace: Workspace, reach: Reach) -> frozenset[str]:
    """The identities of persons whose own record goes with such a request.

    Whose own record stays is a customer still, and what is due of theirs may have been made since.
    """
    data_map = workspace.data_map
    return frozenset(
        person
        for store, actions in actions_for(reach.scope, data_map, reach.data_types).items()
        for name, action in actions.items()
        if action is not Action.RETAIN
        and (person := getattr(data_map.stores[store].collection_specs()[name], "person", None)) is not None
    )


def _due(workspace: Workspace, reach: Reach, people: Sequence[_Known]) -> tuple[set[_Known], set[_Known]]:
    """Of whom anything is due that the request went for, in any store; and of whom nobody can say who it is."""
    if not people:
        return set(), set()
    numbered = dict(enumerate(people, start=1))
    asked = {number: max(one.reaches[reach]) for number, one in numbered.items() if one.reaches[reach]}
    seen = look_up(
        {number: frozenset({one.key}) for number, one in numbered.items()},
        workspace,
        reach.scope,
        data_types=reach.data_types,
        received=asked,
    )
    actions = actions_for(reach.scope, workspace.data_map, reach.data_types)
    due = {
        numbered[number]
        for name, counts in seen.counts().items()
        for number, tallies in restrict_to(counts, actions.get(name, {})).items()
        if any(tally.due for tally in tallies.values())
    }
    return due, {numbered[number] for number, one in seen.resolved.items() if one.ambiguity is not None}
