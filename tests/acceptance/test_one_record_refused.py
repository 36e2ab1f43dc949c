"""One row that somebody has locked, one object that the service keeps: one person waits or fails, the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.cancellation import end
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.servers import s3_client, wait_until
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import Subject
from expunge_connectors.errors import SomeRecordsError, TransientError
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

LOCK = "DELETE FROM messages WHERE user_id = {}"


@pytest.fixture
def hurried(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    """An installation that waits a moment for locks."""
    home = tmp_path / "expunge"
    stores = calltrack.settings(home).stores
    main = {**stores["main"], "lock_timeout": SecretStr("200ms")}
    with fresh_installation(
        calltrack, home, stores={**stores, "main": main}, retry_pause=timedelta(milliseconds=5)
    ) as made:
        yield made


@contextmanager
def erased_while(installation: Installation, batch: Batch, application: str, statement: str) -> Iterator[None]:
    """The batch erased while another application, which came after the cutoff, holds a lock until the block ends."""
    # By the store's own role: it cannot see when another one's transactions began, and everybody waits for such.
    url = installation.settings.stores["main"]["url"].get_secret_value()
    with psycopg.connect(url, application_name=application) as connection:
        main = before_call(installation.workspace.stores["main"], "erase", lambda: connection.execute(statement))
        installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
        yield
        connection.rollback()


def waits_alone(installation: Installation, batch: Batch, others: int) -> None:
    assert installation.outcomes(batch) == {"erased": others, "open": 1}, installation.failures(batch)
    assert installation.again(batch).state is BatchState.EXECUTING


def test_a_locked_row_keeps_one_person_waiting_and_names_the_application(
    hurried: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 8)
    batch = hurried.plan(crowd.csv)
    with erased_while(hurried, batch, "nightly-billing", LOCK.format(crowd.ids[5])):
        waits_alone(hurried, batch, 7)
        assert "a lock was not to be had in time" in hurried.failures(batch)
        assert "Held by: nightly-billing." in hurried.failures(batch)
        assert "DELETE" not in hurried.failures(batch)
        assert crowd.messages(inspector) == [crowd.ids[5]]

    def erased() -> bool:
        hurried.settle()  # what `run-due` does, and the service
        return hurried.outcomes(batch) == {"erased": 8}

    wait_until(erased)
    assert crowd.messages(inspector) == []


def test_a_name_that_may_be_somebodys_is_not_shown(hurried: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 1)
    batch = hurried.plan(crowd.csv)
    with erased_while(hurried, batch, "export for ann@people.example", LOCK.format(crowd.ids[0])):
        pass
    assert "Held by: one whose name is not shown." in hurried.failures(batch)
    assert "ann@" not in hurried.failures(batch)


def test_a_lock_on_everything_fails_nobody(hurried: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 4)
    batch = hurried.plan(crowd.csv)
    with erased_while(hurried, batch, "reindexing", "LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE"):
        assert hurried.outcomes(batch) == {"open": 4}, hurried.failures(batch)
        assert hurried.again(batch).state is BatchState.EXECUTING

    def erased() -> bool:
        hurried.settle()
        return hurried.outcomes(batch) == {"erased": 4}

    wait_until(erased)


def test_who_waits_for_a_lock_can_be_ended(hurried: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 3)
    batch = hurried.plan(crowd.csv)
    with erased_while(hurried, batch, "nightly-billing", LOCK.format(crowd.ids[1])):
        waits_alone(hurried, batch, 2)
        end(hurried, batch)
    assert hurried.outcomes(batch) == {"erased": 2, "partially-erased": 1}


def put_exports(installation: Installation, people: Sequence[int]) -> None:
    with s3_client(installation.calltrack.stack.endpoints) as s3:
        for one in people:
            s3.put_object(Bucket="calltrack-exports", Key=f"users/{one}/export.csv", Body=b"x")


def keeping(installation: Installation, person: int, error: Callable[[], Exception]) -> FaultyConnector:
    """A store that does not let go of one person's record, and of everybody else's does."""
    inner = installation.workspace.stores["recordings"]

    def erase(subjects: Sequence[Subject], *rest: Any) -> int:
        if any(str(person) == key.value for one in subjects for key in one.keys):
            raise error()
        return inner.erase(subjects, *rest)

    return FaultyConnector(inner, erase=erase)


def test_an_object_that_never_goes_fails_one_person(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 8)
    put_exports(installation, crowd.ids)
    batch = installation.plan(crowd.csv)
    stuck = keeping(installation, crowd.ids[2], lambda: SomeRecordsError("Store recordings: not now (InternalError)."))
    installation.erase(batch, installation.with_stores({"recordings": stuck}))  # type: ignore[dict-item]
    assert installation.outcomes(batch) == {"erased": 7, "failed": 1}
    assert installation.again(batch).state is BatchState.FAILED


@pytest.mark.parametrize("state", ["40001", "57014"], ids=["concurrent change", "timed out"])
def test_a_row_that_is_never_to_be_had_fails_one_person(
    installation: Installation, inspector: StoreInspector, state: str
) -> None:
    """The database works: what it answers of one person's rows says nothing of the others'."""
    crowd = make_crowd(inspector, 4)
    batch = installation.plan(crowd.csv)
    with poisoned(inspector, [crowd.ids[2]], state) as mend:
        installation.erase(batch)
        assert installation.outcomes(batch) == {"erased": 3, "failed": 1}, installation.failures(batch)
        assert f"(SQLSTATE {state})" in installation.failures(batch)
        mend()
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)


def test_a_store_that_is_down_is_searched_for_nobody(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 4)
    put_exports(installation, crowd.ids)
    batch = installation.plan(crowd.csv)
    stuck = keeping(installation, crowd.ids[2], lambda: TransientError("Store recordings: no connection."))
    installation.erase(batch, installation.with_stores({"recordings": stuck}))  # type: ignore[dict-item]
    assert installation.outcomes(batch) == {"open": 4}
