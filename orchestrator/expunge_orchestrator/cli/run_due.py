"""`expunge run-due`: run all due work: requests, settling checks, notifications. Idempotent; for cron."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import typer
from rich.markup import escape

from expunge_config.errors import ExpungeError
from expunge_config.settings import load_settings
from expunge_connectors.errors import ConnectorError, StoreClockError
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.copy_tracking import closed_requests
from expunge_orchestrator.copy_tracking.refresh import Refreshed, refresh
from expunge_orchestrator.errors import FindingsError, LedgerBusyError, NotErasedError
from expunge_orchestrator.execution import erasing_findings, hold_enforcement, settling_search, settling_time
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import notices, requests_due
from expunge_orchestrator.ledger.batches import batches
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.notifications import delivery, outbox
from expunge_orchestrator.planning import forgotten_plans
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.requests import scheduler
from expunge_orchestrator.retention import kept_gone
from expunge_orchestrator.retention.kept_gone import Looked
from expunge_orchestrator.workspace import Workspace, opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("run-due")(run_due)


def run_due(as_json: output.Json = False) -> None:
    """Do what has come due: requests, settling checks, interrupted batches, notices, looking at the backup copies.

    Safe to call at any time and as often as you like; one process at a time does the work. Where settling checks wait
    for a blind search (EXPUNGE_SEARCH), it searches last, after everything else that is due.

    Example: */10 * * * *  expunge run-due
    """
    with opened(load_settings(), installed()) as workspace:
        workspace.refuse_unmapped_names()
        begun = scheduler.start_due(workspace, now())
        unsettled = _in_state(workspace, [BatchState.EXECUTING, BatchState.SETTLING, BatchState.ERASED])
        refused = _start_settling(workspace)
        forgotten = forgotten_plans.forget_stale(workspace)
        released = hold_enforcement.release(workspace.ledger)
        erasing_findings.take_up(workspace)
        _run(workspace)
        searched, unsearched = _search_and_settle(workspace)
        done = len(unsettled & _in_state(workspace, [BatchState.SETTLED]))  # also what an interrupted run had begun
        scheduler.close_ended(workspace)
        outbox.enqueue_changes(workspace, now())
        while delivery.deliver_due(workspace, now):
            pass  # slow receivers get a little each time; there is no next look here
        kept_over, untold = _state_kept_gone(workspace)
        looked = refresh(workspace)
        closed = _close(workspace, looked)
        with reading(workspace.ledger) as connection:
            unsent = notices.outstanding(connection)
            failed = [one.uid for one in batches(connection, [BatchState.FAILED])]
            waiting = erasing_findings.waiting(connection, erasing_findings.CHECK)
            other_map = erasing_findings.waiting(connection, erasing_findings.OTHER_MAP)
            put_off = {one.uid: one.failure for one in requests_due.deferred(connection)}
    report = {
        "erasure_requests_started": begun,
        "people_searched_for": searched,
        "settling_checks": done,
        "people_of_whom_what_was_kept_is_gone": kept_over.gone,
        "people_of_whom_what_was_kept_is_left_or_unknown": kept_over.left,
        "people_closed": closed,
        "copies_found_gone": looked.gone,
        "places_of_copies_not_listed": {name: error.message for name, error in looked.unlisted.items()},
        "stale_plans_discarded": forgotten,
        "people_released_from_hold": released,
        "notices_waiting": unsent.waiting,
        "notices_given_up": unsent.given_up,
        "deferred_erasure_requests": put_off,
        "batches_waiting_for_check": waiting,
        "batches_waiting_for_map": other_map,
        "failed_batches": failed,
    }
    if as_json:
        output.emit(report)
    else:
        _show(report)
    if waiting:
        held_up = FindingsError(
            f"`check` shows errors: nothing is erased of {', '.join(waiting)} until it shows none.",
            remedy="Mend what `expunge check` names; the next `expunge run-due` goes on. Or: expunge cancel BATCH, and"
            " expunge end BATCH.",
        )
    elif other_map:
        held_up = FindingsError(
            f"The data map decides otherwise than when these were planned: {', '.join(other_map)}.",
            remedy="`expunge status BATCH` says of what. Run `expunge run-due` with the plan's map (EXPUNGE_DATA_MAP)"
            " until they are settled. Or: expunge cancel BATCH, and expunge end BATCH.",
        )
    else:
        held_up = None
    refused = unsearched or refused or held_up or untold or next(iter(looked.unlisted.values()), None)
    if refused is not None:
        raise refused
    if failed:
        raise NotErasedError(
            f"Failed batches: {', '.join(failed)}.",
            remedy="`expunge status BATCH` says what to mend; then: expunge retry BATCH. What nobody can mend is"
            " ended by: expunge end BATCH, which states what is left.",
        )


def _show(report: Mapping[str, Any]) -> None:
    told = output.console()
    if begun := report["erasure_requests_started"]:
        told.print(f"{output.number_of(begun, 'request')} begun.")
    for uid, why in report["deferred_erasure_requests"].items():
        told.print(f"[red]{uid}[/] could not be begun: {escape(str(why))}", soft_wrap=True)
    if searched := report["people_searched_for"]:
        told.print(f"Stores searched without the map for {output.people(searched)}.")
    done, forgotten = report["settling_checks"], report["stale_plans_discarded"]
    told.print(
        f"{output.number_of(done, 'settling check')} done, {output.number_of(forgotten, 'stale plan')} forgotten."
    )
    if kept := report["people_of_whom_what_was_kept_is_gone"]:
        told.print(f"What a law kept is gone, and stated so: {output.people(kept)}.")
    if left := report["people_of_whom_what_was_kept_is_left_or_unknown"]:
        told.print(
            f"What a law kept has had its day, and is there or cannot be told to be gone: {output.people(left)}. Looked"
            " for again tomorrow. Whether retention is armed and keeps up: expunge retention report"
        )
    if released := report["people_released_from_hold"]:
        told.print(f"Taken up after a hold: {output.people(released)}.")
    _show_copies(report)
    if uids := report["batches_waiting_for_check"]:
        told.print(f"Not erased from while `expunge check` shows errors: {', '.join(uids)}.", soft_wrap=True)
    if uids := report["batches_waiting_for_map"]:
        told.print(f"Not gone on with under another map than the plan's: {', '.join(uids)}.", soft_wrap=True)
    waiting, given_up = report["notices_waiting"], report["notices_given_up"]
    if waiting or given_up:
        told.print(f"Notices not delivered: {waiting} tried again later, {given_up} given up.")


def _show_copies(report: Mapping[str, Any]) -> None:
    if gone := report["copies_found_gone"]:
        output.console().print(f"Backup copies found to be gone: {gone}.")
    if closed := report["people_closed"]:
        output.console().print(f"Closed, for nothing of them is left in a store or a copy: {output.people(closed)}.")
    for place, why in report["places_of_copies_not_listed"].items():
        said = f"[red]{place}[/]: its backup copies could not be listed. {escape(why)}"
        output.console().print(said, soft_wrap=True)


def _search_and_settle(workspace: Workspace) -> tuple[int, ExpungeError | None]:
    """Search for those whose settling check waits for it, and settle them. Returns for how many, and why not."""
    try:
        searched = settling_search.search_due(workspace)
    except (FindingsError, ConnectorError) as error:
        return 0, error
    refused = _start_settling(workspace) if searched else None
    if searched:
        _run(workspace)
    return searched, refused


def _run(workspace: Workspace) -> None:
    try:
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(workspace, writer, RunObserver())
    except LedgerBusyError:
        output.stderr_console().print("Another process is running this ledger; it does what is due.")


def _state_kept_gone(workspace: Workspace) -> tuple[Looked, ExpungeError | None]:
    """State of whom what was kept is gone. Returns of how many, and why nobody was looked for."""
    try:
        looked = kept_gone.state_gone(workspace)
    except StoreClockError as error:
        return Looked(0, 0), error
    if looked.gone:
        _publish(workspace)
    return looked, None


def _close(workspace: Workspace, looked: Refreshed) -> int:
    """Close the requests of which nothing is anywhere any more; returns of how many people."""
    if number := closed_requests.close_due(workspace, looked):
        _publish(workspace)
    return number


def _publish(workspace: Workspace) -> None:
    try:
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            publish(workspace.ledger, writer, lambda _: None)
    except LedgerBusyError:
        pass  # who runs this ledger publishes it


def _start_settling(workspace: Workspace) -> ExpungeError | None:
    """Start the settling checks that are due; why some could not be. What was begun, withdrawn or ended goes on."""
    try:
        settling_time.start_due(workspace)
    except (FindingsError, ConnectorError) as error:
        return error
    return None


def _in_state(workspace: Workspace, states: Collection[BatchState]) -> set[int]:
    with reading(workspace.ledger) as connection:
        return {one.id for one in batches(connection, states)}
