"""A request whose copies are in a pgBackRest repository is closed, although WAL is archived on and on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.missed_copies import missed_long_ago
from tests.support.people import make_holder
from tests.support.pgbackrest_repository import Made, Repository
from tests.support.receipt_schemas import assert_has_published_form
from tests.support.scripted_copies import MovedClock, moved_clock
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.copy_tracking import closed_requests
from expunge_orchestrator.copy_tracking.refresh import refresh
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_reports import trust
from expunge_reports.verify import verifier

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
OLD, LAST, LATER = (Made("full", NOW + days * DAY, segment) for days, segment in ((-9, 4), (-2, 8), (5, 20)))


@dataclass(slots=True)
class Backed:
    """An installation whose one place of copies is a stanza, and a person who is erased."""

    installation: Installation
    repository: Repository
    clock: MovedClock
    cli: CliRunner
    person: str

    def erased(self) -> Batch:
        """Erased and settled."""
        batch = self.installation.erase(self.installation.plan(self.person))
        self.installation.settle()
        return batch

    def look(self) -> int:
        """Look twice, an hour apart; returns of how many people `closed` is stated."""
        workspace = self.installation.workspace
        refresh(workspace)
        missed_long_ago(workspace.ledger)
        number = closed_requests.close_due(workspace, refresh(workspace))
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            publish(workspace.ledger, writer, lambda _: None)
        return number

    def verified(self, batch: Batch) -> str:
        """The last event of the receipt, which an auditor finds authentic and without contradiction."""
        workspace = self.installation.workspace
        with reading(workspace.ledger) as connection:
            (found,) = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
        data = receipt_export.exported(workspace, found.series).data
        assert_has_published_form(data)
        verdict = verifier.verify(data, trust.parse(receipt_export.trust_file(workspace)), [], self.clock.now())
        assert (verdict.reason, verdict.contradictions) == (None, ())
        return verdict.statements[-1].event


@pytest.fixture
def backed(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> Iterator[Backed]:
    bucket = f"base-{secrets.token_hex(5)}"
    inspector.s3.create_bucket(Bucket=bucket)
    repository = Repository(inspector.s3, bucket)
    repository.create()
    for one in (OLD, LAST):
        repository.back_up(one)
    document = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    document["backups"] = {
        "dumps": {
            "connector": "pgbackrest", "of": "main", "bucket": bucket, "prefix": "pgbr/", "stanza": "main",
            "retention": {"full": 2}, "schedule": {"full_every": "P7D"},
        }
    }  # fmt: skip
    path = write_document(tmp_path / "stanza.yaml", document)
    with moved_clock() as moved, fresh_installation(calltrack, tmp_path / "expunge", data_map=path) as installation:
        environment = {**calltrack.environment(installation.home), "EXPUNGE_DATA_MAP": str(path)}
        cli = CliRunner(tmp_path, environment, fork_server)
        yield Backed(installation, repository, moved, cli, make_holder(inspector).csv)


def test_a_request_closes_when_the_backups_of_its_time_and_their_wal_are_gone(backed: Backed) -> None:
    batch = backed.erased()
    assert backed.verified(batch) == "settled"
    backed.repository.back_up(LATER)
    backed.repository.expire(OLD.label)
    backed.clock.ahead = 6 * DAY
    assert backed.look() == 0, "the backup before the erasure is there, and its WAL"
    backed.repository.archive(30)
    backed.repository.expire(LAST.label)
    assert backed.look() == 1
    assert backed.verified(batch) == "closed"
    left = backed.installation.workspace.backups["dumps"].copies().copies
    assert [copy.kind for copy in left] == ["pgbackrest full", "pgbackrest wal"], "which began after the erasure"


def test_operators_are_told_of_backups_and_not_of_objects(backed: Backed) -> None:
    done = backed.cli.run("copies", "list", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["controls"] == {"dumps": "object pgbr/backup/main/backup.info"}
    assert [(one["kind"], one["status"]) for one in said["copies"]] == [
        ("pgbackrest wal", "due"), ("pgbackrest wal", "due"), ("pgbackrest full", "due"), ("pgbackrest full", "due"),
    ]  # fmt: skip
    looked = json.loads(backed.cli.run("copies", "refresh", "--json").out)
    assert (looked["places"][0]["copies"], looked["places"][0]["without_day"]) == (4, 0)
    assert "pgbackrest-" not in backed.cli.run("check").output
