"""Stores followed: what a deployment drops or renames after a plan keeps nobody's settling check waiting (ADR 20).

The check of the data map says `table-missing` then, and blocks every new plan. People of whom everything was erased
before are another matter: the rest of their stores is looked at as it is built by now, if that fits the map.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, RelationChange, Scope, Severity
from expunge_connectors.errors import StructureChangedError
from expunge_orchestrator import store_calls
from expunge_orchestrator.data_map_check import inspect_all, raise_on_errors
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution.step_context import workspace_following
from expunge_orchestrator.installation_check import installation_findings
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.workspace import Workspace

Changed = Mapping[str, Mapping[str, RelationChange]]
"""Store -> collection -> how it is not what was planned."""


def changed(workspace: Workspace, batch: Batch) -> Changed:
    """Where the stores are not any more as they were when a batch was planned."""
    found = {
        store: store_calls.changed_relations(workspace.stores[store], planned, batch.scope)
        for store, planned in batch.relations.items()
        if store in workspace.stores
    }
    return {store: one for store, one in found.items() if one}


def refuse_errors(workspace: Workspace, batch: Batch, *, to_look: bool = False) -> Changed:
    """Inspect what a begun batch works with, and let errors block it; returns what is not as it was planned.

    Args:
        workspace: The stores.
        batch: It was begun.
        to_look: Nothing is erased by that: what rows of somebody say (`Finding.of_rows`) blocks nothing.

    Raises:
        FindingsError: There is an error that no dropped or renamed table explains.
        ConnectorError: A store cannot be asked.
    """
    try:
        workspace.refuse_errors(batch.scope)
    except FindingsError as error:
        workspace.refuse_unmapped_names()
        return _in_spite_of(error, workspace, batch, to_look=to_look)
    return changed(workspace, batch)


def _in_spite_of(error: FindingsError, workspace: Workspace, batch: Batch, *, to_look: bool) -> Changed:
    """What is not as it was planned, where that explains every error, or they are not of what is to be done."""
    raise_on_errors(installation_findings(workspace.settings))
    try:
        found = changed(workspace, batch)
    except StructureChangedError:
        raise error from None  # which says what is otherwise, and what to do
    following = workspace_following(workspace, found, batch.scope)
    findings = inspect_all(workspace.data_map, following.stores, workspace.backups, workspace.settings.stores_at_once)
    findings = [one for one in findings if not (to_look and one.of_rows)]
    try:
        raise_on_errors([one for one in findings if not _log_dropped(one, workspace.data_map)], batch.scope)
    except FindingsError:
        if all(one.settles for changes in found.values() for one in changes.values()):
            raise
        raise error from None  # without a table that is built otherwise, what points to it is found instead
    return found


def fit_to_settle(workspace: Workspace, batches: Sequence[Batch]) -> tuple[list[int], FindingsError | None]:
    """The batches whose settling checks can begin, and why those of the others cannot.

    Batches of one member that were planned on the same tables are judged once. Of whom something came back, `re_erase`
    asks more.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    try:
        workspace.refuse_errors()
    except FindingsError:
        pass
    else:
        return [one.id for one in batches], None
    alike: dict[tuple[Scope, str], list[Batch]] = {}
    for batch in batches:
        alike.setdefault((batch.scope, json.dumps(batch.relations, sort_keys=True)), []).append(batch)
    fit: list[int] = []
    refused = None
    for group in alike.values():
        try:
            refuse_errors(workspace, group[0], to_look=True)
        except FindingsError as error:
            refused = error
        else:
            fit += [one.id for one in group]
    return fit, refused


def _log_dropped(finding: Finding, data_map: DataMap) -> bool:
    """A log that is not there is not written either; plans know no relations of logs."""
    if finding.severity is not Severity.ERROR or finding.code != "table-missing" or finding.collection is None:
        return False
    return data_map.stores[finding.store].collection_specs()[finding.collection].log is not None
