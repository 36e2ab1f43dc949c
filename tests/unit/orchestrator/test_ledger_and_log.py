"""A ledger and a log of which one is older than the other: that is noticed, and nothing is written (law 9)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from expunge_orchestrator.errors import LedgerBehindError, LedgerError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger_check import require_log_in_sync
from expunge_orchestrator.receipts.statement_issuer import StatementDraft, issue, publish
from expunge_reports import keys
from expunge_reports.keys import KeyRing
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log, LogWriter
from expunge_reports.statement import Open

ORIGIN = "receipts.example.org"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


class Places:
    """A ledger and its log in a directory, of which each can be put back to what it was."""

    def __init__(self, home: Path) -> None:
        self.file, self.log, self.kept = home / "ledger.sqlite3", home / "log", home / "kept"
        self.keys: KeyRing = keys.generate(home / "keys")
        self.ledger = sa.create_engine(f"sqlite:///{self.file}")
        tables.metadata.create_all(self.ledger, tables=[tables.statement, tables.document])
        LogWriter.create(self.log, ORIGIN, self.keys.log).close()
        self.issued = 0

    def state(self) -> None:
        """Sign one statement more."""
        self.issued += 1
        one = StatementDraft(1, f"er_{self.issued:032x}", "accepted", ["a" * 64], {"context": []}, Open(1))
        with self.ledger.begin() as connection:
            issue(connection, self.keys, [one], AT)

    def publish(self) -> int:
        """Bring the log up to date."""
        with LogWriter.open(self.log, ORIGIN, self.keys.log) as writer:
            return publish(self.ledger, writer, lambda _: None)

    def check(self) -> None:
        """What every command does that opens a ledger."""
        verifier = signed_note.log_key(ORIGIN, self.keys.log.public_key())
        require_log_in_sync(self.ledger, Log.open(self.log, verifier))

    def keep(self) -> None:
        """Make a copy of both."""
        self.ledger.dispose()
        self.kept.mkdir()
        shutil.copy(self.file, self.kept / "ledger")
        shutil.copytree(self.log, self.kept / "log")

    def restore_ledger(self) -> None:
        """From the copy."""
        self.ledger.dispose()
        shutil.copy(self.kept / "ledger", self.file)

    def restore_log(self) -> None:
        """From the copy."""
        shutil.rmtree(self.log)
        shutil.copytree(self.kept / "log", self.log)

    def contents(self) -> tuple[list[tuple[object, ...]], bytes]:
        """What the ledger holds, and the head of the log."""
        with self.ledger.connect() as connection:
            rows = [tuple(row) for row in connection.execute(sa.select(tables.statement))]
        return rows, (self.log / "checkpoint").read_bytes()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """One statement that is in both, and a copy of both as they are then."""
    made = Places(tmp_path)
    made.state()
    assert made.publish() == 1
    made.keep()
    yield made
    made.ledger.dispose()


def test_both_grow_together(places: Places) -> None:
    places.state()
    places.check()  # the ledger may be ahead
    assert places.publish() == 1
    assert places.publish() == 0
    places.check()


@pytest.mark.parametrize("since", [0, 1, 2], ids=["nothing since", "one since", "more since"])
def test_a_restored_ledger_is_noticed(places: Places, since: int) -> None:
    """However many statements it signed since then that the log does not know."""
    places.state()
    places.publish()
    places.restore_ledger()
    for _ in range(since):
        places.state()
    before = places.contents()
    with pytest.raises(LedgerBehindError):
        places.check()
    with pytest.raises(LedgerBehindError):
        places.publish()
    assert places.contents() == before


def test_a_restored_log_is_noticed(places: Places) -> None:
    places.state()
    places.publish()
    places.restore_log()
    places.state()
    before = places.contents()
    with pytest.raises(LedgerError, match="shorter than the ledger says"):
        places.publish()
    assert places.contents() == before
