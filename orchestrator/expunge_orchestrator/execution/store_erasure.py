"""Store erasure: the ledger records for whom a store is asked to erase before it is asked (ADR 8).

Who was handed to a store once is finished, whatever anybody cancels; who was not can still be withdrawn. A process that
is killed between the two has called, as far as anybody knows.

The store says in turn where something went for good (`RemovalNotice`), and the ledger records that with the end of the
step, or with its failure: what was counted elsewhere and is not there any more was not erased by this request. Of a
step that ended without that, as with its process, nobody knows it: once its store was asked (`chunk.asked`), whatever
was due may have gone, but for what the store was not asked for, because a hold kept it. Both are recorded before the
store is asked. `chunk.asked` goes in the transaction that notes what was removed and in no other one: the next claim
that finds it notes all that may have gone, and a chunk that is cut leaves it in each of its pieces.

What people share goes with the last of them, in whatever chunk and whenever: of whom a store removed something, it is
recorded that what it counted as shared with others went, or will.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from expunge_config.datamap import Action
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import Transaction, claims
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import Item, bulk_update, items_of_chunk, note_erased
from expunge_orchestrator.rules import count_records, pipeline
from expunge_orchestrator.rules.count_records import Going


def erase_in_store(
    context: StepContext, groups: Iterable[tuple[Mapping[str, Action], Sequence[Item]]]
) -> Callable[[Transaction], None]:
    """Erase people in the step's store, each group in the collections that no hold keeps of theirs.

    Returns:
        What notes where something went, in the transaction that ends the step.

    Raises:
        ConnectorError: The store refuses or cannot be asked.
    """
    gone = context.changed_collections(context.store)
    wanted = [
        ({name: action for name, action in actions.items() if name not in gone}, people)
        for actions, people in groups
        if people
    ]
    counted = _counted(context.step, context.items)
    going: dict[int, set[str]] = defaultdict(set)
    shared = {item.id: counted[item.id].shared & actions.keys() for actions, people in wanted for item in people}

    def notice(told: Mapping[int, Collection[str]]) -> None:
        for number, names in told.items():
            going[number].update(names, shared[number])

    note = partial(_note, chunk_id=context.chunk_id, epoch=context.epoch, step=context.step, going=going)
    touched = _touch(context, wanted, counted)
    try:
        for actions, people in wanted:
            if subjects := context.subjects([item for item in people if item.id in touched], to_erase=True):
                context.workspace.stores[context.store].erase(
                    subjects, actions, context.batch.scope, context.cutoffs[context.store], context.beat, notice
                )
    except Exception:
        with context.workspace.ledger.begin() as connection:
            serialise_writers(connection)
            note(connection)
        raise
    return note


def note_interrupted(connection: Transaction, chunk_id: int, epoch: int, step: str) -> None:
    """Note of a step that noted nothing what its store may have removed: all that was due and asked for.

    Args:
        connection: In which the chunk was taken again.
        chunk_id: The chunk.
        epoch: Of that claim.
        step: Whose store was asked (`chunk.asked`): no other one removed anything.
    """
    people = items_of_chunk(connection, chunk_id)
    counted, going = _counted(step, people), dict[int, set[str]]()
    for item in people:
        kept = item.unasked.get(step, ())
        if item.touched and (names := counted[item.id].due.difference(kept)):
            going[item.id] = names | counted[item.id].shared.difference(kept)
    _note(connection, chunk_id, epoch, step, going)


def _note(connection: Transaction, chunk_id: int, epoch: int, step: str, going: Mapping[int, Collection[str]]) -> None:
    note_erased(connection, step, going)
    claims.noted(connection, chunk_id, epoch)


def _counted(step: str, people: Sequence[Item]) -> dict[int, Going]:
    """Item -> where something goes of what was counted, before an erasing step, in its store."""
    verb, store = pipeline.split(step)
    again = verb == pipeline.RE_ERASE
    return {item.id: count_records.going_in((item.reviewed if again else item.found).get(store, {})) for item in people}


def _unasked(
    context: StepContext, wanted: Sequence[tuple[Mapping[str, Action], Sequence[Item]]], counted: Mapping[int, Going]
) -> list[dict[str, object]]:
    """What the items are to say of what the store is not asked for, where that is not what they say already."""
    asked = {item.id: actions.keys() for actions, people in wanted for item in people}
    rows: list[dict[str, object]] = []
    for item in context.items:
        if item.touched or item.id in asked:
            names = sorted(set().union(*counted[item.id]).difference(asked.get(item.id, ())))
            if names != item.unasked.get(context.step, []):
                rows.append({"id": item.id, "unasked": {**item.unasked, context.step: names}})
    return rows


def _touch(
    context: StepContext, wanted: Sequence[tuple[Mapping[str, Action], Sequence[Item]]], counted: Mapping[int, Going]
) -> set[int]:
    """Note that the store is asked, for whom, and for what it is not; returns those for whom it may be.

    A cancel that came since the step was taken is met here: nobody is touched any more who was not before.
    """
    people = [item for _, group in wanted for item in group]
    if not people:
        return set()
    unasked = _unasked(context, wanted, counted)
    touched = {item.id for item in people if item.touched}
    fresh = [item.id for item in people if not item.touched]
    with context.workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with a cancel
        owned = claims.ask(connection, context.chunk_id, context.epoch, context.step)
        if owned is None:
            return set()  # another delivery of this chunk is at work
        bulk_update(connection, unasked)
        if owned.cancelled_at is not None:
            return touched
        if fresh:
            claims.touch(connection, fresh)
    return {*touched, *fresh}
