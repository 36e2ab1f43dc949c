"""`expunge demo`: the whole demonstration on three real servers, checked by independent code."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from expunge_demo import ground_truth, loader, scenario
from expunge_demo.calltrack import Company
from expunge_demo.dev_servers import Endpoints, stack
from expunge_demo.errors import DemoError
from expunge_orchestrator.cli import output, run

BATCH = 500
CLIENT = 42


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(
    people: Annotated[int, typer.Option(min=1000, help="How many people the example company knows.")] = 10_000,
    keep: Annotated[
        Path | None, typer.Option(help="Keep ledger, keys, receipts and openings in this directory.", metavar="DIR")
    ] = None,
) -> None:
    r"""Show the whole promise on three real servers: one person, a batch of 500, the judge, and deletion by age.

    Starts Postgres, Valkey and an S3 server on loopback, loads a made-up call-tracking company, and types the commands
    that you would type. At the end a judge that shares no code with the connectors compares everything with how it was
    before. Nothing is left running; needs `pip install expunge\[demo]`.

    Example: expunge demo --keep demo-output
    """
    started = time.monotonic()
    said = output.console()

    def heading(text: str) -> None:
        said.rule(f"[bold]{escape(text)}", align="left")

    def show(text: str) -> None:
        said.print(f"\n[bold cyan]{escape(text)}[/]")

    with _directory(keep) as directory, stack() as servers:
        heading("Three servers and a company")
        made = Company(seed=2026, people=people, now=datetime.now(UTC))
        with _timed(said.print, "loaded"):
            loaded = loader.load(made, servers.endpoints, servers.programs.postgres / "pg_dump")
        said.print(
            f"{people} people: {loaded.rows} rows, {loaded.entries} Redis entries, {loaded.versions} object versions, "
            f"{len(loaded.copies)} backup copies"
        )
        settings = scenario.settings_for(servers.endpoints, loaded, directory / "expunge")
        shell = scenario.Shell(run, directory, settings, show)
        heading("An installation")
        shell.run("keys", "init")
        shell.run("adopt", "cache")
        shell.run("check")
        with _timed(said.print, "judge: looked at everything before"):
            before = ground_truth.snapshot(servers.endpoints)
        size = min(BATCH, len(made.callers_of(CLIENT)) // 2)
        one, many = directory / "one-person.csv", directory / "batch.csv"
        one.write_text(f"email\n{made.one_person()}\n", encoding="utf-8")
        many.write_text(made.batch_csv(CLIENT, size), encoding="utf-8")
        heading("One account holder, by e-mail")
        single = scenario.erase(shell, one, "calltrack")
        heading(f"{size} callers of one client, from a CSV")
        scenario.erase(shell, many, f"client:{CLIENT}")
        heading("The settling check, and what remains in backups")
        time.sleep(1.1)
        shell.run("run-due")
        shell.run("status")
        shell.run("copies", "list")
        heading("A receipt that outsiders verify offline")
        scenario.verify_receipt(shell, single, one)
        heading("The judge")
        with _timed(said.print, "judge: looked at everything after"):
            after = ground_truth.snapshot(servers.endpoints)
        violations = ground_truth.check(before, after, _erased(made, many))
        for violation in violations:
            said.print(f"[bold red]broken[/] {escape(str(violation))}")
        if violations:
            raise DemoError(f"{len(violations)} laws of the house are broken.")
        said.print(
            f"[bold green]The laws hold.[/] Nothing due of the {size + 1} is left; every other person's rows, keys and "
            "objects are as they were; both logs are as they were."
        )
        heading("What has had its time, whoever it is of")
        _delete_by_age(shell, servers.endpoints, said.print)
    said.print(f"[dim]{time.monotonic() - started:.0f} s in all; nothing is left running.[/]")
    if keep is not None:
        said.print(f"Kept in {keep}: receipt.html, receipt.json, openings, trust.json, ledger and log.")


def _delete_by_age(shell: scenario.Shell, places: Endpoints, say: Callable[[str], None]) -> None:
    due = ground_truth.due_by_age(places)
    scenario.delete_by_age(shell)
    if left := ground_truth.due_by_age(places):
        raise DemoError(f"Of {', '.join(left)} rows are there that have had their time.")
    of = f"{sum(due.values())} rows had had their time, of {', '.join(due)}"
    say(f"[bold green]The judge, again:[/] {of}; none is left.")


def _erased(made: Company, batch: Path) -> ground_truth.Erased:
    with batch.open(encoding="utf-8", newline="") as file:
        callers = frozenset(int(row["caller_id"]) for row in csv.DictReader(file))
    return ground_truth.Erased(users=frozenset({made.showcase().user.id}), callers=callers)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise DemoError("The directory to keep things in is not empty.", remedy="Give a new one.")
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="expunge-demo-") as path:
        yield Path(path)


@contextmanager
def _timed(say: Callable[[str], None], what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"[dim]{what} in {time.monotonic() - started:.1f} s[/]")
