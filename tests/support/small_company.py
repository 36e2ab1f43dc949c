"""Two people in a database, a map, and commands as people type them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.inspections import SHARED_IN
from tests.support.postgres.company import execute

from expunge_reports import trust
from expunge_reports.statement import Statement
from expunge_reports.verify import verifier


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


def installed(
    home: Path, fork_server: ForkServer, document: Mapping[str, Any], urls: Mapping[str, str], **settings: str
) -> CliRunner:
    """Commands for a map as somebody types them who has made the keys: nothing else of this process's settings holds.

    They share their inspections (`inspections`), which look anew at tables that were altered.

    Args:
        home: Where they are typed, and the map is.
        fork_server: Starts them.
        document: The map.
        urls: Of its stores, by name.
        settings: Further ones, without `EXPUNGE_`. Settling is due at once.
    """
    write_document(home / "datamap.yaml", document)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    ours = {"SETTLING": "PT0S"} | {f"STORES__{name.upper()}__URL": url for name, url in urls.items()} | settings
    ours = {f"EXPUNGE_{name}": value for name, value in ours.items()}
    if not fork_server.fresh_inspections:
        (home / ".inspections").mkdir(exist_ok=True)
        ours[SHARED_IN] = str(home / ".inspections")
    cli = CliRunner(home, plain | ours | {"PYTHONPATH": ":".join(sys.path)}, fork_server)
    succeeded(cli.run("keys", "init", "--trust", "trust.json"))
    return cli


def statements_of(cli: CliRunner, series: str) -> list[Statement]:
    """The statements of a receipt, which the offline verifier accepts: intact, and without a contradiction."""
    succeeded(cli.run("receipts", "export", series, "-o", f"{series}.json"))
    data, vouched = ((cli.directory / name).read_bytes() for name in (f"{series}.json", "trust.json"))
    verdict = verifier.verify(data, trust.parse(vouched), [], datetime.now(UTC))
    assert (verdict.reason, verdict.contradictions) == (None, ())
    return list(verdict.statements)


def only_receipt(cli: CliRunner) -> list[Statement]:
    """The statements of the one receipt that there is."""
    [one] = json.loads(succeeded(cli.run("receipts", "list", "--json")))["receipts"]
    return statements_of(cli, one["id"])


class Company:
    """Two people in a database, a map, and commands as people type them."""

    def __init__(self, database: str, home: Path, fork_server: ForkServer, document: dict[str, Any], tables: str):
        execute(database, f"CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2); {tables}")
        self.cli = installed(home, fork_server, document, dict.fromkeys(document["stores"], database))

    def plan(self, people: bytes) -> dict[str, Any]:
        planned: dict[str, Any] = json.loads(succeeded(self.cli.run("plan", "-", "-c", "acme", "--json", stdin=people)))
        return planned

    def erase(self, plan: dict[str, Any]) -> CliResult:
        return self.cli.run("erase", plan["id"], "--confirm", plan["digest"])

    def status(self, plan: dict[str, Any]) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(succeeded(self.cli.run("status", plan["id"], "--json")))
        return status
