"""Store erasure: the ledger records for whom a store is asked to erase before it is asked (ADR 8).

Who was handed to a store once is finished, whatever anybody cancels; who was not can still be withdrawn. A process that
is killed between the two has called, as far as anybody knows.

The store says in turn where something goes for good before it does (`RemovalNotice`), and the ledger records that with
the end of the step, or with its failure: what was counted elsewhere and is not there any more was not erased by this
request. Of a step that ended with its process nobody knows it: wherever something was due it may have gone.

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
from expunge_orchestrator.ledger.items import Item, note_erased
from expunge_orchestrator.rules import count_records, pipeline
from expunge_orchestrator.rules.count_records import CountRecord


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
    going: dict[int, set[str]] = defaultdict(set)
    shared = {
        item.id: count_records.shared_in(_counted(context.step, item)) & actions.keys()
        for actions, people in wanted
        for item in people
    }

    def notice(told: Mapping[int, Collection[str]]) -> None:
        for number, names in told.items():
            going[number].update(names, shared[number])

    touched = _touch(context, [item for _, people in wanted for item in people])
    try:
        for actions, people in wanted:
            if subjects := context.subjects([item for item in people if item.id in touched], to_erase=True):
                context.workspace.stores[context.store].erase(
                    subjects, actions, context.batch.scope, context.cutoffs[context.store], context.beat, notice
                )
    except BaseException:
        if going:
            with context.workspace.ledger.begin() as connection:
                serialise_writers(connection)
                note_erased(connection, context.step, going)
        raise
    return partial(note_erased, step=context.step, going=going)


def note_interrupted(connection: Transaction, step: str, people: Iterable[Item]) -> None:
    """Note of an erasing step whose process ended with it what it may have removed: all that was due there."""
    verb, store = pipeline.split(step)
    if verb not in {pipeline.ERASE, pipeline.RE_ERASE}:
        return
    going: dict[int, set[str]] = {}
    for item in people:
        counted = _counted(step, item)
        names = {name for _, name in count_records.due_places({store: counted})}
        if item.touched and names:
            going[item.id] = names | count_records.shared_in(counted)
    note_erased(connection, step, going)


def _counted(step: str, item: Item) -> Mapping[str, list[object]]:
    """What was counted of a person in the store of an erasing step before it."""
    verb, store = pipeline.split(step)
    counted: CountRecord = item.reviewed if verb == pipeline.RE_ERASE else item.found
    return counted.get(store, {})


def _touch(context: StepContext, people: Sequence[Item]) -> set[int]:
    """Note for whom the store is asked; returns those for whom it may be.

    A cancel that came since the step was taken is met here: nobody is touched any more who was not before.
    """
    touched = {item.id for item in people if item.touched}
    fresh = [item.id for item in people if not item.touched]
    if not fresh:
        return touched
    with context.workspace.ledger.begin() as connection:
        serialise_writers(connection)  # with a cancel
        owned = claims.touchable(connection, context.chunk_id, context.epoch)
        if owned is None:
            return set()  # another delivery of this chunk is at work
        if owned.cancelled_at is not None:
            return touched
        claims.touch(connection, fresh)
    return {*touched, *fresh}
