"""Remainders: what a cancelled request left of people, taken up again on somebody's word (ADR 8).

The chunk that does it looks at the collections in which something was left and touches nothing else, by the keys that
were kept and no other, under the batch's old cutoffs. Everything after the taking up goes through the ordinary steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_orchestrator import data_type_closure
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_states, poison_isolation, sameness
from expunge_orchestrator.execution.step_context import StepContext, Transition
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState, ChunkState, batch_by_uid
from expunge_orchestrator.ledger.database import reading, serialise_writers
from expunge_orchestrator.ledger.items import Item, update_items
from expunge_orchestrator.planning import approval
from expunge_orchestrator.receipts import statement_bodies, statement_issuer
from expunge_orchestrator.rules import outcomes, pipeline
from expunge_orchestrator.rules.outcomes import CollectionOutcome, CountRecord, Result
from expunge_orchestrator.subjects import residual_keys
from expunge_orchestrator.subjects.residual_keys import Place
from expunge_orchestrator.workspace import Workspace

RESTS = (BatchState.CANCELLED, BatchState.SETTLED)
"""States of a batch that is over, and may have left something."""

REASON = (
    "Taken up again: what this request had left, as its statement before lists, was looked for by what had been kept "
    "of it, and is listed here. Collections that are not listed were not looked at again"
)

_MORE = "more is there than was left, so somebody has gone on since; nothing was deleted: plan a new request"
_LESS = "not all that was left is found by what was kept; nothing was deleted: ask anew with every identifier"


@dataclass(frozen=True, slots=True)
class ResidualCount:
    """What a batch left in one collection: of how many people, and how many records as they were last seen."""

    people: int
    records: int


def of_batch(connection: sa.Connection, batch: Batch) -> dict[Place, ResidualCount]:
    """(store, collection) -> what was left there."""
    people: Counter[Place] = Counter()
    records: Counter[Place] = Counter()
    for row in connection.execute(_left(batch)).mappings():
        seen = _last_seen(row)
        for store, name in row["places"]:
            people[store, name] += 1
            records[store, name] += _records(seen, store, name)
    return {place: ResidualCount(number, records[place]) for place, number in sorted(people.items())}


def take_up(
    workspace: Workspace, batch: Batch, actor: str, also: batch_states.OnCommit = batch_states.nothing
) -> Batch:
    """Let a batch that is over run again for what it left, and for nothing else; returns it as it is then.

    One ledger transaction: keys, suppression entries, the work and what `also` writes are durable together, before
    anything is erased.

    Raises:
        UsageError: It left nothing, or what it left cannot be stated on its receipts any more.
        WaitingError: Somebody else took it up, or it waits for an approval.
        PlanChangedError: The data map names other collections or actions by now.
        FindingsError: `check` would show an error.
    """
    with reading(workspace.ledger) as connection:
        approval.require_approved(connection, batch)
    batch_states.refuse_unfit(workspace, batch)
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with the placing of holds
        rows = list(connection.execute(_left(batch)).mappings())
        ended = statement_issuer.ended(connection, [row["series"] for row in rows])
        rows = [row for row in rows if row["series"] not in ended]
        if not rows:
            raise UsageError(
                "Nothing of this batch can be taken up.", remedy=f"expunge status {batch.uid} shows how it ended."
            )
        _reopen(connection, batch, actor)
        groups: dict[tuple[int, tuple[Place, ...]], list[sa.RowMapping]] = defaultdict(list)
        for row in rows:
            groups[row["chunk_id"], tuple(sorted((store, name) for store, name in row["places"]))].append(row)
        for (chunk_id, places), people in groups.items():
            _cut_off(connection, batch, chunk_id, places, [row["id"] for row in people])
        update_items(connection, [_brought_back(row) for row in rows])
        _suppress_again(connection, [row["id"] for row in rows])
        also(connection)
        return batch_by_uid(connection, batch.uid)


def _left(batch: Batch) -> sa.Select[Any, Any, Any, Any, Any, Any, Any, Any, Any]:
    return (
        sa.select(
            tables.item.c.id,
            tables.item.c.chunk_id,
            tables.item.c.series,
            tables.item.c.verified,
            tables.item.c.reviewed,
            tables.item.c.reverified,
            tables.leftover.c.wrapped_key,
            tables.leftover.c.sealed_keys,
            tables.leftover.c.places,
        )
        .join(tables.leftover, tables.leftover.c.item_id == tables.item.c.id)
        .where(tables.item.c.batch_id == batch.id)
        .order_by(tables.item.c.id)
    )


def _reopen(connection: sa.Connection, batch: Batch, actor: str) -> None:
    reopened = connection.execute(
        sa.update(tables.batch)
        .where(tables.batch.c.id == batch.id, tables.batch.c.state.in_([state.value for state in RESTS]))
        .values(state=BatchState.EXECUTING.value, state_at=stamp(now()), cancelled_at=None, changed_by=actor)
    ).rowcount
    if not reopened:
        raise BatchBlockedError(
            "Somebody took this batch up already.", remedy=f"expunge status {batch.uid} shows how far it is."
        )


def _cut_off(
    connection: sa.Connection, batch: Batch, chunk_id: int, places: Sequence[Place], people: Sequence[int]
) -> None:
    """A chunk of their own, always: the old one may be woken for its settling check at this moment."""
    remainder: dict[str, list[str]] = {}
    for store, name in places:
        remainder.setdefault(store, []).append(name)
    row = connection.execute(sa.select(tables.chunk).where(tables.chunk.c.id == chunk_id)).one()
    poison_isolation.split_chunk(
        connection,
        row,
        people,
        {
            "state": ChunkState.READY.value,
            "step": pipeline.first(batch.pipeline, pipeline.RESOLVE),
            "rounds": row.rounds + 1,
            "repeats": 0,
            "planned": None,  # nothing was held against what was left so far: see `verify_unchanged`
            "remainder": remainder,
        },
    )


def _brought_back(row: sa.RowMapping) -> dict[str, object]:
    return {
        "id": row["id"],
        "outcome": None,
        "reason": None,
        "held": None,
        "wrapped_key": row["wrapped_key"],
        "sealed_keys": row["sealed_keys"],
        "verified": _last_seen(row),
        "reviewed": None,
        "reverified": None,
    }


def _last_seen(row: sa.RowMapping) -> dict[str, Any]:
    """What the last look at each collection saw, whichever look that was."""
    seen: dict[str, Any] = {}
    for record in (row["verified"], row["reviewed"], row["reverified"]):
        for store, collections in (record or {}).items():
            seen[store] = {**seen.get(store, {}), **collections}
    return seen


def _suppress_again(connection: sa.Connection, people: Sequence[int]) -> None:
    """Holds, other requests and a restore know these people again by all the tags of the request."""
    tag, entry = tables.leftover_tag.c, tables.suppression.c
    connection.execute(
        sa.insert(tables.suppression).from_select(
            ["tag", "item_id", "namespace", "entered_at"],
            sa.select(tag.tag, tag.item_id, tag.namespace, sa.literal(stamp(now()))).where(
                tag.item_id.in_(people), ~sa.exists().where(entry.tag == tag.tag, entry.item_id == tag.item_id)
            ),
        )
    )


def grown_since(context: StepContext) -> dict[int, Place]:
    """Person -> where there is more than was seen last, though nothing was left there, and what was left leads there.

    Erasing what was left would take the way to it (ADR 10): who went on with an account has records that hang on it.
    """
    if not context.unchecked:
        return {}
    workspace, batch = context.workspace, context.batch
    going = [(store, name) for store, names in context.actions.items() for name in names]
    others = [
        place for store, names in batch.actions.items() for name in names if (place := (store, name)) not in going
    ]
    hanging = data_type_closure.dependents(batch.scope, workspace.data_map, workspace.stores, going, others)
    found: dict[int, Place] = {}
    for store in batch.actions:
        names = {name for place, name in hanging if place == store}
        if not names:
            continue
        sameness.require_planned_store(replace(context, store=store))
        counts = workspace.stores[store].count(
            context.subjects(context.active, store), batch.scope, context.cutoffs[store]
        )
        for item in context.active:
            seen = outcomes.pack(counts.get(item.id, {}), names)
            for name in names:
                if _all(seen.get(name)) > _all(item.verified.get(store, {}).get(name)):
                    found.setdefault(item.id, (store, name))
    return found


def _all(values: Sequence[object] | None) -> int:
    """Due, retained and newer."""
    return sum(number for number in (values or ())[:3] if isinstance(number, int))


def verify_unchanged(
    connection: sa.Connection, context: StepContext, counted: Mapping[int, CountRecord], since: Mapping[int, Place]
) -> Transition:
    """Hold what is counted against what was left, once, before anything is deleted; `since`: see `grown_since`.

    More than was left means that somebody has gone on using what the request was about: nothing of that is taken along
    unseen. Less means that it went by itself, or that only an e-mail or a number led there, which was not kept.
    """
    planned = connection.scalar(sa.select(tables.chunk.c.planned).where(tables.chunk.c.id == context.chunk_id))
    if planned is not None:
        return Transition()
    doubted = residual_keys.stores_with_reassignable_keys(context.workspace)
    why = {number: f"{store}.{name}: {_MORE}." for number, (store, name) in since.items()}
    for item in context.active:
        for store, collections in context.actions.items():
            for name in collections:
                before, found = _records(item.verified, store, name), _records(counted[item.id], store, name)
                if found > before or (found < before and store in doubted):
                    why[item.id] = f"{store}.{name}: {_MORE if found > before else _LESS}."
    failing = [item for item in context.active if item.id in why]
    update_items(
        connection,
        [{"id": number, "outcome": Result.FAILED.value, "reason": reason} for number, reason in why.items()],
    )
    said = f"recount, {len(why)} of {len(context.items)} people: {'; '.join(sorted(set(why.values())))}"
    stopped = poison_isolation.split_failed(connection, context, failing, pipeline.RESOLVE, said)
    if stopped is None:
        connection.execute(
            sa.update(tables.chunk)
            .where(tables.chunk.c.id == context.chunk_id)
            .values(planned={store: dict.fromkeys(names, 0) for store, names in context.actions.items()})
        )
    return stopped or Transition()


def _records(record: CountRecord, store: str, name: str) -> int:
    due, retained, *_ = record.get(store, {}).get(name, [0, 0])
    assert isinstance(due, int)
    assert isinstance(retained, int)
    return due + retained


def results(context: StepContext, judged: Mapping[int, Sequence[CollectionOutcome]]) -> dict[int, Result]:
    """What may be said of people of whom a remainder was looked at: the rest was verified before. None otherwise."""
    if context.remainder is None:
        return {}
    found: dict[int, Result] = {}
    for item in [] if context.unchecked else context.active:
        looked_at = {(line.store, line.collection) for line in judged[item.id]}
        before = [
            line
            for line in outcomes.lines(context.batch.actions, item.found, item.verified)
            if (line.store, line.collection) not in looked_at
        ]
        found[item.id] = outcomes.result([*before, *judged[item.id]])
    return found


def cleared(
    context: StepContext, judged: Mapping[int, Sequence[CollectionOutcome]], people: Sequence[Item]
) -> list[int]:
    """Of whose remainder (items) nothing is there any more, so that nothing has to lead there."""
    if context.remainder is None:
        return []
    return [item.id for item in people if not statement_bodies.storage_retained(judged[item.id])]
