"""A key of another installation finds nothing of what this ledger keeps: every command says so before it begins."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import due, key, place
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.errors import FindingsError, KeysError
from expunge_reports import keys


@pytest.fixture
def cli(installation: Installation, fork_server: ForkServer) -> CliRunner:
    return CliRunner(installation.home, installation.calltrack.environment(installation.home), fork_server)


def of_another(file: Path) -> None:
    file.write_text(f"{secrets.token_hex(32)}\n")


def test_nobody_who_is_held_goes_under_a_suppression_key_of_another_ledger(
    installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)])
    installation.close()
    had = due(ann, inspector)
    of_another(installation.settings.keys / keys.SUPPRESSION_FILE)
    planned = cli.run("plan", "-", "--controller", "calltrack", stdin=ann.csv.encode())
    assert planned.code == KeysError.exit_code, planned
    assert "suppression.key" in planned.output
    assert due(ann, inspector) == had


@pytest.mark.parametrize("name", [keys.SUPPRESSION_FILE, keys.LOOKUP_FILE, keys.WRAPPING_FILE, keys.OPENING_FILE])
def test_no_command_works_with_it(
    installation: Installation, inspector: StoreInspector, cli: CliRunner, name: str
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    installation.close()
    file = installation.settings.keys / name
    own, had = file.read_bytes(), due(ann, inspector)
    of_another(file)
    for command in (
        ("erase", batch.uid, "--confirm", batch.plan_digest),
        ("run-due",),
        ("holds", "list"),
        ("holds", "place", "-", "--ground", "a claim"),
        ("api-keys", "add", "--role", "auditor"),
        ("serve", "--port", "1"),
    ):
        answer = cli.run(*command, stdin=ann.csv.encode())
        assert (answer.code, answer.out) == (KeysError.exit_code, ""), (command, answer)
        assert f"Not this ledger's: {name}" in answer.output
    assert due(ann, inspector) == had
    checked = cli.run("check", "--json")
    assert checked.code == FindingsError.exit_code
    (found,) = [one for one in json.loads(checked.out)["findings"] if one["severity"] == "error"]
    assert (found["code"], name in found["message"]) == ("keys-of-another-ledger", True)
    file.write_bytes(own)
    assert cli.run("erase", batch.uid, "--confirm", batch.plan_digest).code == 0
    assert due(ann, inspector) == {}
