"""A clock of this machine that is set wrong between two commands: nothing is done that a receipt would date wrongly."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import due
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_reports import trust
from expunge_reports.verify.verdict import Verdict
from expunge_reports.verify.verifier import verify

_SET = """
import sys
from datetime import timedelta
import expunge_orchestrator.clock as clock
right = clock.now
def wrong(right=right, by=timedelta(seconds={seconds})):
    return right() + by
for module in list(sys.modules.values()):
    if getattr(module, "now", None) is right:
        module.now = wrong
"""


@pytest.fixture
def cli(installation: Installation, fork_server: ForkServer) -> CliRunner:
    return CliRunner(installation.home, installation.calltrack.environment(installation.home), fork_server)


def run(cli: CliRunner, by: timedelta, *arguments: str, stdin: str = "") -> CliResult:
    """Run a command by a clock that is wrong by so much."""
    code = _SET.format(seconds=by.total_seconds()) if by else ""
    return cli.run(*arguments, stdin=stdin.encode(), settings={"EXPUNGE_SETTLING": "PT0S"}, code=code)


RIGHT, DECADE = timedelta(0), timedelta(days=3650)


def planned(cli: CliRunner, people: str, by: timedelta = RIGHT) -> tuple[str, str]:
    made = json.loads(run(cli, by, "plan", "-", "--controller", "calltrack", "--json", stdin=people).out)
    return made["id"], made["digest"]


def receipt(cli: CliRunner, installation: Installation, batch: str, to: Path) -> Verdict:
    (one,) = json.loads(cli.run("receipts", "list", "--batch", batch, "--json").out)["receipts"]
    assert cli.run("receipts", "export", one["id"], "-o", str(to)).code == 0
    at = installation.calltrack.company.now + timedelta(days=1)
    return verify(to.read_bytes(), trust.parse((installation.settings.keys / TRUST_FILE).read_bytes()), [], at)


@pytest.mark.parametrize("by", [DECADE, timedelta(days=-2)], ids=["ahead", "behind"])
def test_no_settling_check_begins_by_it(
    installation: Installation, inspector: StoreInspector, cli: CliRunner, tmp_path: Path, by: timedelta
) -> None:
    ann = make_holder(inspector)
    batch, digest = planned(cli, ann.csv)
    assert run(cli, RIGHT, "erase", batch, "--confirm", digest).code == 0
    installation.close()
    trusted = installation.settings.keys / TRUST_FILE
    own = trusted.read_text()
    trusted.write_text(json.dumps({**(told := json.loads(own)), "receiptKeys": [
        {**told["receiptKeys"][0], "validFrom": "2020-01-01T00:00:00Z"}]}))  # fmt: skip
    answer = run(cli, by, "run-due")
    if by > RIGHT:
        assert answer.code == ConnectorError.exit_code, answer
        assert "differ by more than a day" in answer.output
    assert [one.event for one in receipt(cli, installation, batch, tmp_path / "r.json").statements][-1] != "settled"
    assert run(cli, RIGHT, "run-due").code == 0
    verdict = receipt(cli, installation, batch, tmp_path / "r.json")
    assert ([one.event for one in verdict.statements][-1], verdict.authentic) == ("settled", True)


def test_what_was_begun_is_not_taken_up_by_it(
    installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    ann = make_holder(inspector)
    with inspector.postgres() as connection:
        refusing = f"""
            CREATE FUNCTION public.refuses() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no'; END $$;
            CREATE TRIGGER refuses BEFORE UPDATE ON public.users FOR EACH ROW
            WHEN (OLD.id = {ann.id}) EXECUTE FUNCTION public.refuses()
        """
        connection.execute(refusing.encode())
    try:
        batch, digest = planned(cli, ann.csv)
        assert run(cli, RIGHT, "erase", batch, "--confirm", digest).code == 1
    finally:
        with inspector.postgres() as connection:
            connection.execute("DROP FUNCTION public.refuses() CASCADE")
    had = due(ann, inspector)
    for command in (("retry", batch), ("erase", batch, "--confirm", digest)):
        run(cli, DECADE, *command)
    assert due(ann, inspector) == had
    assert run(cli, RIGHT, "retry", batch).code == 0
    assert due(ann, inspector) == {}


def test_nothing_begins_before_it_was_asked_for(
    installation: Installation, inspector: StoreInspector, cli: CliRunner, tmp_path: Path
) -> None:
    """The clock was an hour ahead when it was planned; by now that hour is not over."""
    ann = make_holder(inspector)
    batch, digest = planned(cli, ann.csv, timedelta(hours=1))
    had = due(ann, inspector)
    answer = run(cli, RIGHT, "erase", batch, "--confirm", digest)
    assert answer.code == ConnectorError.exit_code, answer
    assert "was set back" in answer.output
    assert due(ann, inspector) == had
    assert run(cli, RIGHT, "cancel", batch).code == 0
    verdict = receipt(cli, installation, batch, tmp_path / "r.json")
    assert ([one.event for one in verdict.statements], verdict.contradictions) == (["accepted", "cancelled"], ())
