"""A long list is written in pieces: nobody waits longer than for a chunk, and a plan that was not finished is none.

So is a hold on many people let go of.
"""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from tests.support.bulk_people import make_crowd
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import PlanChangedError, UnknownBatchError
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid, batches
from expunge_orchestrator.ledger.database import open_ledger, reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import forgotten_plans, planner
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people

PEOPLE, CHUNK = 60, 10
LIST = "caller_id\n" + "".join(f"{10**9 + one}\n" for one in range(PEOPLE))
"""Nobody has heard of them."""

KILLED = """
import os, sqlalchemy
from sqlalchemy import event
def look(connection, cursor, statement, parameters, context, executemany, seen=[], os=os):
    if statement.lstrip().upper().startswith("INSERT INTO ITEM"):
        seen.append(1)
        if len(seen) == 3:
            os.kill(os.getpid(), 9)
event.listen(sqlalchemy.Engine, "before_cursor_execute", look)
"""


@dataclass(slots=True)
class Transactions:
    """Rows of people that each transaction of a ledger wrote."""

    rows: list[int] = field(default_factory=list)

    def begun(self, _connection: sa.Connection) -> None:
        self.rows.append(0)

    def executed(self, _connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT INTO ITEM ", "UPDATE ITEM ")):
            self.rows[-1] += cursor.rowcount


@contextmanager
def counted(ledger: sa.Engine) -> Iterator[Transactions]:
    seen = Transactions()
    listened: list[tuple[str, Callable[..., Any]]] = [("begin", seen.begun), ("after_cursor_execute", seen.executed)]
    for name, heard in listened:
        event.listen(ledger, name, heard)
    yield seen
    for name, heard in listened:
        event.remove(ledger, name, heard)


@pytest.fixture
def chunked(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    with fresh_installation(calltrack, tmp_path / "expunge", chunk_size=CHUNK) as made:
        yield made


def aged(installation: Installation) -> None:
    """All plans were begun to be made in another time."""
    old = stamp(now() - installation.settings.plan_lifetime - timedelta(minutes=1))
    with installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.batch).values(created_at=old))


def kept(installation: Installation) -> int:
    """Of how many people the ledger can open identifiers or keys."""
    item = tables.item.c
    any_left = sa.or_(*(one.is_not(None) for one in (item.wrapped_key, item.sealed_identifiers, item.sealed_keys)))
    with reading(installation.workspace.ledger) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(tables.item).where(any_left)) or 0


def test_no_transaction_of_a_plan_is_longer_than_a_chunk(chunked: Installation) -> None:
    with counted(chunked.workspace.ledger) as seen:
        batch = chunked.plan(LIST, "client:42")
    assert sum(seen.rows) == PEOPLE
    assert max(seen.rows) <= CHUNK
    assert batch.state is BatchState.PLANNED
    assert chunked.erase(batch).state is BatchState.ERASED
    assert chunked.outcomes(batch) == {"not-found": PEOPLE}


def test_a_list_of_one_chunk_is_one_transaction(chunked: Installation) -> None:
    with counted(chunked.workspace.ledger) as seen:
        chunked.plan("caller_id\n1000000001\n1000000002\n", "client:42")
    assert [rows for rows in seen.rows if rows] == [2]


def test_others_write_while_a_long_plan_is_written(chunked: Installation) -> None:
    """Each of these writers had to wait for the whole list."""
    went, over = [], threading.Event()
    ledger = open_ledger(chunked.settings.ledger)

    def write() -> None:
        while not over.is_set():
            with ledger.begin() as connection:  # a person's request takes the same lock
                connection.execute(sa.insert(tables.document).values(digest=f"{len(went)}", body=b""))
                went.append(connection.scalars(sa.select(tables.batch.c.state)).all())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        chunked.plan(LIST, "client:42")
    finally:
        over.set()
        writer.join()
        ledger.dispose()
    assert ["building"] in went


def test_a_plan_that_is_being_written_is_no_batch(chunked: Installation) -> None:
    """Nobody can begin, approve, cancel or see what is not all there."""
    seen: list[list[str]] = []

    apart = open_ledger(chunked.settings.ledger)

    def look(_connection: sa.Connection) -> None:
        with reading(apart) as other:
            building = sa.select(tables.batch.c.uid).where(tables.batch.c.state == "building")
            for uid in other.scalars(building).all():
                seen.append([one.uid for one in batches(other)])
                with pytest.raises(UnknownBatchError):
                    batch_by_uid(other, uid)

    event.listen(chunked.workspace.ledger, "commit", look)
    try:
        batch = chunked.plan(LIST, "client:42")
    finally:
        event.remove(chunked.workspace.ledger, "commit", look)
        apart.dispose()
    assert len(seen) == PEOPLE // CHUNK - 1
    assert not any(seen)
    assert chunked.again(batch).state is BatchState.PLANNED


def test_a_plan_that_was_killed_is_forgotten(
    chunked: Installation, calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path
) -> None:
    environment = {**calltrack.environment(chunked.home), "EXPUNGE_CHUNK_SIZE": str(CHUNK)}
    people = tmp_path / "people.csv"
    people.write_text(LIST)
    cli = CliRunner(tmp_path, environment, fork_server)
    killed = cli.run("plan", str(people), "--controller", "client:42", code=KILLED)
    assert killed.code == -signal.SIGKILL
    assert kept(chunked) == 2 * CHUNK
    with reading(chunked.workspace.ledger) as connection:
        uid = connection.scalars(sa.select(tables.batch.c.uid)).one()
        assert not batches(connection)
    for verb in (("erase", uid), ("cancel", uid), ("status", uid)):
        refused = cli.run(*verb)
        assert refused.code != 0
        assert "Traceback" not in refused.err
    assert cli.run("run-due", "--json").code == 0
    assert kept(chunked) == 2 * CHUNK, "whoever writes it may still be at it"
    aged(chunked)
    assert '"stale_plans_discarded": 1' in cli.run("run-due", "--json").out
    assert kept(chunked) == 0


def test_a_plan_that_was_forgotten_is_not_finished(chunked: Installation) -> None:
    """Its writer was stopped for longer than a plan is good for."""
    ledger = chunked.workspace.ledger
    forgotten: list[int] = []

    def forget(*_connection: object) -> None:
        if not forgotten and kept_now():
            forgotten.append(0)
            aged(chunked)
            forgotten[0] = forgotten_plans.forget_stale(chunked.workspace)

    def kept_now() -> bool:
        forgotten.append(-1)  # what it asks is no end of a transaction of the plan
        try:
            return kept(chunked) == 2 * CHUNK
        finally:
            forgotten.clear()

    event.listen(ledger, "checkin", forget)
    with pytest.raises(PlanChangedError, match="forgotten"):
        chunked.plan(LIST, "client:42")
    event.remove(ledger, "checkin", forget)
    assert forgotten == [1]
    assert kept(chunked) == 0
    with reading(ledger) as connection:
        assert [one.state for one in batches(connection)] == [BatchState.CANCELLED]
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.item)) == 2 * CHUNK


def test_what_could_not_be_finished_is_forgotten_at_once(chunked: Installation) -> None:
    class RefusedError(Exception):
        pass

    def refuse(_connection: sa.Connection, _batch: int) -> None:
        raise RefusedError

    workspace = chunked.workspace
    people = read_people(io.BytesIO(LIST.encode()), workspace.data_map)
    scope = parse_scope("client:42", workspace.data_map)
    with pytest.raises(RefusedError):
        planner.create_plan(workspace, people, scope, lambda _done: None, frozen=refuse)
    assert kept(chunked) == 0


def test_stale_plans_are_forgotten_a_chunk_at_a_time(chunked: Installation) -> None:
    batch = chunked.plan(LIST, "client:42")
    aged(chunked)
    with counted(chunked.workspace.ledger) as seen:
        assert forgotten_plans.forget_stale(chunked.workspace) == 1
    assert max(seen.rows) <= CHUNK
    assert sum(seen.rows) == PEOPLE
    assert kept(chunked) == 0
    assert chunked.again(batch).state is BatchState.CANCELLED
    assert forgotten_plans.forget_stale(chunked.workspace) == 0


def test_who_is_killed_while_forgetting_is_followed_by_the_next(chunked: Installation) -> None:
    batch = chunked.plan(LIST, "client:42")
    aged(chunked)

    class Killed(BaseException):
        pass

    seen: list[int] = []

    def kill(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith("UPDATE ITEM "):
            seen.append(1)
            if len(seen) == 3:
                raise Killed

    event.listen(chunked.workspace.ledger, "before_cursor_execute", kill)
    with pytest.raises(Killed):
        forgotten_plans.forget_stale(chunked.workspace)
    event.remove(chunked.workspace.ledger, "before_cursor_execute", kill)
    assert chunked.again(batch).state is BatchState.CANCELLED, "nobody begins it without its first people"
    assert kept(chunked) == PEOPLE - 2 * CHUNK
    forgotten_plans.forget_stale(chunked.workspace)
    assert kept(chunked) == 0


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release touches no more people at a time than one chunk has."""
    monkeypatch.setattr(hold_enforcement, "_ROWS_AT_ONCE", CHUNK)
    monkeypatch.setattr(hold_enforcement, "_ROWS_OF_A_CHUNK", 0)


def test_a_hold_on_many_is_let_go_of_a_chunk_at_a_time(
    chunked: Installation, inspector: StoreInspector, pieces: None
) -> None:
    crowd = make_crowd(inspector, 4 * CHUNK)
    placed = place(chunked, controller="calltrack")
    batch = chunked.plan(crowd.csv)
    assert chunked.erase(batch).state is BatchState.ON_HOLD
    with counted(chunked.workspace.ledger) as seen:
        assert lift(chunked, placed) == 4 * CHUNK
    assert sum(seen.rows) >= 4 * CHUNK
    assert max(seen.rows) <= 2 * CHUNK  # each person twice: what they wait for, and what was stated of them
    assert chunked.again(batch).state is BatchState.EXECUTING
    assert chunked.erase(batch).state is BatchState.ERASED
    assert crowd.named(inspector) == 0


def test_who_is_killed_while_letting_go_is_followed_by_the_next(
    chunked: Installation, inspector: StoreInspector, pieces: None
) -> None:
    crowd = make_crowd(inspector, 4 * CHUNK)
    placed = place(chunked, controller="calltrack")
    batch = chunked.plan(crowd.csv)
    assert chunked.erase(batch).state is BatchState.ON_HOLD

    class Killed(BaseException):
        pass

    seen: list[int] = []

    def kill(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith("UPDATE CHUNK "):
            seen.append(1)
            if len(seen) == 2:
                raise Killed

    event.listen(chunked.workspace.ledger, "before_cursor_execute", kill)
    with pytest.raises(Killed):
        lift(chunked, placed)
    event.remove(chunked.workspace.ledger, "before_cursor_execute", kill)
    assert hold_enforcement.release(chunked.workspace.ledger) == 3 * CHUNK
    assert hold_enforcement.release(chunked.workspace.ledger) == 0
    assert chunked.erase(batch).state is BatchState.ERASED
    assert crowd.named(inspector) == 0


def test_where_nobody_is_let_go_nothing_is_written(chunked: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, CHUNK)
    place(chunked, controller="calltrack")
    assert chunked.erase(chunked.plan(crowd.csv)).state is BatchState.ON_HOLD
    writes = []

    def begun(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("expunge_reading", False):
            writes.append(connection)

    event.listen(chunked.workspace.ledger, "begin", begun)
    assert hold_enforcement.release(chunked.workspace.ledger) == 0
    event.remove(chunked.workspace.ledger, "begin", begun)
    assert writes == []
