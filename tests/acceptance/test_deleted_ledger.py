"""A ledger that was founded anew beside a log with entries, or restored, is told by every command that opens it."""

from __future__ import annotations

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.errors import LedgerBehindError, LedgerError
from expunge_orchestrator.workspace import opened

LIST = b"user_id\n1\n"
COMMANDS = (
    ("status",),
    ("plan", "-", "--controller", "calltrack"),
    ("locate", "-", "--controller", "calltrack"),
    ("erase", "bt_000000000000"),
    ("run-due",),
    ("serve", "--port", "1"),
    ("holds", "list"),
    ("holds", "place", "-", "--ground", "a claim"),
    ("api-keys", "list"),
    ("api-keys", "add", "--role", "auditor"),
    ("attribute", "list"),
)


@pytest.fixture
def cli(installation: Installation, inspector: StoreInspector, fork_server: ForkServer) -> CliRunner:
    """Commands of an installation that has erased somebody, and whose ledger is gone."""
    batch = installation.plan(make_holder(inspector).csv)
    installation.erase(batch)
    fresh = f"sqlite:///{installation.home / 'another.sqlite3'}"
    environment = {**installation.calltrack.environment(installation.home), "EXPUNGE_LEDGER_URL": fresh}
    return CliRunner(installation.home, environment, fork_server)


def test_no_command_works_beside_a_log_that_knows_more(cli: CliRunner) -> None:
    for command in COMMANDS:
        answer = cli.run(*command, stdin=LIST)
        assert answer.code == LedgerError.exit_code, (command, answer)
        assert "older than its own log" in answer.output, command
        assert answer.out == "", command


def test_a_workspace_is_not_opened_beside_it(installation: Installation, inspector: StoreInspector) -> None:
    installation.erase(installation.plan(make_holder(inspector).csv))
    with opened(installation.settings, installation.calltrack.registry):
        pass
    gone = installation.calltrack.settings(installation.home, ledger_url=f"sqlite:///{installation.home / 'new'}")
    with pytest.raises(LedgerBehindError), opened(gone, installation.calltrack.registry):
        pass
