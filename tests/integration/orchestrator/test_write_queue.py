"""Group commit (ADR 15): who shares a transaction shares its commit, and nothing else. On ledgers of both kinds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from expunge_orchestrator.api.write_queue import MOST, GroupCommitWriter, WriteJob
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import open_ledger, reading

SOON = 30
"""Seconds within which everything here is over."""

ROWS = tables.document


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        engine = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    else:
        url: str = request.getfixturevalue("database")
        engine = open_ledger(url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield engine
    engine.dispose()


@pytest.fixture
def writer(ledger: sa.Engine) -> GroupCommitWriter:
    return GroupCommitWriter(ledger)


def writes(name: str) -> WriteJob[str]:
    """A job that writes a row and returns its name."""

    def job(connection: sa.Connection) -> str:
        connection.execute(sa.insert(ROWS).values(digest=name, body=b"x"))
        return name

    return job


def refuses(name: str) -> WriteJob[str]:
    """A job that writes a row and is refused after it."""

    def job(connection: sa.Connection) -> str:
        writes(name)(connection)
        raise PermissionError(name)

    return job


def there(ledger: sa.Engine) -> set[str]:
    """What is durable."""
    with reading(ledger) as connection:
        return set(connection.scalars(sa.select(ROWS.c.digest)))


@contextmanager
def held_up(writer: GroupCommitWriter) -> Iterator[None]:
    """Keeps the writer at another job: whatever is handed in within shares the next transaction."""
    begun, go_on = threading.Event(), threading.Event()

    def job(_connection: sa.Connection) -> None:
        begun.set()
        assert go_on.wait(SOON)

    held = writer.write(job)
    assert begun.wait(SOON)
    try:
        yield
    finally:
        go_on.set()
        held.result(SOON)


@contextmanager
def commits(ledger: sa.Engine) -> Iterator[list[int]]:
    """Counts them: one element for each."""
    seen: list[int] = []

    def count(_connection: sa.Connection) -> None:
        seen.append(1)

    event.listen(ledger, "commit", count)
    try:
        yield seen
    finally:
        event.remove(ledger, "commit", count)


def test_nobody_is_answered_before_the_commit(ledger: sa.Engine, writer: GroupCommitWriter) -> None:
    """The commit is held up: all jobs are done by then, and none of them is answered, whatever came of it."""
    at_the_commit, go_on = threading.Event(), threading.Event()
    found: Queue[bool] = Queue()
    answers: list[Future[str]] = []

    def wait_a_while(_connection: sa.Connection) -> None:
        at_the_commit.set()
        assert go_on.wait(SOON)

    with held_up(writer):
        answers += [writer.write(writes("a")), writer.write(refuses("b")), writer.write(writes("c"))]
        for one in answers:
            # The row is looked for at the moment of the answer, over another connection.
            one.add_done_callback(lambda _one: found.put(there(ledger) == {"a", "c"}))
        # The transaction that holds the writer up comes first; the next commit is that of the three.
        event.listen(ledger, "commit", _second(wait_a_while))
    assert at_the_commit.wait(SOON)
    assert not any(one.done() for one in answers)
    assert there(ledger) == set()
    go_on.set()
    assert [found.get(timeout=SOON) for _ in answers] == [True, True, True]


def _second(listener: WriteJob[None]) -> WriteJob[None]:
    """A listener that lets one event pass, and is called once."""
    seen: list[int] = []

    def listens(connection: sa.Connection) -> None:
        seen.append(1)
        if len(seen) == 2:
            listener(connection)

    return listens


def test_a_commit_that_fails_fails_everybody_and_leaves_nothing(ledger: sa.Engine, writer: GroupCommitWriter) -> None:
    """Refused by the database itself: a foreign key that is looked at when the transaction ends."""
    with ledger.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE parent (id integer PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE child (id integer REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )

    def spoils(connection: sa.Connection) -> str:
        connection.exec_driver_sql("INSERT INTO child VALUES (1)")
        return "spoilt"

    with held_up(writer):
        answers = [writer.write(job) for job in (writes("a"), spoils, refuses("b"), writes("c"))]
    for one in answers:
        assert isinstance(one.exception(SOON), IntegrityError)
    assert there(ledger) == set()
    with reading(ledger) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM child").scalar_one() == 0
    # The writer goes on.
    assert writer.write(writes("d")).result(SOON) == "d"
    assert there(ledger) == {"d"}


@pytest.mark.parametrize("how", ["refusal", "the database's"])
def test_a_refusal_between_two_undoes_itself_alone(ledger: sa.Engine, writer: GroupCommitWriter, how: str) -> None:
    """On Postgres an error of a statement spoils the transaction up to its savepoint."""
    between = refuses("b") if how == "refusal" else writes("a")
    with commits(ledger) as seen:
        with held_up(writer):
            answers = [writer.write(writes("a")), writer.write(between), writer.write(writes("c"))]
        wait(answers, SOON)
    assert len(seen) == 2, "the one that held the writer up, and one for all three"
    assert answers[0].result() == "a"
    assert isinstance(answers[1].exception(), PermissionError if how == "refusal" else IntegrityError)
    assert answers[2].result() == "c"
    assert there(ledger) == {"a", "c"}


def test_whoever_has_gone_away_harms_nobody(ledger: sa.Engine, writer: GroupCommitWriter) -> None:
    """Gone while they stood in line: their job is not begun. Gone while it runs: they cannot be, and it is finished."""
    with held_up(writer):
        answers = [writer.write(writes(name)) for name in "abc"]
        assert answers[1].cancel()
    assert [answers[0].result(SOON), answers[2].result(SOON)] == ["a", "c"]
    assert answers[1].cancelled()
    assert there(ledger) == {"a", "c"}
    late: list[bool] = []
    box: list[Future[str]] = []
    handed = threading.Event()

    def too_late(connection: sa.Connection) -> str:
        assert handed.wait(SOON)
        late.append(box[0].cancel())
        return writes("d")(connection)

    box.append(writer.write(too_late))
    handed.set()
    assert box[0].result(SOON) == "d"
    assert late == [False]
    assert there(ledger) == {"a", "c", "d"}


def test_all_of_a_group_have_gone_away(ledger: sa.Engine, writer: GroupCommitWriter) -> None:
    with held_up(writer):
        answers = [writer.write(writes(name)) for name in "abc"]
        assert all(one.cancel() for one in answers)
    assert writer.write(writes("d")).result(SOON) == "d"
    assert there(ledger) == {"d"}


def test_answers_go_to_whoever_asked_in_order(ledger: sa.Engine, writer: GroupCommitWriter) -> None:
    """Fifty callers at once, ten calls each, one after the other; every third is refused."""
    callers, calls = 50, 10
    together = threading.Barrier(callers)
    order: list[str] = []

    def named(name: str) -> WriteJob[str]:
        def job(connection: sa.Connection) -> str:
            order.append(name)
            return (refuses if int(name.partition(" ")[2]) % 3 == 2 else writes)(name)(connection)

        return job

    def caller(number: int) -> list[str]:
        together.wait(SOON)
        handed = [writer.write(named(f"{number} {one}")) for one in range(calls)]
        wait(handed, SOON)
        return [one.result() if one.exception() is None else f"refused {one.exception()}" for one in handed]

    with commits(ledger) as seen, ThreadPoolExecutor(callers) as pool:
        told = list(pool.map(caller, range(callers)))
    for number, answers in enumerate(told):
        names = [f"{number} {one}" for one in range(calls)]
        assert answers == [name if one % 3 != 2 else f"refused {name}" for one, name in enumerate(names)]
        assert [one for one in order if one.partition(" ")[0] == str(number)] == names, "in the order of asking"
    assert there(ledger) == {f"{caller} {one}" for caller in range(callers) for one in range(calls) if one % 3 != 2}
    assert callers * calls / MOST <= len(seen) < callers * calls, "they share transactions"
