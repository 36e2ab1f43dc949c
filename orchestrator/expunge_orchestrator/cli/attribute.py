"""`expunge attribute`: end an ambiguity, by the word of two people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.contract import Scope
from expunge_connectors.registry import installed
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.cli import output
from expunge_orchestrator.ledger import attributions as ledger_attributions
from expunge_orchestrator.ledger.attributions import Attribution
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects import attributions
from expunge_orchestrator.subjects.attributions import Proposal
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import opened


class Whose(StrEnum):
    """Whose the records under a value are."""

    THEIRS = "theirs"
    OTHERS = "others"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="Say whose records are that are told as ambiguous; four eyes.")
    group.command("propose")(propose)
    group.command("approve")(approve)
    group.command("withdraw")(withdraw)
    group.command("list")(list_attributions)
    app.add_typer(group, name="attribute")


def propose(
    people: Annotated[
        str, typer.Argument(help="CSV of a person's id and a value: a file, or - for standard input.", metavar="CSV")
    ],
    controller: Annotated[str, typer.Option("--controller", "-c", help="Whose requests: acme, or client:42.")],
    whose: Annotated[
        Whose, typer.Option("--as", help="theirs: what stands under the value alone goes with this person.")
    ],
    reason: Annotated[str, typer.Option(help="How you know. Name no person here.")],
    as_json: output.Json = False,
) -> None:
    r"""Say that records known by a value alone are this person's, or are not. Nothing follows before it is approved.

    The list names a person by an id that is never re-used, and an e-mail, phone or the like that other people have as
    well. Both are kept as keyed hashes only. Records that name somebody else by an id stay theirs. Exit codes: 0 it
    waits for approval, 2 or 4 nothing was written.

    Example: expunge attribute propose values.csv -c acme --as theirs --reason 'Letter of 3 March'
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with output.people_from(people) as stream:
            listed = read_people(stream, workspace.data_map)
        wanted = Proposal(
            parse_scope(controller, workspace.data_map),
            attributions.person_and_values(listed, workspace.data_map),
            whose is Whose.THEIRS,
            output.words(reason, "--reason says how you know", "--reason 'Letter of 3 March'"),
        )
        with workspace.ledger.begin() as connection:
            made = attributions.propose(connection, wanted, Tagger(workspace.keys.suppression), current_actor(settings))
    if as_json:
        output.emit(_view(made))
    else:
        output.console().print(
            f"{made.uid} waits for somebody else, who looks at the same list: expunge attribute approve {made.uid} CSV"
        )


def approve(
    attribution: Annotated[str, typer.Argument(help="An attribution that waits for approval (at_…).")],
    people: Annotated[
        str, typer.Argument(help="The list that you looked at, as it was proposed: a file, or -.", metavar="CSV")
    ],
    as_json: output.Json = False,
) -> None:
    """Put an attribution in force, as a second person who did not propose it, with the list looked at.

    It counts for plans that are made and steps that are begun from now on. People of a batch that settles are looked at
    again by their settling check, by which they have to be erased: afterwards their identifiers are gone. `theirs`
    decides between the person and those who have the value now, whom the stores are asked for: who takes it later keeps
    what is under it. It goes with nobody else as long as the attribution stands. Exit codes: 0 in force, 2 it waits for
    no approval, 7 it is your own, the list is another one, or one in force says otherwise (withdraw that one first), 8
    a store cannot say who has the values.

    Example: expunge attribute approve at_1f0c3a5b7d9e values.csv
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        with output.people_from(people) as stream:
            listed = read_people(stream, workspace.data_map)
        looked_at = attributions.person_and_values(listed, workspace.data_map)
        approved = attributions.approve(workspace, attribution, looked_at, current_actor(settings))
    if as_json:
        output.emit(_view(approved))
    else:
        output.console().print(
            f"{approved.uid} is in force, approved by {escape(current_actor(settings))}."
            " Batches that settle: expunge run-due, when their time has come."
        )


def withdraw(
    attribution: Annotated[str, typer.Argument(help="An attribution (at_…).")],
    as_json: output.Json = False,
) -> None:
    """End an attribution. What was erased by it stays erased.

    Exit codes: 0 withdrawn, 2 there is none such.

    Example: expunge attribute withdraw at_1f0c3a5b7d9e
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace, workspace.ledger.begin() as connection:
        ended = attributions.withdraw(connection, attribution, current_actor(settings))
    if as_json:
        output.emit(_view(ended))
    else:
        output.console().print(f"{ended.uid} is withdrawn.")


def list_attributions(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    as_json: output.Json = False,
) -> None:
    """List attributions: who proposed them, who approved them, and why. No value is kept, so none is shown.

    Example: expunge attribute list --all
    """
    with opened(load_settings(), installed()) as workspace, reading(workspace.ledger) as connection:
        found = [one for one in ledger_attributions.listed(connection) if everything or one.withdrawn_at is None]
    if as_json:
        output.emit({"attributions": [_view(one) for one in found]})
        return
    if not found:
        output.console().print("No attributions.")
        return
    columns = ("attribution", "of", "values", "whose", "state", "reason", "proposed by", "approved by")
    rows = [
        (
            one.uid,
            str(Scope(one.controller, one.member)),
            one.values,
            (Whose.THEIRS if one.theirs else Whose.OTHERS).value,
            one.state,
            one.reason,
            one.asked_by,
            one.approved_by,
        )
        for one in found
    ]
    output.console().print(output.table("Attributions", columns, rows))


def _view(one: Attribution) -> dict[str, object]:
    return {
        "id": one.uid,
        "controller": str(Scope(one.controller, one.member)),
        "values": one.values,
        "as": (Whose.THEIRS if one.theirs else Whose.OTHERS).value,
        "state": one.state,
        "reason": one.reason,
        "proposed_by": one.asked_by,
        "proposed_at": one.asked_at,
        "approved_by": one.approved_by,
        "approved_at": one.approved_at,
        "withdrawn_by": one.withdrawn_by,
        "withdrawn_at": one.withdrawn_at,
    }
