"""The ledger on Postgres, as a fleet has it: the same path, and the same refusal of a second runner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import cast

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import InternalError, OperationalError
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.cancellation import cancel, end, residual
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation
from tests.support.servers import wait_until
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import BackupConnector, CopyListing
from expunge_orchestrator import backup_copies
from expunge_orchestrator.errors import LedgerBusyError
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger import batch_status, tables
from expunge_orchestrator.ledger.database import open_ledger, reading
from expunge_orchestrator.ledger.failures import is_ledger_failure
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.ledger.states import BatchState


@pytest.fixture
def elsewhere(calltrack: CompanyStack, postgres_ledger: SecretStr, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(
        calltrack, tmp_path / "expunge", calltrack.settings(tmp_path / "expunge", ledger_url=postgres_ledger)
    )
    installation.found()
    yield installation
    installation.close()


def test_a_person_is_erased_and_settled(elsewhere: Installation) -> None:
    batch = elsewhere.plan(f"user_id\n{elsewhere.calltrack.take_holders()[0]}\n")
    elsewhere.erase(batch)
    assert elsewhere.outcomes(batch) == {"partially-erased": 1}
    elsewhere.settle()
    assert elsewhere.again(batch).state is BatchState.SETTLED


def test_a_copy_about_which_there_is_much_to_say_ends_nobodys_request(elsewhere: Installation) -> None:
    """A connector of somebody else's may say more than the ledger keeps: the rest is cut, the batch is not stuck."""

    class Talkative:
        def __init__(self, place: BackupConnector) -> None:
            self.place, self.name = place, place.name

        def __getattr__(self, verb: str) -> object:
            return getattr(self.place, verb)

        def copies(self) -> CopyListing:
            listing = self.place.copies()
            said = tuple(replace(one, ground="x" * 697, blocker="y" * 630) for one in listing.copies)
            return replace(listing, copies=said)

    places = {name: Talkative(place) for name, place in elsewhere.workspace.backups.items()}
    batch = elsewhere.plan(f"user_id\n{elsewhere.calltrack.take_holders()[0]}\n")
    erased = elsewhere.erase(batch, replace(elsewhere.workspace, backups=cast("dict[str, BackupConnector]", places)))
    assert erased.state is BatchState.ERASED
    with reading(elsewhere.workspace.ledger) as connection:
        kept = connection.execute(sa.select(tables.backup_copy.c.ground, tables.backup_copy.c.blocker)).all()
    assert kept
    assert set(kept) == {("x" * 499 + "…", "y" * 499 + "…")}


def test_holds_poison_cancel_and_end_are_the_same_there(elsewhere: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 6)
    batch = elsewhere.plan(crowd.csv)
    placed = place(elsewhere, [key("user_id", crowd.ids[0])])
    with poisoned(inspector, [crowd.ids[3]]):
        assert elsewhere.erase(batch).state is BatchState.FAILED
        assert elsewhere.outcomes(batch) == {"erased": 4, "failed": 1, "on-hold": 1}
        assert crowd.messages(inspector) == [crowd.ids[0], crowd.ids[3]]
        batch_control.pause(elsewhere.workspace.ledger, batch, "ops")
        batch_control.resume(elsewhere.workspace, batch, "ops")
        assert cancel(elsewhere, batch).state is BatchState.FAILED
        assert elsewhere.outcomes(batch) == {"erased": 4, "failed": 1, "cancelled": 1}
        assert end(elsewhere, batch).state is BatchState.ERASED
    assert elsewhere.outcomes(batch) == {"erased": 4, "partially-erased": 1, "cancelled": 1}
    assert residual(elsewhere) == [[("main", "messages"), ("main", "users")]]
    assert crowd.messages(inspector) == [crowd.ids[0], crowd.ids[3]]
    again = elsewhere.plan(crowd.csv)
    assert elsewhere.erase(again).state is BatchState.ON_HOLD
    assert lift(elsewhere, placed) == 1
    assert elsewhere.erase(again).state is BatchState.ERASED
    assert crowd.messages(inspector) == []
    assert residual(elsewhere) == []


def test_a_second_runner_is_refused(elsewhere: Installation) -> None:
    second = open_ledger(elsewhere.settings.ledger)
    with runner_lock(elsewhere.workspace.ledger), pytest.raises(LedgerBusyError), runner_lock(second):
        pass
    second.dispose()


def test_two_who_note_the_same_backup_copies_at_once(elsewhere: Installation) -> None:
    """A worker that concludes and `expunge copies` beside it: the second waits for the first, and neither fails."""
    ledger = elsewhere.workspace.ledger
    listings = backup_copies.observe(elsewhere.workspace.backups)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def note() -> None:
        with ledger.begin() as connection:
            backup_copies.record(connection, listings)

    def somebody_waits() -> bool:
        with reading(ledger) as connection:
            return bool(connection.scalar(sa.text(waiting)))

    with ThreadPoolExecutor(1) as pool:
        with ledger.begin() as first:
            backup_copies.record(first, listings)
            second = pool.submit(note)
            wait_until(somebody_waits)
        second.result()


def test_a_ledger_that_goes_away_inside_a_step_is_nobodys_poison(
    elsewhere: Installation, inspector: StoreInspector
) -> None:
    """The session that a step reads with is cut off by the server: the run ends, and the chunk is not searched."""
    crowd = make_crowd(inspector, 3)
    batch = elsewhere.plan(f"{crowd.csv}999999999\n")  # other requests are looked up for whoever is not found
    ledger = elsewhere.workspace.ledger
    cut: list[int] = []

    def begun(connection: sa.Connection) -> None:
        in_a_step = threading.current_thread() is not threading.main_thread()
        if in_a_step and connection.get_execution_options().get("expunge_reading") and not cut:
            session = connection.connection.driver_connection
            assert session is not None
            cut.append(session.info.backend_pid)
            with psycopg.connect(ledger.url.set(drivername="postgresql").render_as_string(False)) as other:
                other.execute("SELECT pg_terminate_backend(%s)", cut)

    sa.event.listen(ledger, "begin", begun)
    with pytest.raises(OperationalError):
        elsewhere.erase(batch)
    assert cut
    with reading(ledger) as connection:
        assert [one["failure"] for one in batch_status.chunk_states(connection, batch)] == [None]
    assert elsewhere.erase(batch).state is BatchState.ERASED
    assert elsewhere.outcomes(batch) == {"erased": 3, "not-found": 1}


def test_a_ledger_that_becomes_read_only_is_nobodys_poison_and_no_defect(
    elsewhere: Installation, inspector: StoreInspector
) -> None:
    """As a standby is, and a managed Postgres whose disk is full: after a step was taken, its end is not noted."""
    crowd = make_crowd(inspector, 3)
    batch = elsewhere.plan(crowd.csv)
    ledger = elsewhere.workspace.ledger
    turns = count()

    def begun(connection: sa.Connection) -> None:
        if threading.current_thread() is not threading.main_thread() and next(turns) > 2:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    sa.event.listen(ledger, "begin", begun)
    with pytest.raises(InternalError) as raised:
        elsewhere.erase(batch)
    sa.event.remove(ledger, "begin", begun)
    assert is_ledger_failure(raised.value)
    with reading(ledger) as connection:
        assert [one["failure"] for one in batch_status.chunk_states(connection, batch)] == [None]
    assert elsewhere.erase(batch).state is BatchState.ERASED
    assert elsewhere.outcomes(batch) == {"erased": 3}
