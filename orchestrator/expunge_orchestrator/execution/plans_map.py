"""Plan's map: a begun batch is carried out only while the data map decides what it did when it was planned (ADR 27).

Statements name the map of the plan. Under another one other records could be found, or other things done with them, and
nobody would be told.
"""

from __future__ import annotations

from dataclasses import replace

from expunge_orchestrator.execution import stores_followed
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.rules import map_differences
from expunge_orchestrator.rules.map_differences import MapDifferences
from expunge_orchestrator.workspace import Workspace


def differences(workspace: Workspace, batch: Batch) -> MapDifferences:
    """Where the map decides otherwise than it did when a batch was planned.

    What is gone from the map because its table was dropped is none (ADR 20). Of a store that is gone as a whole the
    steps say so.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    if batch.map_digest == workspace.map_digest:
        return MapDifferences()
    found = map_differences.differences(batch.decided, workspace.data_map)
    if not found.gone:
        return found
    away = batch.identities.keys() - workspace.data_map.stores.keys()
    gone = {place for place in found.gone if place[0] not in away}
    if gone:
        changed = stores_followed.changed(workspace, batch)
        gone = {(store, name) for store, name in gone if not _dropped(changed, store, name)}
    return replace(found, gone=frozenset(gone))


def _dropped(changed: stores_followed.Changed, store: str, name: str) -> bool:
    return name in changed.get(store, {}) and changed[store][name].dropped
