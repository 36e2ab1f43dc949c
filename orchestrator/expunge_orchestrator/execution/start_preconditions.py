"""Start preconditions: what must hold before a batch is begun or taken up, and why it is refused where it does not.

A plan says what would be erased, of which stores, under which map; somebody may have approved exactly that. Until it is
begun the map, the stores and the tables can change, and a ledger can be restored from an older copy: then the plan is
not carried out. Refused is, in this order:

- what waits for approval, or is paused;
- a ledger that is older than its log;
- of a plan: what `check` calls an error; another map than the plan's; a plan that is too old, or that was made or asked
  for later than now; another store, or other tables, than the plan was made for; a clock that is wrong by days;
- of a batch that was begun: a map that decides otherwise than the plan's; what `check` calls an error; a clock that is
  wrong by days;
- a request limited to data types whose rest hangs on what it would erase.

Nothing here writes. What a step looks at again, hours later, is in `step_context` (ADR 9).
"""

from __future__ import annotations

from datetime import datetime

from expunge_connectors.errors import StoreClockError
from expunge_orchestrator import data_type_closure, store_calls
from expunge_orchestrator.clock import now, parse
from expunge_orchestrator.errors import BatchBlockedError, PlanChangedError, StoreMismatchError
from expunge_orchestrator.execution import plans_map, stores_followed
from expunge_orchestrator.execution.step_context import describe_changed
from expunge_orchestrator.installation_setup import read_log
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.planning import approval
from expunge_orchestrator.workspace import Workspace
from expunge_reports.consistency import CLOCKS_DIFFER


def refuse_unfit(workspace: Workspace, batch: Batch) -> None:
    """What must hold whenever a batch is begun or taken up, beside what its plan was made on.

    Raises:
        BatchBlockedError: It waits for approval, or is paused.
        LedgerBehindError: The ledger is older than its log.
        FindingsError: `check` would show an error now; what was fine at planning time need not be.
        ConnectorError: A store cannot be asked, or its clock is wrong by days.
        PlanChangedError: The data map decides otherwise than the batch was planned with.
        IncompleteSelectionError: What the request leaves out hangs on what it would erase by now.
    """
    with reading(workspace.ledger) as connection:
        approval.require_approved(connection, batch)
    if batch.state is BatchState.PAUSED:
        raise BatchBlockedError("The batch is paused.", remedy=f"To go on: expunge resume {batch.uid}")
    require_log_in_sync(workspace.ledger, read_log(workspace.settings, workspace.data_map.operator, workspace.keys))
    if batch.state is BatchState.PLANNED:
        workspace.refuse_errors(batch.scope)
        return
    if found := plans_map.differences(workspace, batch):
        raise PlanChangedError(
            f"The data map decides otherwise than when this batch was planned, of {found.text}.",
            remedy="Finish it under the map it was planned with (EXPUNGE_DATA_MAP); where that is not possible any"
            f" more: expunge end {batch.uid}, or expunge cancel {batch.uid}. Then plan these people again.",
        )
    stores_followed.refuse_errors(workspace, batch)
    planned = {name: workspace.stores[name] for name in batch.identities if name in workspace.stores}
    store_calls.require_clocks(planned, workspace.settings.stores_at_once)
    data_type_closure.require_closed(batch.scope, workspace.data_map, workspace.stores, batch.data_types)


def planned_ground(workspace: Workspace, batch: Batch) -> dict[str, datetime]:
    """A plan is carried out on the ground it was made on, or not at all. Returns each store's clock as it is now.

    Raises:
        PlanChangedError: The data map is another one than at planning time, or the plan is too old.
        StoreMismatchError: A store or its tables are others than at planning time.
        ConnectorError: A store cannot be asked, its clock is wrong by days, or ours was set back.
        IncompleteSelectionError: What the request leaves out hangs on what it would erase by now.
    """
    if batch.map_digest != workspace.map_digest:
        raise PlanChangedError("The data map changed since the plan was made.", remedy="Make a new plan.")
    _require_asked_for(workspace, batch)
    if parse(batch.created_at) < now() - workspace.settings.plan_lifetime:
        raise PlanChangedError("The plan is too old: what it counted is no longer what is there.", remedy="Plan anew.")
    found = store_calls.gather(
        batch.identities,
        lambda store: (
            *store_calls.identity_and_time(store, workspace.stores[store]),
            store_calls.changed_relations(workspace.stores[store], batch.relations.get(store, {}), batch.scope),
        ),
        workspace.settings.stores_at_once,
    )
    for store, planned in batch.identities.items():
        if found[store][0].digest != planned:
            raise StoreMismatchError(
                f"The store {store} is not the one that the plan was made for.",
                remedy="Find out which store answers at its address. If it is the right one:"
                f" expunge cancel {batch.uid}, then plan these people again.",
            )
        if changed := found[store][2]:
            raise StoreMismatchError(
                f"The store {store} is not as it was when the plan was made: {describe_changed(changed)}.",
                remedy=f"expunge cancel {batch.uid}, then plan these people again.",
            )
    data_type_closure.require_closed(batch.scope, workspace.data_map, workspace.stores, batch.data_types)
    return {store: at for store, (_, at, _) in found.items()}


def _require_asked_for(workspace: Workspace, batch: Batch) -> None:
    """No receipt may say that people were looked for before they asked (`looked-before-receipt`).

    Raises:
        StoreClockError: By our clock the plan was made, or its request received, later than now.
    """
    with reading(workspace.ledger) as connection:
        request = requests.of_batch(connection, batch.id)
    times = [batch.created_at, *([] if request is None else [request.received_at])]
    if max(map(parse, times)) > now() + CLOCKS_DIFFER:
        raise StoreClockError(
            "The request was received later than the clock of this machine shows: it was set back.",
            remedy="Set the clock, if it is wrong now; otherwise wait, or cancel the batch and plan these people again."
            " Nothing was touched.",
        )
