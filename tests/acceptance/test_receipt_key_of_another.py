"""What the trust file would not believe is not signed: another receipt key, a retired one, one whose day is to come."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import due
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_reports import keys


def another_key(directory: Path, others: Path) -> None:
    keys.generate(others)
    (directory / keys.RECEIPT_FILE).write_bytes((others / keys.RECEIPT_FILE).read_bytes())


def trusted(member: str, days: int) -> Callable[[Path, Path], None]:
    def change(directory: Path, _: Path) -> None:
        told: Any = json.loads((directory / TRUST_FILE).read_text())
        told["receiptKeys"][0][member] = stamp(now() + timedelta(days=days))
        (directory / TRUST_FILE).write_text(json.dumps(told))

    return change


UNTRUSTED = {
    "another installation's": another_key,
    "retired": trusted("validUntil", -1),
    "believed from tomorrow on, or by a clock that is behind": trusted("validFrom", 1),
    "of a file that is none": lambda directory, _: (directory / TRUST_FILE).write_text("{}") and None,
}


@pytest.mark.parametrize("what", UNTRUSTED)
def test_nothing_is_done_that_no_receipt_could_show(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer, tmp_path: Path, what: str
) -> None:
    cli = CliRunner(installation.home, installation.calltrack.environment(installation.home), fork_server)
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    installation.close()
    directory, had = installation.settings.keys, due(ann, inspector)
    own = {name: (directory / name).read_bytes() for name in (keys.RECEIPT_FILE, TRUST_FILE)}
    UNTRUSTED[what](directory, tmp_path / "others")
    for command in (("erase", batch.uid, "--confirm", batch.plan_digest), ("run-due",), ("serve", "--port", "1")):
        answer = cli.run(*command)
        assert (answer.code, answer.out) == (KeysError.exit_code, ""), (command, answer)
        assert "trust file" in answer.output
    assert due(ann, inspector) == had
    for name, content in own.items():
        (directory / name).write_bytes(content)
    assert cli.run("erase", batch.uid, "--confirm", batch.plan_digest).code == 0
