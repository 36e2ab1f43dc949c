"""What was true when a batch stopped need not be true when it is taken up: nothing is said on stale ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import FaultyConnector
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_config.settings import Settings
from expunge_connectors.contract import CopyListing
from expunge_connectors.errors import TerminalError
from expunge_connectors.registry import installed
from expunge_orchestrator import backup_copies
from expunge_orchestrator.errors import FindingsError, PlanChangedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import forgotten_plans
from expunge_orchestrator.workspace import Workspace, opened


def without_backups(installation: Installation) -> Workspace:
    """A workspace whose backup places refuse: `conclude` and `settle` fail, everything before them does not."""

    def refuse() -> CopyListing:
        raise TerminalError("store dumps: refused for a test.")

    workspace = installation.workspace
    refusing: dict[str, Any] = {name: FaultyConnector(one, copies=refuse) for name, one in workspace.backups.items()}  # type: ignore[arg-type]
    return replace(workspace, backups=refusing)


def changed_map(installation: Installation, change: Callable[[dict[str, Any]], None]) -> Settings:
    document = document_of(installation.settings.data_map)
    change(document)
    path = installation.home / "changed.yaml"
    write_document(path, document)
    return installation.settings.model_copy(update={"data_map": path})


def test_a_verification_before_a_pause_is_made_again(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch, without_backups(installation)).state is BatchState.FAILED
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'came later')", ann.id)
    inspector.sql("INSERT INTO user_profiles VALUES (%s, 'Europe/Berlin', '{}')", ann.id)
    assert installation.erase(batch).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert installation.events(batch) == [["accepted", "erased"]]


def test_a_review_before_a_pause_is_made_again(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    installation.settle(without_backups(installation))
    assert installation.again(batch).state is BatchState.FAILED
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'came later')", ann.id)
    assert installation.erase(batch).state is BatchState.SETTLED
    assert not any(ann.left(inspector).values())
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]


def test_taking_up_is_checked_like_a_beginning(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch, without_backups(installation)).state is BatchState.FAILED
    inspector.sql("CREATE TABLE diaries (id bigint PRIMARY KEY, user_id bigint REFERENCES users)")
    try:
        with pytest.raises(FindingsError, match="diaries"):
            installation.erase(batch)
    finally:
        inspector.sql("DROP TABLE diaries")
    assert installation.erase(batch).state is BatchState.ERASED


def test_an_old_plan_is_not_carried_out(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    had = ann.left(inspector)
    with installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.batch).values(created_at="2020-01-01T00:00:00Z"))
    with pytest.raises(PlanChangedError, match="too old"):
        installation.erase(batch)
    assert ann.left(inspector) == had


def test_a_cancelled_batch_ends_with_a_complaint(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer, tmp_path: Path
) -> None:
    batch = installation.plan(make_holder(inspector).csv)
    with installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.batch).values(created_at="2020-01-01T00:00:00Z"))
    assert forgotten_plans.forget_stale(installation.workspace) == 1
    cli = CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)
    done = cli.run("erase", batch.uid)
    assert done.code == 2
    assert "cancelled" in done.err


def test_a_map_that_points_elsewhere_makes_no_copy_gone(installation: Installation) -> None:
    def look(workspace: Workspace) -> list[str | None]:
        listings = backup_copies.observe(workspace.backups, workspace.ledger)
        with workspace.ledger.begin() as connection:
            backup_copies.record(connection, listings)
        with reading(workspace.ledger) as connection:
            return list(connection.scalars(sa.select(tables.backup_copy.c.observed_gone_at)))

    seen = look(installation.workspace)
    assert len(seen) >= 3

    def elsewhere(document: dict[str, Any]) -> None:
        document["backups"]["dumps"] |= {"prefix": "postgress/", "control": "postgress/README.txt"}

    with opened(changed_map(installation, elsewhere), installed()) as workspace:
        assert look(workspace) == seen
