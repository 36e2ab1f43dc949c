"""`expunge serve-demo`: the HTTP API on three real servers with the example company, to try it out."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from expunge_demo import loader, scenario, sidecar
from expunge_demo.calltrack import Company
from expunge_demo.dev_servers import Stack, stack
from expunge_demo.dev_servers.ports import LOOPBACK, is_free
from expunge_demo.errors import DemoError
from expunge_orchestrator.cli import output, run

ISSUER = "https://app.calltrack.example"
KEYS = (
    ("requester", ("--controller", "client:42")),
    ("requester", ("--controller", "calltrack")),
    ("operator", ()),
    ("approver", ()),
    ("auditor", ()),
    ("admin", ()),
)
"""Role and further arguments of `expunge api-keys add`."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve-demo")(serve_demo)


def serve_demo(
    port: Annotated[int, typer.Option(min=1, max=65534, help="Port of the API; the application gets the next.")] = 8080,
    people: Annotated[int, typer.Option(min=250, help="How many people the example company knows.")] = 1000,
    application: Annotated[
        Path | None,
        typer.Option(help="Also run the account-settings page of this directory.", metavar="DIR"),
    ] = None,
) -> None:
    r"""Serve the HTTP API on three real servers with a made-up company, with a key of each role.

    Everything listens on loopback, lies in a temporary directory, and is gone after Ctrl-C. Needs
    `pip install expunge\[api,demo]`.

    Example: expunge serve-demo --application docs/examples/account_settings
    """
    api, page = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{port + 1}"
    for one in (port, port + 1)[: 1 if application is None else 2]:
        if not is_free(one):
            raise DemoError(f"Port {one} is taken.", remedy="Name another with --port.")
    said = output.console()
    with (
        tempfile.TemporaryDirectory(prefix="expunge-serve-demo-") as path,
        stack() as servers,
        ExitStack() as beside_it,
    ):
        company = Company(seed=2026, people=people, now=datetime.now(UTC))
        said.print(f"Loading a made-up company of {people} people …")
        loaded = loader.load(company, servers.endpoints, servers.programs.postgres / "pg_dump")
        environment = scenario.settings_for(servers.endpoints, loaded, Path(path) / "expunge")
        environment |= {
            "EXPUNGE_API__ISSUERS__APP__KIND": "person",
            "EXPUNGE_API__ISSUERS__APP__ISSUER": ISSUER,
            "EXPUNGE_API__ISSUERS__APP__AUDIENCE": "expunge",
            "EXPUNGE_API__ISSUERS__APP__JWKS_URL": f"{page}/.well-known/jwks.json",
            "EXPUNGE_API__PROXIES": json.dumps([LOOPBACK]),  # the page says for which visitor it calls
        }
        shell = scenario.Shell(run, Path(path), environment, lambda _line: None)
        shell.ask("keys", "init")
        shell.ask("adopt", "cache")
        rows = [(role, " ".join(more[1:]) or "all", _key(shell, role, *more)) for role, more in KEYS]
        if application is not None:
            given = _application_environment(company, servers, api)
            beside_it.enter_context(sidecar.running(application, port + 1, given))
        said.print("\nAPI keys, shown once:")
        for role, whom, key in rows:
            said.print(f"  {role:10} {whom:10} {key}", soft_wrap=True)
        said.print(f"\nThe API: {api} (what it can do: {api}/openapi.json)", soft_wrap=True)
        if application is not None:
            said.print(f"The account-settings page: {page}", soft_wrap=True)
        said.print("Ctrl-C ends all of it.\n")
        shell.run("serve", "--port", str(port))
    said.print("Nothing is left running.")


def _key(shell: scenario.Shell, role: str, *more: str) -> str:
    """A key of somebody of that name and role, whom somebody else knows, too: else what one asks for waits for ever."""
    issuer, witness = (
        replace(shell, environment={**shell.environment, "EXPUNGE_ACTOR": name}) for name in ("issuer", "witness")
    )
    issued = issuer.ask("api-keys", "add", "--role", role, "--subject", role, *more)
    with redirect_stdout(io.StringIO()):
        witness.run("api-keys", "confirm", str(issued["id"]))
    return str(issued["secret"])


def _application_environment(company: Company, servers: Stack, api: str) -> dict[str, str]:
    """What the account-settings page reads from its environment."""
    showcase = company.showcase().user.id
    others = (one.user.id for one in company.holders() if not one.shares_phone and one.user.id != showcase)
    return {
        "EXPUNGE_URL": api,
        "ISSUER": ISSUER,
        "DATABASE_URL": servers.endpoints.postgres_url,
        "DEMO_PEOPLE": ",".join(map(str, (showcase, *islice(others, 4)))),
        "PLAIN_HTTP": "yes",
    }
