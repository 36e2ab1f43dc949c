"""Store erasure: the ledger records for whom a store is asked to erase before it is asked (ADR 8).

Who was handed to a store once is finished, whatever anybody cancels; who was not can still be withdrawn. A process that
is killed between the two has called, as far as anybody knows.

The store says in turn where something goes for good before it does (`RemovalNotice`), and the ledger records that: what
was counted elsewhere and is not there any more was not erased by this request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from expunge_config.datamap import Action
from expunge_connectors.contract import RemovalNotice
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import claims
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.items import Item, note_erased


def erase_in_store(context: StepContext, groups: Iterable[tuple[Mapping[str, Action], Sequence[Item]]]) -> None:
    """Erase people in the step's store, each group in the collections that no hold keeps of theirs.

    Raises:
        ConnectorError: The store refuses or cannot be asked.
    """
    gone = context.changed_collections(context.store)
    wanted = [
        ({name: action for name, action in actions.items() if name not in gone}, people)
        for actions, people in groups
        if people
    ]
    notice = _notice(context)
    touched = _touch(context, [item for _, people in wanted for item in people])
    for actions, people in wanted:
        if subjects := context.subjects([item for item in people if item.id in touched], to_erase=True):
            context.workspace.stores[context.store].erase(
                subjects, actions, context.batch.scope, context.cutoffs[context.store], context.beat, notice
            )


def _notice(context: StepContext) -> RemovalNotice:
    """What notes where something goes, before it does. Noted once, a place is not written again."""
    noted: set[tuple[int, str]] = set()

    def note(going: Mapping[int, Collection[str]]) -> None:
        fresh = {(number, name) for number, names in going.items() for name in names} - noted
        if not fresh:
            return
        with context.workspace.ledger.begin() as connection:
            serialise_writers(connection)
            note_erased(connection, context.step, {number: going[number] for number, _ in fresh})
        noted.update(fresh)

    return note


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
