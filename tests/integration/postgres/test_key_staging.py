"""Where keys are staged, in one table or in several, makes no difference to what is found and erased."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from tests.support.postgres.company import (
    ACCOUNT,
    CLIENT_1,
    CUTOFF,
    actions,
    data_map,
    dump,
    execute,
    gone,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.small_schemas import shape

from expunge_connectors.contract import Scope, no_beat
from expunge_connectors.postgres.connection import PinnedConnection
from expunge_connectors.postgres.sql import key_staging, staging_tables
from expunge_connectors.postgres.sql.key_staging import stage

PEOPLE = {
    ACCOUNT: [subject(1, email="ada@mail.example"), subject(7, user_id="3"), subject(9, user_id="404")],
    CLIENT_1: [subject(1, caller_id="1"), subject(2, caller_id="3"), subject(3, phone="+49403333333")],
}


def everything(url: str, scope: Scope) -> tuple[object, ...]:
    """What is resolved, counted, erased, and left."""
    before = dump(url)
    with opened(url) as store:
        people = resolved(store, PEOPLE[scope], scope)
        counted = store.count(people, scope, CUTOFF)
        erasing = actions(data_map(), scope.controller)
        for _ in range(2):  # the second time with statements that are remembered, over other rows
            touched = store.erase(people, erasing, scope, CUTOFF, no_beat)
            left = store.verify(people, scope, CUTOFF), store.count(people, scope, CUTOFF)
    erased = {table: len(rows) for table, rows in gone(before, dump(url)).items()}
    return people, counted, touched, left, erased


@pytest.mark.parametrize("scope", [ACCOUNT, CLIENT_1], ids=["account holders", "callers of a client"])
def test_one_table_or_one_for_each_namespace(
    company: str, other_company: str, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = everything(company, scope)
    monkeypatch.setattr(key_staging, "_FEW", -1)
    apart = everything(other_company, scope)
    assert together == apart
    assert len(together[4]) > 4, "nothing to compare"


def test_the_members_name_is_compared_as_it_is(database: str) -> None:
    execute(database, "CREATE TABLE callers (id int PRIMARY KEY, client text); INSERT INTO callers VALUES (1, '1')")
    owner = "{controller: client, column: client}"
    callers = f"callers: {{table: public.callers, owner: {owner}, found_by: [{{column: id, identity: user_id}}]}}"
    with opened(database, shape(callers)) as store:
        for member, due in {"1": 1, "2": 0, "1\t1": 0, "1\\": 0, "\\N": 0, "1\n": 0}.items():
            [(_, tallies)] = store.count([subject(1, user_id="1")], Scope("client", member), CUTOFF).items()
            assert tallies["callers"].due == due, "another client's"


@pytest.mark.parametrize("length", [40, 84, 85, 400, 3_000])
def test_a_long_key_is_found_as_a_short_one_is(company: str, length: int) -> None:
    address = "ä" * (length - len("@mail.example")) + "@mail.example"
    with psycopg.connect(company, autocommit=True) as owner:
        owner.execute("UPDATE users SET email = %s WHERE id = 1", (address,))
    with opened(company) as store:
        people = resolved(store, [subject(1, email=address), subject(2, email=address[1:])], ACCOUNT)
        assert store.count(people, ACCOUNT, CUTOFF)[1]["users"].due == 1
        assert store.verify(people, ACCOUNT, CUTOFF)[1]["users"].due == 1
        assert store.count(people, ACCOUNT, CUTOFF)[2]["users"].due == 0
        assert store.verify(people, ACCOUNT, CUTOFF)[2]["users"].due == 0


@pytest.mark.parametrize(("length", "pieces"), [(20, 0), (3_000, 1)])
def test_a_table_of_short_keys_has_no_second_one(company: str, length: int, pieces: int) -> None:
    with opened(company) as store, PinnedConnection.connect(company) as connection:
        mapped = store._mapped(connection, ACCOUNT)
        stage(connection, mapped, [subject(1, email="a" * length, user_id="3")], ACCOUNT)
        [(found,)] = connection.execute(
            "SELECT count(*) FROM pg_class WHERE oid = 'pg_temp.expunge_request'::regclass AND reltoastrelid <> 0"
        ).fetchall()
    assert found == pieces


def test_a_copy_that_is_cancelled_tells_no_key(database: str) -> None:
    """The server logs what it tells its client as the error's context: of a text COPY the line at work."""
    with psycopg.connect(database) as connection, psycopg.connect(database, autocommit=True) as other:
        connection.execute("CREATE TEMPORARY TABLE staged (number integer, c0 text)")

        def rows() -> Iterator[tuple[object, ...]]:
            for number in range(1_000_000):
                yield number, "canary@mail.example"
                if number == 1_000:
                    other.execute("SELECT pg_cancel_backend(%s)", (connection.info.backend_pid,))

        table, columns = sql.Identifier("pg_temp", "staged"), {"number": "integer", "c0": "text"}
        with pytest.raises(psycopg.errors.QueryCanceled) as cancelled:
            staging_tables.copy(connection, table, columns, rows())
        context = str(cancelled.value.diag.context)
        assert "COPY staged, line" in context
        assert "canary" not in context + str(cancelled.value)
