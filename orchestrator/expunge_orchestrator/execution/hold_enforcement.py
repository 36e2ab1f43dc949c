"""Hold enforcement: leaves people on hold out of a step, explains it, and releases them later (ADR 6)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from expunge_config.datamap import Action
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.kept_collections import KeptCollections
from expunge_orchestrator.ledger import Ledger, Transaction, chunks, held_people
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import let_others_write, reading
from expunge_orchestrator.ledger.held_people import HeldItem
from expunge_orchestrator.ledger.identifier_encryption import Opened
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules.effective_holds import EffectiveHold
from expunge_orchestrator.workspace import Workspace

_ROWS_AT_ONCE, _ROWS_OF_A_CHUNK = 2000, 20
"""What one transaction of a release touches, and what a chunk costs beside its people, in rows of a person."""


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
        ready = {"state": ChunkState.READY.value, "failure": None, "ending": False, "repeats": 0}
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
