"""Transactions of ours: their settings hold from the first statement on, and cost no message of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from expunge_connectors.postgres.connection import Connection, Connections
from expunge_connectors.postgres.spec import PostgresConnection

ZONE = "SELECT pg_catalog.current_setting('TimeZone')"


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """One whose sessions begin in another time zone, and read a backslash in a literal as an escape."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("ALTER ROLE CURRENT_USER SET timezone = 'Asia/Tokyo'")
        owner.execute("ALTER ROLE CURRENT_USER SET standard_conforming_strings = off")
    connections = Connections("main", PostgresConnection(url=database))
    try:
        with connections.lease(psycopg.IsolationLevel.REPEATABLE_READ) as leased:
            yield leased
    finally:
        connections.close()
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER ROLE CURRENT_USER RESET timezone")
            owner.execute("ALTER ROLE CURRENT_USER RESET standard_conforming_strings")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were sent, one for each message."""
    texts: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(cursor: psycopg.Cursor, query: bytes | str, *args: object, **kwargs: object) -> psycopg.Cursor:
        texts.append(query.decode() if isinstance(query, bytes) else query)
        return execute(cursor, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return texts


def test_the_first_statement_goes_with_what_begins_its_transaction(connection: Connection, sent: list[str]) -> None:
    with connection.transaction():
        assert connection.execute(ZONE).fetchall() == [("UTC",)]
        assert connection.execute("SHOW transaction_isolation").fetchall() == [("repeatable read",)]
    first, second = sent
    assert first.startswith("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL ")
    assert first.endswith(ZONE)
    assert second == "SHOW transaction_isolation"
    assert connection.execute(ZONE).fetchall() == [("Asia/Tokyo",)]


def test_of_several_first_statements_the_first_answers_first(connection: Connection) -> None:
    with connection.transaction():
        cursor = connection.execute("SELECT 1; SELECT 2")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset()
        assert cursor.fetchall() == [(2,)]
        assert not cursor.nextset()


def test_a_statement_with_parameters_comes_after_the_settings(connection: Connection, sent: list[str]) -> None:
    with connection.transaction():
        asked = "SELECT pg_catalog.current_setting(%s)"
        assert connection.execute(asked, ("TimeZone",)).fetchall() == [("UTC",)]
    assert len(sent) == 2


def test_a_literal_of_the_first_statement_is_read_by_our_settings(connection: Connection) -> None:
    """The server reads the whole of a message before it carries out any of it."""
    with connection.transaction():
        assert connection.execute(r"SELECT '\d\n'").fetchall() == [(r"\d\n",)]


def test_a_cursor_and_an_inner_transaction_begin_it(connection: Connection) -> None:
    with connection.transaction(), connection.cursor().copy(f"COPY ({ZONE}) TO STDOUT") as copy:
        assert list(copy.rows()) == [("UTC",)]
    with connection.transaction():
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE TEMPORARY TABLE scratch (id int)")
        assert connection.execute("SELECT pg_catalog.to_regclass('pg_temp.scratch')").fetchall() == [(None,)]
        assert connection.execute(ZONE).fetchall() == [("UTC",)]


def test_what_prepares_a_question_goes_in_its_message(connection: Connection, sent: list[str]) -> None:
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT 1 AS n")
        sent.clear()
        connection.before_next(sql.SQL("INSERT INTO staged VALUES (2)"))
        assert not sent
        assert connection.execute("SELECT count(*) FROM staged").fetchall() == [(2,)]
        assert len(sent) == 1
        connection.before_next(sql.SQL("INSERT INTO staged VALUES (3)"))
        assert connection.execute("SELECT count(*) FROM staged WHERE n < %s", (9,)).fetchall() == [(3,)]


@pytest.mark.parametrize("inner", [False, True])
def test_and_is_left_out_where_no_question_follows(connection: Connection, sent: list[str], inner: bool) -> None:  # noqa: FBT001
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE staged (n integer) ON COMMIT DROP")
        with connection.transaction(force_rollback=True) if inner else nullcontext():
            sent.clear()
            connection.before_next(sql.SQL("INSERT INTO staged VALUES (2)"))
        if inner:
            assert connection.execute("SELECT count(*) FROM staged").fetchall() == [(0,)]
    assert not any("INSERT" in one for one in sent)


@pytest.mark.parametrize("rolled_back", [True, False])
def test_a_transaction_in_which_nothing_is_asked_sends_nothing(
    connection: Connection, sent: list[str], *, rolled_back: bool
) -> None:
    with connection.transaction(force_rollback=rolled_back):
        pass
    assert sent == []
    assert connection.info.transaction_status is TransactionStatus.IDLE
    assert connection.execute(ZONE).fetchall() == [("Asia/Tokyo",)]


def test_what_fails_first_leaves_no_transaction(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
        connection.execute("SELECT 1 / 0")
    assert connection.info.transaction_status is TransactionStatus.IDLE
    with pytest.raises(ValueError, match="ours"), connection.transaction():
        raise ValueError("ours")
    assert connection.execute(ZONE).fetchall() == [("Asia/Tokyo",)]


def test_the_first_statement_has_the_limits_of_the_others(database: str) -> None:
    connections = Connections("main", PostgresConnection(url=database, statement_timeout="100ms"))
    try:
        with (
            connections.lease() as leased,
            pytest.raises(psycopg.errors.QueryCanceled),
            leased.transaction(),
        ):
            leased.execute("SELECT pg_catalog.pg_sleep(60)")
    finally:
        connections.close()
