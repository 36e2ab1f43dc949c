"""Plan totals: who is found, how much is due, holds and other controllers, added up chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge_config.settings import LARGEST_CHUNK
from expunge_connectors.contract import EstimatesSize, RecordCounts, Scope, Subject, SubjectKey
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.kept_collections import KeptCollections
from expunge_orchestrator.ledger import people_at_work
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules.count_records import is_shared
from expunge_orchestrator.rules.scope import Actions, restrict_to
from expunge_orchestrator.subjects import member_proof, unread_values
from expunge_orchestrator.subjects.joint_owners import Resolution
from expunge_orchestrator.subjects.lookup import SubjectLookup
from expunge_orchestrator.workspace import Workspace


class PlanTotals:
    """Counts of a plan as they add up."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.ambiguous = 0
        self.not_found = 0
        self.on_hold = 0
        self.also_in: Counter[str] = Counter()
        self.most_per_person = 0
        self._owners: dict[int, Subject] = {}
        """Of whom a shared record is counted as retained: people of other chunks may be its other owners."""
        self._given: dict[int, frozenset[SubjectKey]] = {}
        """The identifiers of the request, of these people."""
        self._chunk_of: dict[int, int] = {}
        """The place of these people's chunk."""
        self._chunks = 0
        self._theirs: dict[tuple[int, str], Mapping[str, RecordCounts]] = {}
        """(number, store) -> what was counted of these people."""
        self._obstacles: dict[tuple[str, str, str, str], list[int]] = {}
        self.keys: dict[int, frozenset[SubjectKey]] = {}
        """Number -> what the plan led to: who it is, and every key of theirs. Of the last chunk: they are many."""
        self.counts: dict[str, dict[str, dict[str, Any]]] = {
            store: {
                name: {
                    "action": action.value,
                    **dict.fromkeys(("due", "retained", "newer", "ambiguous", "people", "unread"), 0),
                }
                for name, action in collections.items()
            }
            for store, collections in actions.items()
        }

    def due(self) -> dict[str, dict[str, int]]:
        """What is due so far: store -> collection -> records."""
        return {
            store: {name: int(one["due"]) for name, one in collections.items()}
            for store, collections in self.counts.items()
        }

    def obstacles(self) -> list[dict[str, Any]]:
        """Records of others that need records of these people: which, by what, how many, and of how many people."""
        return [
            {
                "store": store,
                "collection": name,
                "table": table,
                "constraint": key,
                "records": sum(each),
                "people": len(each),
            }
            for (store, name, table, key), each in sorted(self._obstacles.items())
        ]

    def add(
        self,
        part: Mapping[int, frozenset[SubjectKey]],
        seen: SubjectLookup,
        workspace: Workspace,
        scope: Scope,
    ) -> dict[str, dict[str, int]]:
        """Count one chunk that was looked up; returns what may be due of it: store -> collection -> records.

        Of shared records those too that others own by now: other chunks of the same batch may be these others.
        """
        before = self.due()
        subjects = seen.subjects
        self.keys = {
            number: member_proof.sealed_by_plan(seen.resolved[number], seen.foreseen.get(number, ())) for number in part
        }
        self.ambiguous += len(seen.resolved) - len(subjects)
        self.on_hold += _on_hold(subjects, workspace, scope, self.actions)
        self.also_in.update(_also_in(subjects, workspace, scope))
        for resolved in seen.resolved.values():
            for (store, collection), values in unread_values.counted(resolved.unread).items():
                if collection in self.counts.get(store, {}):
                    self.counts[store][collection]["unread"] += values
        found: set[int] = set()
        rows: Counter[int] = Counter()
        shared: Counter[tuple[str, str]] = Counter()
        owners: set[int] = set()
        counted: dict[str, Mapping[int, Mapping[str, RecordCounts]]] = {}
        for name, (answer, obstacles) in seen.counts_with_obstacles(self.actions).items():
            counted[name] = restrict_to(answer, self.actions[name])
            for number, tallies in counted[name].items():
                found.update([number] if any(not tally.empty for tally in tallies.values()) else ())
                for collection, tally in tallies.items():
                    self._count(name, collection, tally)
                    rows[number] += tally.due
                    if tally.retained and is_shared(tally.ground):
                        shared[name, collection] += tally.retained
                        owners.add(number)
            for one in (one for one in obstacles if one.collection in self.actions[name]):
                place = (name, one.collection, one.table, one.constraint)
                self._obstacles.setdefault(place, []).append(one.records)
        self.not_found += len(subjects) - len(found)
        self.most_per_person = max([self.most_per_person, *rows.values()])
        self._owners.update({one.number: one for one in subjects if one.number in owners})
        self._given.update({number: part[number] for number in owners})
        self._chunk_of.update(dict.fromkeys(owners, self._chunks))
        self._chunks += 1
        self._theirs.update(
            {(number, name): each[number] for name, each in counted.items() for number in owners & each.keys()}
        )
        return {
            store: {name: number - before[store][name] + shared[store, name] for name, number in collections.items()}
            for store, collections in self.due().items()
        }

    def count_owners_together(self, seen: SubjectLookup, planned: Sequence[dict[str, dict[str, int]]]) -> None:
        """Count them once more, all at once: a shared record all of whose owners are in the batch goes with the last.

        Not more of them than a chunk may have: a store holds the keys of all of them in one transaction.

        Args:
            seen: The look at any chunk.
            planned: What may be due of each chunk. What these people's shared records lead to is of the last owner's,
                and which of them that will be is not known.
        """
        if len(self._owners) not in range(2, LARGEST_CHUNK + 1):
            return
        rows: Counter[int] = Counter()
        resolution = Resolution(seen.workspace, seen.scope, seen.cutoffs)
        together = resolution.going_together(list(self._owners.values()), self._given, self.actions)
        for name, answer in replace(seen, subjects=together).counts().items():
            counted = restrict_to(answer, self.actions.get(name, {}))
            for number in self._owners:
                tallies, before = counted.get(number, {}), self._theirs.get((number, name), {})
                for collection in tallies.keys() | before.keys():
                    self._count(name, collection, tallies.get(collection, RecordCounts()))
                    self._count(name, collection, before.get(collection, RecordCounts()), -1)
                    more = tallies.get(collection, RecordCounts()).due - _may_be_due(before.get(collection))
                    planned[self._chunk_of[number]][name][collection] += max(0, more)
                rows[number] += sum(tally.due for tally in tallies.values())
        self.most_per_person = max([self.most_per_person, *rows.values()])

    def _count(self, store: str, collection: str, tally: RecordCounts, times: int = 1) -> None:
        total = self.counts[store][collection]
        for kind in ("due", "retained", "newer", "ambiguous"):
            total[kind] += times * getattr(tally, kind)
        total["people"] += times * bool(tally.due or tally.retained)


def _may_be_due(tally: RecordCounts | None) -> int:
    """Of one person: what is due, and what is retained as long as others own it as well."""
    if tally is None:
        return 0
    return tally.due + (tally.retained if is_shared(tally.ground) else 0)


def sizes(workspace: Workspace, actions: Actions, scope: Scope) -> dict[str, Mapping[str, int]]:
    """How much there is in all, where a limit asks for it and the store can tell."""
    if workspace.data_map.limits.share_percent is None:
        return {}
    return {
        name: store.sizes(scope)
        for name, store in workspace.stores.items()
        if name in actions and isinstance(store, EstimatesSize)
    }


def _also_in(subjects: Sequence[Subject], workspace: Workspace, scope: Scope) -> Counter[str]:
    """Batches of this controller that are at work on some of these people at this moment, and on how many.

    Both may go on. Of another controller's nothing is told: an address would do to learn who asks to be erased there.
    """
    tagger = Tagger(workspace.keys.suppression)
    found: Counter[str] = Counter()
    with reading(workspace.ledger) as connection:
        if people_at_work.any_of(connection, scope):
            for one in subjects:
                tags = [tagger.tag(member_proof.unmark(key)) for key in one.keys]
                found.update(people_at_work.batches_of(connection, scope, tags))
    return found


def _on_hold(subjects: Sequence[Subject], workspace: Workspace, scope: Scope, actions: Actions) -> int:
    """How many of these people are held as of now, in what the request is about, by holds that may be told."""
    keys = {one.number: {*map(member_proof.unmark, one.keys), *one.shared, *one.doubtful} for one in subjects}
    with reading(workspace.ledger) as connection:
        tagger, persons = Tagger(workspace.keys.suppression), workspace.data_map.person_identities
        held = legal_holds.held_people(connection, scope, tagger, keys, persons)
    kept = KeptCollections(workspace.data_map, workspace.stores, scope, actions)
    keeping = map(kept.of_request, held.values())
    return sum(one is not None and not one.undisclosed for one in keeping)
