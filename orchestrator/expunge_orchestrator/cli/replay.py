"""`expunge replay`: find erased people whom a restored store brought back, and plan their erasure again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.errors import ErasedPeopleBackError, PartlySearchedError
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.restores import replay_plans, returned_people
from expunge_orchestrator.restores.replay_plans import ReplayPlan
from expunge_orchestrator.workspace import opened

Store = Annotated[str, typer.Argument(help="The store that was restored, as the data map calls it.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("replay")(replay)


def replay(store: Store, as_json: output.Json = False) -> None:
    """Find erased people whom a restored store brought back, and plan to erase them again. Stores are only read.

    Run it after every restore, before the application starts. Every record of a person in the store is hashed and held
    against the hashes of the erased. Somebody is back if a record of theirs is as old as the erasure, and something is
    due that the request went for. Whoever was given the number of an erased person later is counted, and left alone.
    Each plan is a batch: look at it, and carry it out with `expunge erase`; then run this again.

    Ends 0 if nobody is back; 17 if somebody is; 13 if nobody is known to be, but of some people, or of a collection to
    which no record of a person leads, it cannot be told.

    Example: expunge replay main && systemctl start shop
    """
    with opened(load_settings(), installed()) as workspace:
        with output.progress(f"Persons read in {store}", None) as read:
            found = returned_people.find(workspace, store, read)
        number = sum(len(one.back) for one in found)
        with output.progress("planning", number or None) as planned:
            made = replay_plans.make(workspace, found, planned)
        unseen = returned_people.not_looked_at(workspace, store)
    if as_json:
        output.emit({"store": store, "requests": [_document(one) for one in made], "not_looked_at": unseen})
    else:
        _show(store, made)
        if unseen:
            names = ", ".join(unseen)
            output.console().print(f"[yellow]not looked at[/] {names}: no record of a person in {store} leads there.")
    _refuse(store, made, unseen)


def _document(one: ReplayPlan) -> dict[str, Any]:
    of = one.found.reach
    return {
        "controller": of.scope.controller,
        "member": of.scope.member,
        "data_types": None if of.data_types is None else sorted(of.data_types),
        "back": len(one.found.back),
        "nothing_due": one.found.nothing_due,
        "later": one.found.later,
        "unclear": one.found.unclear,
        "batch_id": one.batch and one.batch.uid,
        "plan_digest": one.batch and one.batch.plan_digest,
        "state": one.batch and one.batch.state.value,
    }


def _show(store: str, made: Sequence[ReplayPlan]) -> None:
    out = output.console()
    if not made:
        out.print(f"No record of a person in {store} has a key of anybody who was erased.")
        return
    rows = [
        (
            str(one.found.reach.scope),
            "everything" if one.found.reach.data_types is None else ", ".join(sorted(one.found.reach.data_types)),
            len(one.found.back),
            one.found.nothing_due,
            one.found.later,
            one.found.unclear,
            "" if one.batch is None else one.batch.uid,
        )
        for one in made
    ]
    columns = ("requests of", "went for", "back", "as it was left", "made later", "unclear", "plan")
    out.print(output.table(f"Erased people in {store}", columns, rows))
    if any(one.found.later for one in made):
        out.print("Made later: a record made after the erasure has the key. It is not the erased one: left alone.")
    for one in made:
        if one.batch is not None:
            verb = "approve" if one.batch.state is BatchState.AWAITING_APPROVAL else "erase"
            out.print(f"Nothing was touched. To carry it out: expunge {verb} {one.batch.uid}")


def _refuse(store: str, made: Sequence[ReplayPlan], unseen: Sequence[str]) -> None:
    unclear = sum(one.found.unclear for one in made)
    asked = (
        f" Of {output.people(unclear)} it cannot be told: docs/restores.md says why, and what to do." if unclear else ""
    )
    if back := sum(len(one.found.back) for one in made):
        raise ErasedPeopleBackError(
            f"{output.people(back)} who were erased, and of whom something is due again: {store} is not ready.",
            remedy=f"Carry out the plans above, and run this again before the application starts.{asked}",
        )
    if unclear:
        raise PartlySearchedError(
            f"Nobody is known to be back in {store}, and of {output.people(unclear)} it cannot be told.",
            remedy="docs/restores.md says why. Look at each with `expunge locate`, and plan whom it should not hold.",
        )
    if unseen:
        raise PartlySearchedError(
            f"Nobody is known to be back in {store}; {output.number_of(len(unseen), 'collection')} not looked at.",
            remedy="docs/restores.md says why. Plan again whom you know to have had records there.",
        )
