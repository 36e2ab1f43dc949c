"""`expunge end`: end the people of a batch whom a store refuses for good, and name what is left."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import erase as erase_verb
from expunge_orchestrator.cli import output
from expunge_orchestrator.errors import NotConfirmedError, NotErasedError
from expunge_orchestrator.execution import operator_end
from expunge_orchestrator.ledger import stuck_people
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.rules.stuck_people import StuckPeople
from expunge_orchestrator.workspace import opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("end")(end)


def end(
    batch: Annotated[str, typer.Argument(help="A batch (bt_…) with people who failed after erasing had begun.")],
    confirm: Annotated[
        str | None, typer.Option(help="The plan's digest, instead of the question. For scripts.", metavar="DIGEST")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """End people whom a store refuses or keeps waiting. Nothing more is erased; the receipt lists what is left.

    Shows what is left, asks, and looks at every place once more. A person with something due left ends
    `partially-erased`: the receipt names each place, and the ledger keeps the keys to it, sealed, for a later request
    of the same person. A person with nothing due left ends as after any erasure. People for whom no store was asked to
    erase (`expunge cancel` withdraws them), and people on hold, are not ended. A paused batch need not be resumed. If
    the command is killed, give it again: it goes on. Exit codes: 0 ended, 1 not all are ended yet: a store could not be
    looked at (it is named; `expunge end` or `expunge retry` again), or `expunge run-due` ends them later; 7 not
    confirmed, 11 no person can be ended.

    Example: expunge end bt_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with reading(workspace.ledger) as connection:
            chosen = batch_by_uid(connection, batch)
            stuck = operator_end.stuck_people(connection, workspace, chosen)
        if stuck.number:
            _confirm(chosen, stuck, confirm)
        operator_end.end(workspace, chosen, current_actor(settings))
        erase_verb.attach(workspace, chosen, only=chosen.id)
        erase_verb.report(workspace, chosen, as_json=as_json)
        with reading(workspace.ledger) as connection:
            unended = operator_end.stuck_people(connection, workspace, chosen)
            waiting = stuck_people.count_ending(connection, chosen.id)
    for line in unended.others:
        output.stderr_console().print(line)
    if unended.number:
        raise NotErasedError(
            f"{output.people(unended.number)} of batch {chosen.uid} could not be ended.",
            remedy=f"Mend what the failure names, then: expunge end {chosen.uid}, or expunge retry {chosen.uid}",
        )
    if waiting:
        raise NotErasedError(
            f"{output.people(waiting)} of batch {chosen.uid} not ended yet: a place cannot be looked at now.",
            remedy=f"expunge status {chosen.uid} names what they wait for. `expunge run-due` ends them once that is"
            f" over; so does expunge end {chosen.uid}, typed again.",
        )


def _confirm(batch: Batch, stuck: StuckPeople, confirm: str | None) -> None:
    """What a store refuses is left on somebody's word, who saw what it is."""
    if confirm is not None:
        if confirm != batch.plan_digest:
            raise NotConfirmedError(
                "Nothing was ended: the digest given is not the plan's.",
                remedy=f"Look at the batch again: expunge status {batch.uid}",
            )
        return
    rows = [(f"{store}.{name}", one.people, one.records) for (store, name), one in stuck.places.items()]
    title = f"Batch {batch.uid} for {batch.scope}: of {output.people(stuck.number)} it would leave"
    output.stderr_console().print(output.table(title, ("collection", "people", "due when last seen"), rows))
    question = f"This cannot be undone. Type the number of people who are ended ({stuck.number}) to go on"
    if not output.ask(question, str(stuck.number)):
        raise NotConfirmedError(
            "Nothing was ended.",
            remedy=f"Answer with that number, or in a script: expunge end {batch.uid} --confirm {batch.plan_digest}",
        )
