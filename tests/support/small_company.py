"""Two people in a database, a map, and commands as people type them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


class Company:
    """Two people in a database, a map, and commands as people type them."""

    def __init__(self, database: str, home: Path, fork_server: ForkServer, document: dict[str, Any], tables: str):
        execute(database, f"CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2); {tables}")
        write_document(home / "datamap.yaml", document)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
        ours = {"PYTHONPATH": ":".join(sys.path), "EXPUNGE_SETTLING": "PT0S"}
        ours |= {f"EXPUNGE_STORES__{name.upper()}__URL": database for name in document["stores"]}
        self.cli = CliRunner(home, plain | ours, fork_server)
        succeeded(self.cli.run("keys", "init"))

    def plan(self, people: bytes) -> dict[str, Any]:
        planned: dict[str, Any] = json.loads(succeeded(self.cli.run("plan", "-", "-c", "acme", "--json", stdin=people)))
        return planned

    def erase(self, plan: dict[str, Any]) -> CliResult:
        return self.cli.run("erase", plan["id"], "--confirm", plan["digest"])

    def status(self, plan: dict[str, Any]) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(succeeded(self.cli.run("status", plan["id"], "--json")))
        return status
