"""`expunge retention arm` and `disarm`: give leave to delete by age what a plan showed, and take it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import NotConfirmedError, PlanChangedError
from expunge_orchestrator.ledger import sweeps
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.sweeps import AgePlanRow
from expunge_orchestrator.workspace import opened

_OLDEST = timedelta(days=7)
_MOST = 2**63 - 1  # the ledger holds no larger number
"""Nobody gives leave by an older plan: what it showed is not what is there."""


def arm(
    plan: Annotated[str, typer.Argument(help="A plan by age (rp_…), as `expunge retention plan` named it.")],
    at_most: Annotated[
        int | None,
        typer.Option(
            help="So many records may go in one sweep. Otherwise what the plan shows, and a tenth.", min=1, max=_MOST
        ),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(help="The plan's digest, instead of the question. For scripts.", metavar="DIGEST")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Let `expunge retention run` delete what is due by age, under this data map, until it is disarmed.

    Bound to the plan, to the data map, and to a number of records for each sweep: a sweep that would take more, or
    finds more due than the last plan foresaw, deletes nothing and asks. Rows that go with others, as a note with its
    call, and what rows name in other stores are not counted in it. Armed before, it is armed anew.

    Example: expunge retention arm rp_1f0c3a5b7d9e --at-most 20000
    """
    with opened(load_settings(), installed()) as workspace:
        actor = current_actor(workspace.settings)
        with reading(workspace.ledger) as connection:
            found = sweeps.plan_by_uid(connection, plan)
        if found.map_digest != workspace.map_digest or now() - found.at > _OLDEST:
            raise PlanChangedError(
                "The plan was made under another data map, or more than seven days ago: nothing was armed.",
                remedy="Plan again: expunge retention plan",
            )
        allowed = at_most if at_most is not None else found.goes + found.goes // 10 + 100
        if allowed < found.goes:
            raise UsageError(
                f"The plan shows {found.goes} records that would go, more than {allowed}: the first sweep would stop.",
                remedy="Give --at-most a larger number, or leave it out.",
            )
        _confirm(found, allowed, confirm)
        with workspace.ledger.begin() as connection:
            made = sweeps.arm(connection, found, allowed, actor, now())
    if as_json:
        output.emit({"id": made.uid, "plan": found.uid, "at_most": made.at_most, "armed_at": stamp(made.armed_at)})
    else:
        out = output.console()
        out.print(f"Armed: at most {output.number_of(made.at_most, 'record')} in a sweep. Now: expunge retention run")


def disarm(as_json: output.Json = False) -> None:
    """Take the leave back: nothing is deleted by age until it is armed again. A sweep at work stops at its next piece.

    Example: expunge retention disarm
    """
    with opened(load_settings(), installed()) as workspace:
        actor = current_actor(workspace.settings)
        with workspace.ledger.begin() as connection:
            ended = sweeps.disarm(connection, actor, now())
    if as_json:
        output.emit({"disarmed": ended})
    else:
        output.console().print("Disarmed: nothing is deleted by age." if ended else "It was not armed.")


def _confirm(plan: AgePlanRow, allowed: int, confirm: str | None) -> None:
    if confirm is not None:
        if confirm != plan.digest:
            raise NotConfirmedError(
                "Nothing was armed: the digest given is not the plan's.",
                remedy="`expunge retention plan --json` names the digest of a plan.",
            )
        return
    rows = [
        (f"{one['store']}.{one['collection']}", one["due"], one["goes"], one["oldest"] or "")
        for one in plan.places
        if one.get("due")
    ]
    title = f"Plan {plan.uid}: due by age, and what would go"
    output.stderr_console().print(output.table(title, ("collection", "due", "would go", "oldest start"), rows))
    question = (
        f"What goes cannot be had back; later sweeps may take up to {allowed} records each. Type the number of records"
        f" that would go now ({plan.goes}) to go on"
    )
    if not output.ask(question, str(plan.goes)):
        raise NotConfirmedError(
            "Nothing was armed.",
            remedy=f"Answer with that number, or in a script: expunge retention arm {plan.uid} --confirm {plan.digest}",
        )
