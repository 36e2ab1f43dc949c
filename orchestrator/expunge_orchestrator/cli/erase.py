"""`expunge erase`: run a plan, or resume an interrupted one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.cli import plan as plan_verb
from expunge_orchestrator.cli import status as status_verb
from expunge_orchestrator.errors import BatchBlockedError, LedgerBusyError, NotConfirmedError, NotErasedError
from expunge_orchestrator.execution import batch_lifecycle, hold_enforcement, operator_retry
from expunge_orchestrator.execution.runner import RunObserver, rests, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.json_views import batch_view
from expunge_orchestrator.ledger.batch_status import chunk_states, chunks_of
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import RUNNING, BatchState, ChunkState
from expunge_orchestrator.receipts.standard_sentences import ENDED_BY_OPERATOR, LEFT_BEFORE
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.rules.resolution_answers import what_helps
from expunge_orchestrator.workspace import Workspace, opened

WAIT_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("erase")(erase)


def erase(  # noqa: PLR0913, PLR0917 - the options of the command
    batch: Annotated[str | None, typer.Argument(help="A planned, interrupted or failed batch (bt_…).")] = None,
    people: Annotated[
        str | None, typer.Option("--people", help="Plan from this CSV first (a file, or - for standard input).")
    ] = None,
    controller: Annotated[str | None, typer.Option("--controller", "-c", help="With --people: who asks.")] = None,
    data_type: Annotated[
        list[str] | None, typer.Option("--data-type", "-t", help="With --people: only data of this type (repeatable).")
    ] = None,
    received_at: Annotated[
        str | None,
        typer.Option(
            help="With --people: when they asked, a day or a time with its zone, as for `expunge plan`.",
            metavar="DAY|TIME",
        ),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(help="The plan's digest, instead of the question. For scripts.", metavar="DIGEST")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Carry out a plan: delete or tombstone, verify, issue receipts.

    Shows the plan and asks first, unless the plan's digest is given. A batch that was interrupted or failed is taken up
    where it stopped: the same command again; a digest that is given is compared then, too. Ends 0 only if nothing due
    was left of anybody.

    Example: expunge erase bt_1f0c3a5b7d9e --confirm 5fb46d0e…
    """
    if (batch is None) == (people is None):
        raise UsageError("Give either a batch or --people.", remedy="`expunge status` lists the batches.")
    with opened(load_settings(), installed()) as workspace:
        if people is not None:
            if controller is None:
                raise UsageError(
                    "--people needs --controller.", remedy="Say who asks: --controller calltrack, or client:42."
                )
            chosen = plan_verb.make(workspace, people, controller, data_type, received_at)
        else:
            if data_type:
                raise UsageError(
                    "--data-type needs --people: a planned batch says itself what it is limited to.",
                    remedy="Plan anew with --people, or leave --data-type away.",
                )
            if received_at is not None:
                raise UsageError(
                    "--received-at needs --people: a planned batch knows when its people asked.",
                    remedy="Plan anew with --people, or leave --received-at away.",
                )
            with reading(workspace.ledger) as connection:
                chosen = batch_by_uid(connection, str(batch))
        if chosen.state in {BatchState.CANCELLED, BatchState.CANCELLING}:
            raise UsageError("This batch was cancelled.", remedy="Plan the people again.")
        if confirm is not None:
            _compare(chosen, confirm)
        elif chosen.state is BatchState.PLANNED:
            _ask(chosen)
        carry_out(workspace, chosen)
        ended = report(workspace, chosen, as_json=as_json)
    refuse_unfinished(ended)


def report(workspace: Workspace, batch: Batch, *, as_json: bool) -> dict[str, Any]:
    """Show how a batch is now, and return it as machines are told."""
    with reading(workspace.ledger) as connection:
        again = batch_by_uid(connection, batch.uid)
    view = batch_view(workspace, again)
    if as_json:
        output.emit(view)
    else:
        status_verb.show(view)
    return view


def refuse_unfinished(view: Mapping[str, Any]) -> None:
    """End with an error unless nothing due was left of anybody.

    Raises:
        BatchBlockedError: Somebody paused the batch.
        NotErasedError: It failed, was cancelled, or somebody in it is ambiguous.
    """
    uid, outcomes = view["id"], view["outcomes"]
    if view["state"] == BatchState.PAUSED:
        raise BatchBlockedError(f"Batch {uid} is paused.", remedy=f"To go on: expunge resume {uid}")
    if view["state"] == BatchState.ON_HOLD:
        raise BatchBlockedError(
            f"Batch {uid}: {output.people(outcomes.get(Result.ON_HOLD.value, 0))} on hold.",
            remedy="When the hold is lifted or has run out, `expunge run-due` goes on.",
        )
    if view["state"] in RUNNING:
        stuck = any(one["state"] == ChunkState.FAILED for one in view["chunks"])
        raise NotErasedError(
            f"Batch {uid} is not finished: {output.people(outcomes.get('open', 0))} open.",
            remedy=f"Mend what the failure names, then: expunge retry {uid}. What nobody can mend: expunge end {uid}"
            if stuck
            else "`expunge run-due` goes on with it as soon as it can.",
        )
    if view["state"] == BatchState.FAILED:
        raise NotErasedError(
            f"Batch {uid} failed; nobody in its failed chunks is called erased.",
            remedy=f"Mend what the failure names, then: expunge retry {uid}. What nobody can mend (a store refuses for"
            f" good, or is another one by now) is ended by: expunge end {uid}",
        )
    if cancelled := outcomes.get(Result.CANCELLED.value, 0):
        raise NotErasedError(
            f"Batch {uid}: {output.people(cancelled)} withdrawn; nothing of theirs was erased.",
            remedy="To erase them after all, plan these people again: expunge plan",
        )
    if left := sum(view["reasons"].get(one, 0) for one in ENDED_BY_OPERATOR):
        raise NotErasedError(
            f"Batch {uid}: {output.people(left)} ended by an operator; `left` says where something due is still there.",
            remedy="A later request of the same person, by an id that proves it, can erase it: expunge plan",
        )
    if left := sum(number for reason, number in view["reasons"].items() if reason.startswith(LEFT_BEFORE)):
        raise NotErasedError(
            f"Batch {uid}: of {output.people(left)} something may still be there that an earlier request left.",
            remedy="Plan with the own id of whom that request was about, and every other identifier that it had and"
            " nobody else has by now, in one line.",
        )
    if refused := outcomes.get(Result.AMBIGUOUS.value, 0):
        raise NotErasedError(
            f"{refused} of {output.people(view['people'])} {'is' if refused == 1 else 'are'} ambiguous; nothing of"
            " theirs was touched.",
            remedy=what_helps(view["reasons"]),
        )


def carry_out(workspace: Workspace, batch: Batch) -> None:
    """Begin, or bring back what had failed, and run with a progress bar.

    What had failed runs last: it may have waited for somebody whose hold is over, and who goes now. Where another
    process is running this ledger it does the work, and this one waits for the batch to end.
    """
    batch_lifecycle.start(workspace, batch)
    with reading(workspace.ledger) as connection:
        had_failed = any(one["state"] == ChunkState.FAILED for one in chunk_states(connection, batch))
    hold_enforcement.release(workspace.ledger)
    with reading(workspace.ledger) as connection:
        at_work = batch_by_uid(connection, batch.uid).state in RUNNING
    if had_failed:
        if at_work:
            attach(workspace, batch)
        operator_retry.retry(workspace, batch)
    attach(workspace, batch)


def attach(workspace: Workspace, batch: Batch, *, only: int | None = None) -> None:
    """Run what can run (of one batch, if it is named), or wait for the process that does, until the batch rests."""
    while True:
        try:
            with (
                open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer,
                _bar(workspace, batch) as watch,
            ):
                return run(workspace, writer, watch, only=only)
        except LedgerBusyError:
            time.sleep(WAIT_SECONDS)
            with reading(workspace.ledger) as connection:
                if rests(connection, workspace, batch):
                    return None


@contextmanager
def _bar(workspace: Workspace, batch: Batch) -> Iterator[RunObserver]:
    until = pipeline.first(batch.pipeline, pipeline.CONCLUDE) + 1
    total = chunks_of(workspace.ledger, batch) * until
    finished = 0
    with output.progress("erasing", total) as done:

        def step_done(_chunk: int, _step: str) -> None:
            nonlocal finished
            finished += 1
            done(min(finished, total))

        yield RunObserver(step_done)


def _compare(batch: Batch, digest: str) -> None:
    if digest != batch.plan_digest:
        raise NotConfirmedError(
            "Nothing was begun or taken up: the digest given is not the plan's.",
            remedy=f"Look at the plan again: expunge status {batch.uid}",
        )


def _ask(batch: Batch) -> None:
    plan_verb.show(batch)
    touched = batch.plan["people"] - batch.plan["ambiguous"] - batch.plan["not_found"]
    question = f"This cannot be undone. Type the number of people whose records go ({touched}) to go on"
    if not output.ask(question, str(touched)):
        raise NotConfirmedError(
            remedy=f"Answer with that number, or in a script: expunge erase {batch.uid} --confirm DIGEST"
        )
