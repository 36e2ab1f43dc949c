"""Hold enforcement: leaves people on hold out of a step, explains it, and releases them later (ADR 6)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from expunge_config.datamap import Action
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.step_context import StepContext, Transition
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.kept_collections import KeptCollections, joined
from expunge_orchestrator.holds.legal_holds import EffectiveHold
from expunge_orchestrator.ledger import Ledger, Transaction, chunks, held_people
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import let_others_write, reading
from expunge_orchestrator.ledger.held_people import HeldItem
from expunge_orchestrator.ledger.identifier_encryption import Opened
from expunge_orchestrator.ledger.items import Item, update_items
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.receipts import statement_bodies, statement_issuer
from expunge_orchestrator.receipts.standard_sentences import UNNAMED_GROUND
from expunge_orchestrator.rules import owed, pipeline
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds, any_of, ground_of, grounds_of
from expunge_orchestrator.workspace import Workspace
from expunge_reports.statement import OpenCopies

_ROWS_AT_ONCE, _ROWS_OF_A_CHUNK = 2000, 20
"""What one transaction of a release touches, and what a chunk costs beside its people, in rows of a person."""


@dataclass(frozen=True, slots=True)
class HeldPerson:
    """A person of whom a hold keeps something that would be due, with the lines that say so.

    Attributes:
        held: The holds that keep it, and no others.
        found: What a search left of the person that the map does not explain; None: nothing, or there was no search.
    """

    item: Item
    held: EffectiveHold
    lines: Sequence[CollectionOutcome]
    found: BlindFinding | None


def holds_at_claim(  # noqa: PLR0913, PLR0917 - the chunk and what it is for
    connection: Transaction,
    workspace: Workspace,
    batch: Batch,
    chunk_id: int,
    items: Sequence[Item],
    opened: Opened,
    *,
    erasing: bool,
) -> dict[int, EffectiveHold]:
    """Item -> what must not be erased of it, in the transaction in which a step is claimed.

    Placing a hold takes the same lock: either the step knows the hold, or the hold names the running step. From the
    first erasing on the holds learn by what else these people are known: that link is about to be erased.
    """
    persons = workspace.data_map.person_identities
    holds = legal_holds.in_force(connection, batch.scope)
    if erasing:
        legal_holds.learn_from_sealed(connection, holds, items, workspace.keys, workspace.data_map, opened)
    held = legal_holds.held_in_chunk(connection, batch.scope, chunk_id, [item.id for item in items], persons, holds)
    if erasing:
        legal_holds.learn(connection, held, persons)
    return held


def groups_by_allowed_actions(
    context: StepContext, people: Sequence[Item]
) -> Iterator[tuple[Mapping[str, Action], list[Item]]]:
    """The step's people in groups, each with the actions that no hold forbids."""
    actions = context.actions[context.store]
    if not context.held:
        if people:
            yield actions, list(people)
        return
    groups: dict[frozenset[str], list[Item]] = defaultdict(list)
    keeping = kept_collections(context)
    for item in people:
        held = context.held.get(item.id)
        groups[frozenset() if held is None else frozenset(keeping.in_store(context.store, held))].append(item)
    for kept, group in groups.items():
        allowed = {name: action for name, action in actions.items() if name not in kept}
        if allowed:
            yield allowed, group


def kept_collections(context: StepContext) -> KeptCollections:
    """What holds keep of what the step's batch is about."""
    workspace, batch = context.workspace, context.batch
    return KeptCollections(workspace.data_map, workspace.stores, batch.scope, batch.actions)


def explained(
    context: StepContext,
    judged: Mapping[int, Sequence[CollectionOutcome]],
    people: Sequence[Item],
    unexplained: Mapping[int, BlindFinding] | None = None,
) -> list[HeldPerson]:
    """Those whose every unfinished collection is kept by a hold. What was not looked at is explained by nothing.

    Of whom something is left that the map does not explain (`unexplained`: item -> what), a hold of the whole person
    keeps it. Each line has the ground and the day of the holds that keep it, the person those of all that explain one.
    """
    unexplained = unexplained or {}
    found, keeping, grounds = [], kept_collections(context), grounds_of(context.workspace.data_map)
    for item in people:
        held = context.held.get(item.id)
        if held is None or (item.id in unexplained and not held.whole):
            continue
        explaining = [held.of_everything] if item.id in unexplained else []
        lines = []
        for line in judged[item.id]:
            on_it = keeping.in_store(line.store, held).get(line.collection) if _due(line) else None
            lines.append(line if on_it is None else _under(line, on_it, grounds))
            explaining += [] if on_it is None else [on_it]
        if not any(line.outcome is Outcome.FAILED for line in lines):
            found.append(HeldPerson(item, joined(explaining), lines, unexplained.get(item.id)))
    return found


def _due(line: CollectionOutcome) -> bool:
    """Something due was seen; what failed for another reason waits for a request that is not finished there."""
    return line.outcome is Outcome.FAILED and line.verified is not None and line.verified.due > 0


def _under(line: CollectionOutcome, held: EffectiveHold, grounds: Grounds) -> CollectionOutcome:
    """The line with what is due in it kept by the hold, beside what was kept already: on which ground, until when."""
    assert line.verified is not None
    seen, until, ground = line.verified, held.until, held.ground
    if seen.retained:
        until = None if until is None or seen.until is None else max(until, seen.until)
        ground = any_of([ground_of(seen, line.store, line.collection, grounds) or UNNAMED_GROUND, ground])
    retained = replace(seen, due=0, retained=seen.due + seen.retained, until=until, ground=ground)
    return line._replace(verified=retained, outcome=Outcome.RETAINED)


def park(  # noqa: PLR0913, PLR0917 - what their statement says
    connection: Transaction,
    context: StepContext,
    kept: Sequence[HeldPerson],
    cited: str,
    at: datetime,
    seen: datetime,
    copies: OpenCopies,
) -> Transition | None:
    """Let these people wait in chunks of their own, and state it where it may be told.

    Returns:
        Where the chunk itself goes if they are all that is in it.
    """
    if not kept:
        return None
    grounds = grounds_of(context.workspace.data_map)
    settling = kept[0].item.outcome is not None
    told = []
    for one in kept:
        if not one.held.undisclosed:
            body = statement_bodies.on_hold(
                context.batch,
                one.lines,
                one.held,
                cutoffs=context.cutoffs,
                grounds=grounds,
                at=seen,
                context=cited,
                searched=one.found,
            )
            told.append(
                statement_issuer.StatementDraft(
                    one.item.id, one.item.series, "on-hold", one.item.subjects, body, owed.end_of_hold(copies)
                )
            )
    statement_issuer.issue(connection, context.workspace.keys, told, at)
    groups: dict[tuple[str | None, int], list[HeldPerson]] = defaultdict(list)
    for one in kept:
        values: dict[str, object] = {"held": one.held.uids}
        if not settling and not one.held.undisclosed:
            values |= {"outcome": Result.ON_HOLD.value, "reason": _reason(one.held)}
        update_items(connection, [{"id": one.item.id, **values}])
        groups[None if one.held.undisclosed else "on hold", _again(context, settling=settling)].append(one)
    if len(groups) == 1 and len(kept) == len(context.items):
        ((failure, step),) = groups
        return Transition(step=step, state=ChunkState.HELD, failure=failure)
    row = chunks.get(connection, context.chunk_id)
    for (failure, step), group in groups.items():
        chunks.split(
            connection,
            row,
            [one.item.id for one in group],
            {"state": ChunkState.HELD.value, "step": step, "rounds": row.rounds + 1, "repeats": 0, "failure": failure},
        )
    return None


def _again(context: StepContext, *, settling: bool) -> int:
    return pipeline.first(context.batch.pipeline, pipeline.REVIEW if settling else pipeline.RESOLVE)


def _reason(held: EffectiveHold) -> str:
    until = "" if held.until is None else f", until {held.until.isoformat()}"
    return f"on hold: {held.ground}{until}"


def release(ledger: Ledger) -> int:
    """Let people run again of whose holds one was lifted or has run out: the rest, if any, is found again on the way.

    Some chunks at a time: a hold on many people keeps nobody else from writing, and where there is nobody to let go
    nothing is written. Where that is interrupted, whoever looks next goes on with it.

    Returns:
        How many people.
    """
    with reading(ledger) as connection:
        waiting = _held_no_more(connection, held_people.waiting(connection))
        pieces = _pieces(Counter(one.chunk_id for one in waiting))
    freed = 0
    for number, piece in enumerate(pieces):
        if number:
            let_others_write(ledger)
        with ledger.begin() as connection:
            freed += sum(_let_go(connection, held_people.waiting(connection, chunks=piece)).values())
    return freed


def _pieces(people: Mapping[int, int]) -> list[list[int]]:
    """Chunks of one transaction each: one with many people, or many with a few."""
    pieces: list[list[int]] = []
    rows = _ROWS_AT_ONCE
    for chunk, number in sorted(people.items()):
        rows += number + _ROWS_OF_A_CHUNK
        if rows > _ROWS_AT_ONCE:
            pieces.append([])
            rows = number + _ROWS_OF_A_CHUNK
        pieces[-1].append(chunk)
    return pieces


def let_go(connection: Transaction, batch: Batch) -> int:
    """The same of one batch, in the transaction of the caller. Returns how many people were let go by this."""
    return _let_go(connection, held_people.waiting(connection, batch_id=batch.id))[batch.id]


def _let_go(connection: Transaction, waiting: Iterable[HeldItem]) -> Counter[int]:
    """Batch (id) -> how many of these people were let go: those alone whom nobody else took up meanwhile."""
    by_chunk: dict[int, list[int]] = defaultdict(list)
    for one in _held_no_more(connection, waiting):
        by_chunk[one.chunk_id].append(one.id)
    freed: Counter[int] = Counter()
    for chunk_id, people in by_chunk.items():
        chunk = chunks.lock_in_state(connection, chunk_id, ChunkState.HELD)
        if chunk is None:
            continue  # cancelled, or taken up by somebody else, since it was read
        freed[chunk.batch_id] += len(people)
        ready = {"state": ChunkState.READY.value, "failure": None, "ending": False}
        if chunks.count_people(connection, chunk_id) == len(people):
            chunks.update(connection, [chunk_id], ready)
        else:
            chunks.split(connection, chunk, people, {"step": chunk.step, **ready})
        held_people.free(connection, people)
    batch_lifecycle.sync_state(connection, list(freed))
    return freed


def _held_no_more(connection: Transaction, waiting: Iterable[HeldItem]) -> list[HeldItem]:
    """Those of them one of whose holds is over."""
    people = list(waiting)
    if not people:
        return []
    valid = {one.uid for one in legal_holds.in_force(connection)}
    return [one for one in people if not set(one.held or ()) <= valid]
