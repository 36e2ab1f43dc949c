"""Planning: what would happen, counted before anything is touched, frozen under a digest.

A plan is a batch in state `planned`. It holds, as plain data:

    {"dataTypes": ["account", "messages"],
     "people": 500, "ambiguous": 2, "notFound": 1, "onHold": 3, "alsoIn": {}, "mostPerPerson": 40, "exceeded": [],
     "stores": {"main": {"identity": "<sha256>", "kind": "postgres",
                         "collections": {"users": {"action": "tombstone", "due": 500, "retained": 0, "newer": 0,
                                                   "people": 500}}}},
     "consulted": {"cache": {"identity": "<sha256>", "kind": "redis"}}}

`dataTypes` is there only if the request is limited to some of the controller's; and so is `consulted`: the stores of
the controller that hold nothing of these types and still are asked who it is. So is `replaces`, the batch and the
reason, if this plan came instead of one that was void (`requests.renewing`).

The digest covers the data map, the stores' identities, the random series ids and the counts; never an identifier.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Protocol

import sqlalchemy as sa

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, Sized, Subject, SubjectKey
from expunge_orchestrator import asking, closure, holds, leftovers, limits, standing
from expunge_orchestrator.actors import actor_of
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.cutting import cut
from expunge_orchestrator.execution.pipeline import pipeline_for
from expunge_orchestrator.garbage import collected_seldom
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import RUNNING, Batch, BatchState, ChunkState, batch_by_uid
from expunge_orchestrator.looking import look
from expunge_orchestrator.outcomes import Result
from expunge_orchestrator.resolution import Resolved
from expunge_orchestrator.scope import Actions, actions_for, asked_for
from expunge_orchestrator.sealing import Seal
from expunge_orchestrator.tags import Tagger
from expunge_orchestrator.workspace import Workspace
from expunge_reports import canonical, opening
from expunge_reports.statement import new_series

Progress = Callable[[int], None]
"""Called with the number of people looked at so far."""


class People(Protocol):
    """The people of a request, one set of keys each. Gone through twice, a chunk at a time: they may be many."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __iter__(self) -> Iterator[frozenset[SubjectKey]]:
        """In the same order each time."""
        ...


Frozen = Callable[[sa.Connection, int], None]
"""Called with the batch's id in the transaction that freezes a plan: what it writes is there with the plan, or not."""


def make(  # noqa: PLR0913 - what a plan is made of
    workspace: Workspace,
    people: People,
    scope: Scope,
    progress: Progress,
    data_types: frozenset[str] | None = None,
    *,
    requested_by: str | None = None,
    replaces: tuple[str, str] | None = None,
    frozen: Frozen = lambda _connection, _batch: None,
) -> Batch:
    """Make a plan: seal the identifiers, count in every store, freeze the chunks. Stores are only read.

    Args:
        workspace: What is worked with.
        people: Who.
        scope: Whose request it is.
        progress: Told how many people were looked at.
        data_types: Nothing else is touched; None, or all that there are of the controller: everything.
        requested_by: Who asks, where that is not who is at the keyboard.
        replaces: The batch whose plan is void, and why, in a word: whoever approves the new one sees it.
        frozen: What else belongs into the transaction that makes it last.

    Raises:
        UsageError: The controller has no such data type; or (OpenChoiceError) others need what would go.
        FindingsError: `check` would show an error.
        ConnectorError: A store cannot be asked; a plan with a hole is no plan.
    """
    workspace.refuse_errors()
    chosen = closure.chosen_types(scope, workspace.data_map, data_types)
    closure.refuse_open(scope, workspace.data_map, workspace.stores, chosen)
    actions = actions_for(scope, workspace.data_map, chosen)
    introduced = asking.each(
        actions_for(scope, workspace.data_map),
        lambda name: asking.identified(workspace.stores[name]),
        workspace.settings.stores_at_once,
    )
    identities = {name: identity for name, (identity, _) in introduced.items()}
    clocks: Mapping[str, datetime] | None = {name: at for name, (_, at) in introduced.items()}
    series = [new_series() for _ in people]
    totals = _Totals(actions, chosen)
    done, planned = 0, []
    with collected_seldom():
        for part in cut(people, len(people), workspace.settings.chunk_size):
            planned.append(totals.add(dict(enumerate(part)), workspace, scope, clocks))
            clocks = None  # of the first chunk: later ones begin later
            done += len(part)
            progress(done)
    plan: dict[str, Any] = {
        "people": len(people),
        "ambiguous": totals.ambiguous,
        "notFound": totals.not_found,
        "onHold": totals.on_hold,
        "alsoIn": dict(sorted(totals.also_in.items())),
        "mostPerPerson": totals.most_per_person,
        "exceeded": limits.exceeded(
            workspace.data_map.limits, len(people), totals.most_per_person, totals.due(), _sizes(workspace, actions)
        ),
        "stores": {
            name: {
                "identity": identities[name].digest,
                "kind": identities[name].kind,
                "collections": totals.counts[name],
            }
            for name in actions
        },
    }
    if chosen is not None:
        plan["dataTypes"] = sorted(chosen)
        plan["consulted"] = {
            name: {"identity": one.digest, "kind": one.kind} for name, one in identities.items() if name not in actions
        }
    if replaces is not None:
        plan["replaces"] = {"batch": replaces[0], "because": replaces[1]}
    digest = _digest(workspace.map_digest, scope, plan, series)
    uid = f"bt_{secrets.token_hex(6)}"
    actor = requested_by or actor_of(workspace.settings)
    listed = zip(series, people, totals.persons, strict=True)
    _freeze(workspace, uid, scope, plan, digest, listed, planned, actor, frozen)
    with workspace.ledger.begin() as connection:
        return batch_by_uid(connection, uid)


class _Totals:
    """Counts of a plan as they add up."""

    def __init__(self, actions: Actions, chosen: frozenset[str] | None) -> None:
        self.actions = actions
        self.chosen = chosen
        self.ambiguous = 0
        self.not_found = 0
        self.on_hold = 0
        self.also_in: Counter[str] = Counter()
        self.most_per_person = 0
        self.persons: list[tuple[SubjectKey, ...] | None] = []
        """Of each person, who it is (person keys); None where the request itself says it, by such keys alone."""
        self.counts: dict[str, dict[str, dict[str, Any]]] = {
            store: {
                name: {"action": action.value, "due": 0, "retained": 0, "newer": 0, "people": 0}
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

    def add(
        self,
        part: Mapping[int, frozenset[SubjectKey]],
        workspace: Workspace,
        scope: Scope,
        clocks: Mapping[str, datetime] | None,
    ) -> dict[str, dict[str, int]]:
        """Resolve and count one chunk, as of now; returns what is due of it: store -> collection -> records."""
        before = self.due()
        seen = look(part, workspace, scope, clocks)
        subjects = seen.subjects
        self.persons += _named(part, seen.resolved, leftovers.person_identities(workspace))
        self.ambiguous += len(seen.resolved) - len(subjects)
        self.on_hold += _on_hold(subjects, workspace, scope, self.chosen)
        self.also_in.update(_also_in(subjects, workspace, scope))
        found: set[int] = set()
        rows: Counter[int] = Counter()
        for name, answer in seen.counts(self.actions):
            counts = asked_for(answer, self.actions[name])
            for number, tallies in counts.items():
                for collection, tally in tallies.items():
                    total = self.counts[name][collection]
                    total["due"] += tally.due
                    rows[number] += tally.due
                    total["retained"] += tally.retained
                    total["newer"] += tally.newer
                    total["people"] += bool(tally.due or tally.retained)
                    if not tally.empty:
                        found.add(number)
        self.not_found += len(subjects) - len(found)
        self.most_per_person = max([self.most_per_person, *rows.values()])
        return {
            store: {name: number - before[store][name] for name, number in collections.items()}
            for store, collections in self.due().items()
        }


def _named(
    part: Mapping[int, frozenset[SubjectKey]], resolved: Mapping[int, Resolved], persons: Container[str]
) -> Iterator[tuple[SubjectKey, ...] | None]:
    """Who each is. Execution holds against it: an identifier may have passed on by then."""
    for number, given in part.items():
        if all(key.namespace in persons for key in given):
            yield None
        else:
            found = map(standing.plain, resolved[number].keys)
            yield tuple(key for key in found if key.namespace in persons)


def _sizes(workspace: Workspace, actions: Actions) -> dict[str, Mapping[str, int]]:
    """How much there is in all, where a limit asks for it and the store can tell."""
    if workspace.data_map.limits.share_percent is None:
        return {}
    return {
        name: store.sizes() for name, store in workspace.stores.items() if name in actions and isinstance(store, Sized)
    }


def _also_in(subjects: Sequence[Subject], workspace: Workspace, scope: Scope) -> Counter[str]:
    """Batches of this controller that are at work on some of these people at this moment, and on how many.

    Both may go on. Of another controller's nothing is told: an address would do to learn who asks to be erased there.
    """
    tagger = Tagger(workspace.keys.suppression)
    found: Counter[str] = Counter()
    with reading(workspace.ledger) as connection:
        # Whoever is open in a batch on hold is held by what may not be told: that looks like work in hand.
        states = (*RUNNING, BatchState.PAUSED, BatchState.FAILED, BatchState.ON_HOLD)
        at_work = schema.batch.c.state.in_([state.value for state in states])
        open_items = (
            sa.select(schema.suppression.c.tag, schema.batch.c.uid)
            .join(schema.item, schema.item.c.id == schema.suppression.c.item_id)
            .join(schema.batch, schema.batch.c.id == schema.item.c.batch_id)
            .where(
                at_work,
                leftovers.of_scope(scope),
                sa.or_(schema.item.c.outcome.is_(None), schema.item.c.outcome == Result.FAILED.value),
            )
        )
        if connection.execute(open_items.limit(1)).first() is None:
            return found
        for one in subjects:
            tags = [tagger.tag(standing.plain(key)) for key in one.keys]
            found.update(
                set(
                    connection.scalars(
                        open_items.with_only_columns(schema.batch.c.uid).where(schema.suppression.c.tag.in_(tags))
                    )
                )
            )
    return found


def _on_hold(subjects: Sequence[Subject], workspace: Workspace, scope: Scope, chosen: frozenset[str] | None) -> int:
    """How many of these people are held as of now, in what the request is about, by holds that may be told."""
    keys = {one.number: [standing.plain(key) for key in one.keys] for one in subjects}
    with reading(workspace.ledger) as connection:
        held = holds.held_people(connection, scope, Tagger(workspace.keys.suppression), keys)
    return sum(
        not one.undisclosed and (chosen is None or one.whole or bool(one.data_types & chosen)) for one in held.values()
    )


def _digest(map_digest: str, scope: Scope, plan: Mapping[str, Any], series: Sequence[str]) -> str:
    covered = {"dataMap": map_digest, "controller": str(scope), "plan": dict(plan), "series": sorted(series)}
    return hashlib.sha256(canonical.encode(covered)).hexdigest()


def _freeze(  # noqa: PLR0913, PLR0917 - the row's columns
    workspace: Workspace,
    uid: str,
    scope: Scope,
    plan: Mapping[str, Any],
    digest: str,
    people: Iterable[tuple[str, frozenset[SubjectKey], tuple[SubjectKey, ...] | None]],
    planned: Sequence[Mapping[str, Mapping[str, int]]],
    actor: str,
    frozen: Frozen,
) -> None:
    seal = Seal(workspace.keys.wrapping)
    line = count(1)
    moment = stamp(now())
    with workspace.ledger.begin() as connection:
        batch_id: int = connection.execute(
            sa.insert(schema.batch)
            .values(
                uid=uid,
                controller=scope.controller,
                member=scope.member,
                state=(BatchState.AWAITING_APPROVAL if plan["exceeded"] else BatchState.PLANNED).value,
                requested_by=actor,
                created_at=moment,
                state_at=moment,
                map_digest=workspace.map_digest,
                plan=dict(plan),
                plan_digest=digest,
                pipeline=pipeline_for([name for name in workspace.stores if name in plan["stores"]]),
            )
            .returning(schema.batch.c.id)
        ).scalar_one()
        for part, expected in zip(cut(people, plan["people"], workspace.settings.chunk_size), planned, strict=True):
            chunk_id = connection.scalar(
                sa.insert(schema.chunk)
                .values(
                    batch_id=batch_id,
                    state=ChunkState.PLANNED.value,
                    step=0,
                    epoch=0,
                    rounds=0,
                    attempts=0,
                    planned=dict(expected),
                )
                .returning(schema.chunk.c.id)
            )
            rows = []
            for series, keys, named in part:
                wrapped = seal.new_key()
                rows.append(
                    {
                        "batch_id": batch_id,
                        "chunk_id": chunk_id,
                        "line": next(line),
                        "series": series,
                        "subjects": sorted(
                            opening.digest(
                                opening.make(workspace.keys.opening, series, scheme(key, workspace.data_map), key.value)
                            )
                            for key in keys
                        ),
                        "wrapped_key": wrapped,
                        "sealed_identifiers": seal.close(wrapped, series, keys),
                        "sealed_keys": None if named is None else seal.close(wrapped, series, named),
                    }
                )
            connection.execute(sa.insert(schema.item), rows)
        frozen(connection, batch_id)


def scheme(key: SubjectKey, data_map: DataMap) -> str:
    """How an opening names the kind of an identifier: namespace and versioned normaliser, `email+email/1`."""
    return f"{key.namespace}+{data_map.identities[key.namespace].normaliser}"
