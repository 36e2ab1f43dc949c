"""Planner samples: what a store's planner remembers of erased values, drawn anew before a chunk settles.

Once for many chunks: what was drawn is of none of those whose erasing was in the ledger when the drawing began. The
ledger says so, not a clock: those of two hosts differ, and a store's own times tell neither when a drawing began nor
what it left.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from expunge_connectors.contract import RefreshesStatistics
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.batches import erasings
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules.count_records import due_places
from expunge_orchestrator.rules.successive_looks import merge_counts

Places = frozenset[tuple[str, str]]
Samples = Mapping[tuple[str, str], str | None]
"""(store, collection) -> None: drawn anew; or why older ones are left."""

_UNASKED = "the store could not be asked to draw them anew"


def drawn_for(context: StepContext, people: Sequence[Item], again: Container[int]) -> Mapping[int, Samples]:
    """Item id -> what became of the samples of the tables from which something of the person was erased.

    Where something was due before the answer; of those who are in `again` (items) at the settling check as well. Drawn
    anew are also those where no look has seen the record that went: it came after the count.
    """
    found = {
        item.id: merge_counts(item.found, item.verified, item.reviewed) if item.id in again else item.found
        for item in people
    }
    places = {item.id: item.erased & due_places(found[item.id]).keys() for item in people if item.erased}
    drawn = _drawn_anew(context, frozenset().union(*(item.erased for item in people)))
    return {number: {place: drawn[place] for place in ones if place in drawn} for number, ones in places.items()}


def _drawn_anew(context: StepContext, places: Places) -> Samples:
    """Have samples of these drawn anew, unless this process did so since the chunk was last erased from.

    It never fails a chunk: what is left is said.
    """
    told: dict[tuple[str, str], str | None] = {}
    for store in sorted({store for store, _ in places}):
        if isinstance(context.workspace.stores.get(store), RefreshesStatistics):
            names = {name for of, name in places if of == store}
            with context.workspace.samples.one_at_a_time:
                told |= {(store, name): why for name, why in _drawn_in(context, store, names).items()}
    return told


def _drawn_in(context: StepContext, store: str, names: set[str]) -> Mapping[str, str | None]:
    connector, drawn = context.workspace.stores[store], context.workspace.samples.covered
    assert isinstance(connector, RefreshesStatistics)
    scope = context.batch.scope
    with reading(context.workspace.ledger) as connection:
        # Where this round has none, the store may have erased all the same, and have failed before that was logged.
        own = {one for one in erasings(connection, store, context.chunk_id) if one.round == context.round}
        done = {name for name in names if own and own <= drawn.get((store, scope, name), frozenset())}
        covered = erasings(connection, store) if names - done else frozenset()
    told: dict[str, str | None] = dict.fromkeys(done)
    if names - done:
        try:
            told |= connector.refresh_statistics(names - done, scope)
        except ConnectorError:
            told |= dict.fromkeys(names - done, _UNASKED)
    drawn |= {(store, scope, name): covered for name in names - done if told.get(name, _UNASKED) is None}
    return told
