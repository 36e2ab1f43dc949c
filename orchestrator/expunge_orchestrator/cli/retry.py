"""`expunge retry`: take up what failed, when its reason is mended; or, on somebody's word, what a cancel left."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.errors import NotConfirmedError
from expunge_orchestrator.execution import remainders
from expunge_orchestrator.ledger.batches import Batch, BatchState, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.requests import repository
from expunge_orchestrator.requests.retry import NOT_BEGUN, drifted, start_deferred
from expunge_orchestrator.subjects import residual_keys
from expunge_orchestrator.workspace import Workspace, opened

_FAILED = (BatchState.FAILED, BatchState.ON_HOLD)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("retry")(retry)


def retry(
    batch: Annotated[str, typer.Argument(help="A batch (bt_…).")],
    confirm: Annotated[
        str | None,
        typer.Option(help="Of a cancelled batch: its plan's digest, instead of the question.", metavar="DIGEST"),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Take up the failed part of a batch, and people whose hold is over. The rest of it is not touched.

    What was verified before the failure is asked again; nothing is stated twice. Of a batch that is over, and was
    cancelled half-way or met objects that the storage kept, what it left is taken up: shown first, and erased when
    somebody confirms it, in the collections in which something was left and nowhere else. A request's plan that was not
    begun is begun; if it is void (another store answers, and it is the right one), it is planned anew first. Exit codes
    as for `expunge erase`; 2 if nothing failed and nothing is left.

    Example: expunge retry bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
            left = residual_keys.number_of(connection, chosen.id) if chosen.state in remainders.RESTS else 0
            wanted = repository.of_batch(connection, chosen.id)
        if left:
            _confirm(workspace, chosen, left, confirm)
            chosen = remainders.take_up(workspace, chosen, current_actor(settings))
        elif wanted is not None and (chosen.state in NOT_BEGUN or drifted(workspace, wanted)):
            chosen = start_deferred(workspace, wanted, chosen, current_actor(settings), now())
        elif chosen.state not in _FAILED:
            raise UsageError(
                f"This batch is {chosen.state.value}: nothing of it failed.",
                remedy=f"expunge status {chosen.uid} shows how far it is.",
            )
        erase_verb.carry_out(workspace, chosen)
        view = erase_verb.report(workspace, chosen, as_json=as_json)
    erase_verb.refuse_unfinished(view)


def _confirm(workspace: Workspace, batch: Batch, people: int, confirm: str | None) -> None:
    """A cancel was somebody's word: what it left goes on somebody's word, who saw what it is."""
    if confirm is not None:
        if confirm != batch.plan_digest:
            raise NotConfirmedError(
                "Nothing was touched: the digest given is not the plan's.",
                remedy=f"Look at the batch again: expunge status {batch.uid}",
            )
        return
    with reading(workspace.ledger) as connection:
        left = remainders.of_batch(connection, batch)
    rows = [(f"{store}.{name}", one.people, one.records) for (store, name), one in left.items()]
    title = f"Batch {batch.uid} for {batch.scope} is over ({batch.state.value}). It left:"
    output.stderr_console().print(output.table(title, ("collection", "people", "records when last seen"), rows))
    question = f"This cannot be undone. Type the number of people of whom the rest goes ({people}) to go on"
    if not output.ask(question, str(people)):
        raise NotConfirmedError(
            remedy=f"Answer with that number, or in a script: expunge retry {batch.uid} --confirm {batch.plan_digest}"
        )
