"""`expunge api-keys`: API keys: add, confirm, list, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.auth.principals import GIVEN, Role
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.json_views import api_key_view
from expunge_orchestrator.ledger import audit_log, page_cursors
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import approval
from expunge_orchestrator.workspace import opened


def register(app: typer.Typer) -> None:
    """Add the verb."""
    group = typer.Typer(no_args_is_help=True, help="API keys of systems and staff: add, confirm, list, revoke.")
    group.command("add")(add)
    group.command("confirm")(confirm)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    app.add_typer(group, name="api-keys")


def add(  # noqa: PLR0913, PLR0917 - options
    role: Annotated[list[str], typer.Option("--role", "-r", help="requester, operator, approver, auditor or admin.")],
    controller: Annotated[
        list[str] | None,
        typer.Option(
            "--controller", "-c", help="Whom it may speak for (client:42; client: all of them). Default: all."
        ),
    ] = None,
    holder: Annotated[
        str | None, typer.Option(help="A second key for somebody who has one: their actor (ak_…).", metavar="ACTOR")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Whose it is: their login name, or actor (us_…).", metavar="PERSON")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until it ends. Default: until revoked.")
    ] = 365,
    as_json: output.Json = False,
) -> None:
    """Issue an API key. The secret is shown once and is nowhere else; the ledger keeps a hash.

    The person who issues a key counts as one behind it, and cannot approve what it asks for. A key with the role
    approver approves nothing before a second person has confirmed it.

    Example: expunge api-keys add --role requester --controller client:42
    """
    known = {one.value: one for one in GIVEN}
    strange = [one for one in role if one not in known]
    if strange:
        raise UsageError(f"Unknown roles: {', '.join(strange)}.", remedy=f"Roles are {', '.join(known)}.")
    with opened(load_settings(), installed()) as workspace:
        reaches = None if not controller else [api_keys.controller_scope(one, workspace.data_map) for one in controller]
        at, by = now(), current_actor(workspace.settings)
        with workspace.ledger.begin() as connection:
            secret, key = api_keys.issue(
                connection,
                roles=[known[one] for one in role],
                controllers=reaches,
                holder=holder,
                expires_at=None if days is None else at + timedelta(days=days),
                by=by,
                at=at,
                subject=subject,
            )
            audit_log.append(connection, at, "command line", "api_key.issue", key.uid)
    if as_json:
        output.emit({**api_key_view(key), "secret": secret})
        return
    out = output.console()
    out.print(f"{secret}", soft_wrap=True)
    output.stderr_console().print(
        f"Shown once. Key {key.uid} of {key.actor}; to end it: expunge api-keys revoke {key.uid}"
    )
    if Role.APPROVER in key.roles:
        output.stderr_console().print(
            f"It approves nothing before somebody else confirms it: expunge api-keys confirm {key.uid}"
        )


def confirm(key: Annotated[str, typer.Argument(help="A key's id, as `expunge api-keys list` shows it.")]) -> None:
    """Confirm, as a second person, that a key is in the hands of its holder: from then on it may approve.

    Exit codes: 0 confirmed, 2 there is none such in force, 7 you issued it yourself, or it is yours.

    Example: expunge api-keys confirm 4f0c3a5b7d9e1f0c
    """
    settings = load_settings()
    with opened(settings, installed()) as workspace:
        at = now()
        with workspace.ledger.begin() as connection:
            confirmed = api_keys.confirm(connection, key, current_actor(settings), at)
            audit_log.append(connection, at, "command line", "api_key.confirm", confirmed.uid)
    output.console().print(f"Key {confirmed.uid} is confirmed since {confirmed.confirmed_at}.")


def list_keys(
    limit: output.Limit = page_cursors.MOST, cursor: output.Cursor = None, as_json: output.Json = False
) -> None:
    """List API keys, without their secrets.

    Example: expunge api-keys list
    """
    with opened(load_settings(), installed()) as workspace, reading(workspace.ledger) as connection:
        page = api_keys.list_page(connection, output.after(cursor), limit + 1)
    found = [one for _, one in page[:limit]]
    next_cursor = page_cursors.cursor(page[limit - 1][0]) if len(page) > limit else None
    if as_json:
        output.emit({"api_keys": [api_key_view(one) for one in found], "next_cursor": next_cursor})
        return
    rows = [
        (
            one.uid,
            one.actor,
            ", ".join(one.roles),
            "all" if one.controllers is None else ", ".join(one.controllers),
            one.subject,
            one.created_at,
            one.confirmed_at,
            one.expires_at,
            one.revoked_at,
        )
        for one in found
    ]
    columns = ("key", "holder", "roles", "controllers", "of", "issued", "confirmed", "ends", "revoked")
    output.console().print(output.table("API keys", columns, rows))
    output.say_more(next_cursor)


def revoke(key: Annotated[str, typer.Argument(help="A key's id, as `expunge api-keys list` shows it.")]) -> None:
    """End an API key at once and for good.

    Plans that it approved and that were not begun wait for approval again; what was begun on its word and has erased
    nothing is paused.

    Example: expunge api-keys revoke 4f0c3a5b7d9e1f0c
    """
    with opened(load_settings(), installed()) as workspace:
        at = now()
        with workspace.ledger.begin() as connection:
            ended = approval.revoke_key(connection, key, current_actor(workspace.settings), at)
            audit_log.append(connection, at, "command line", "api_key.revoke", ended.uid)
    output.console().print(f"Key {ended.uid} is revoked since {ended.revoked_at}.")
