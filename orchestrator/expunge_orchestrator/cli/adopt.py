"""`expunge adopt`: give a store without an identity of its own a sentinel."""

from __future__ import annotations

from typing import Annotated

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.contract import Adoptable
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.workspace import connected, load_map


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("adopt")(adopt)


def adopt(
    store: Annotated[str, typer.Argument(help="A store of the data map, e.g. cache.")], as_json: output.Json = False
) -> None:
    """Plant a sentinel in a store that cannot tell by itself which one it is (Redis, Valkey).

    Plans are bound to it, so that a swapped or restored server behind the same address is noticed. Writes one key.

    Example: expunge adopt cache
    """
    settings = load_settings()
    registry = installed()
    data_map = load_map(settings, registry)
    with connected(settings, data_map, registry) as (stores, _):
        connector = stores.get(store)
        if connector is None:
            raise UsageError("The data map has no such store.", remedy=f"Stores are {', '.join(stores)}.")
        if not isinstance(connector, Adoptable):
            raise UsageError(
                "This store has an identity of its own: there is nothing to adopt.", remedy="Go on: expunge check"
            )
        identity = connector.adopt()
    if as_json:
        output.emit({"store": store, "kind": identity.kind, "identity": identity.digest})
    else:
        output.console().print(f"{store} is known from now on as {identity.digest}.")
