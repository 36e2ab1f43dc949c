"""Planner samples: what a store's planner remembers of erased values, drawn anew before a chunk settles.

Once for a table and batch: the first chunk that settles has it done, the others find samples that are young enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from expunge_connectors.contract import RefreshesStatistics
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.batches import last_done
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules import outcomes, pipeline

Places = frozenset[tuple[str, str]]
Samples = Mapping[tuple[str, str], str | None]
"""(store, collection) -> None: drawn anew; or why older ones are left."""

_CUT = timedelta(seconds=1)
"""The ledger keeps whole seconds: a step ended up to one later than it says."""

_UNASKED = "the store could not be asked to draw them anew"


def erased_from(context: StepContext, people: Sequence[Item]) -> Mapping[int, Places]:
    """Item id -> (store, collection) in which something of the person was due, of whom a store was asked to erase."""
    return {
        item.id: frozenset(
            (line.store, line.collection)
            for line in outcomes.lines(context.actions, item.found, item.found)
            if line.found.due
        )
        for item in people
        if item.touched
    }


def drawn_anew(context: StepContext, places: Places) -> Samples:
    """Have samples of these drawn anew, unless that was done since the chunk was last erased from.

    It never fails a chunk: what is left is said.
    """
    with reading(context.workspace.ledger) as connection:
        done = last_done(connection, context.chunk_id)
    erased = [at for name, at in done.items() if pipeline.split(name)[0] in {pipeline.ERASE, pipeline.RE_ERASE}]
    ago = max(now() - max(erased) - _CUT, timedelta(0)) if erased else None
    told: dict[tuple[str, str], str | None] = {}
    for store in sorted({store for store, _ in places}):
        connector = context.workspace.stores.get(store)
        if isinstance(connector, RefreshesStatistics) and ago is not None:
            names = {name for of, name in places if of == store}
            try:
                found = connector.refresh_statistics(names, context.batch.scope, ago)
            except ConnectorError:
                found = dict.fromkeys(names, _UNASKED)
            told |= {(store, name): why for name, why in found.items()}
    return told
