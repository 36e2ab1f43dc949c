"""A hold whose names are not in the map (any more) would hold nothing: that blocks, instead of passing unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import GROUND, due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger import tables


@pytest.fixture(scope="module")
def cli(
    module_installation: Installation, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> CliRunner:
    environment = {**module_installation.calltrack.environment(module_installation.home), "EXPUNGE_ACTOR": "counsel"}
    return CliRunner(tmp_path_factory.mktemp("cli"), environment, fork_server)


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ({"data_type": "zyqv"}, "a data type"),
        ({"controller": "zyqv"}, "a controller"),
        ({"people": [key("user_id", 17)]}, "an identity"),
    ],
)
def test_a_hold_that_the_map_does_not_know_blocks(
    module_installation: Installation, cli: CliRunner, inspector: StoreInspector, named: dict[str, Any], kind: str
) -> None:
    """As it stands in the ledger after a name was changed in the map."""
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    had = due(ann, inspector)
    placed = place(module_installation, **named, undisclosed=True)
    if "people" in named:
        with module_installation.workspace.ledger.begin() as connection:
            connection.execute(
                sa.update(tables.hold).where(tables.hold.c.id == placed.hold.id).values(identities={"zyqv": "exact/1"})
            )
    checked = cli.run("check", "--json")
    assert checked.code == FindingsError.exit_code
    (found,) = [one for one in json.loads(checked.out)["findings"] if one["severity"] == "error"]
    assert (found["code"], found["store"]) == ("hold-unmapped", "ledger")
    assert f"names {kind} that" in found["message"]
    for word in ("zyqv", GROUND, placed.hold.uid, "undisclosed"):
        assert word not in checked.output
    for answer in (
        cli.run("plan", "-", "-c", "calltrack", stdin=ann.csv.encode()),
        cli.run("erase", batch.uid, "--confirm", batch.plan_digest),
        cli.run("run-due"),
    ):
        assert answer.code == FindingsError.exit_code, answer
        assert f"names {kind} that" in answer.output
    assert due(ann, inspector) == had
    (listed,) = json.loads(cli.run("holds", "list", "--json").out)["legal_holds"]
    assert listed["not_in_map"] == ["zyqv"]
    assert "zyqv" in cli.run("holds", "list").output
    lift(module_installation, placed)
    assert cli.run("check").code == 0
    assert cli.run("erase", batch.uid, "--confirm", batch.plan_digest).code == 0


def unread(cli: CliRunner, url: str) -> int:
    """How many findings say that the ledger was not read; `check` itself has passed."""
    checked = cli.run("check", "--json", settings={"EXPUNGE_LEDGER_URL": url})
    assert checked.code == 0, checked
    return sum(one["code"] == "ledger-unread" for one in json.loads(checked.out)["findings"])


def test_check_leaves_the_ledger_of_an_older_build_as_it_is(cli: CliRunner, tmp_path: Path) -> None:
    """One look with the new build, and the old one's commands would have refused to work."""
    url = f"sqlite:///{tmp_path}/ledger"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('0000')"))
    engine.dispose()
    Path(tmp_path, "ledger").chmod(0o600)
    as_it_was = Path(tmp_path, "ledger").read_bytes()
    assert unread(cli, url) == 1
    assert Path(tmp_path, "ledger").read_bytes() == as_it_was


def test_check_makes_no_ledger(cli: CliRunner, database: str) -> None:
    assert unread(cli, database.replace("postgresql://", "postgresql+psycopg://", 1)) == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_check_needs_no_ledger(cli: CliRunner) -> None:
    assert unread(cli, "postgresql+psycopg://nobody:x@127.0.0.1:9/none") == 1
