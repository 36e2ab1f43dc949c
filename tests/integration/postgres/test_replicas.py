"""Declared replicas: a real streaming standby is verified as well, waited for, and told from other servers."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from tests.support.blind_search import EMAIL, places, searched
from tests.support.postgres.company import (
    ACCOUNT,
    CUTOFF,
    actions,
    data_map,
    due,
    execute,
    opened,
    populate,
    resolved,
    subject,
)
from tests.support.postgres.own_servers import own_servers
from tests.support.servers import wait_until

from expunge_connectors.contract import RecordCounts, Severity, no_beat
from expunge_connectors.errors import TerminalError, TransientError
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.verify.replicas import Replicas, larger
from expunge_connectors.postgres.verify.verification_query import VerificationQuery
from expunge_demo.dev_servers.postgres import Postgres

ACTIONS = actions(data_map(), "calltrack")


@dataclass(frozen=True, slots=True)
class Standby(Postgres):
    """A server that begins as a copy of another one and follows it."""

    upstream: str = field(default="", repr=False)

    def preparation(self) -> list[str]:
        """Return the call of pg_basebackup."""
        return [str(self.programs / "pg_basebackup"), f"--pgdata={self.data}", f"--dbname={self.upstream}",
                "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its standby, both as superuser; `database` makes the address of a database there."""

    primary: str
    standby: str

    def database(self, name: str) -> tuple[str, str]:
        """The same database on both."""
        made = [urlsplit(url)._replace(path=f"/{name}").geturl() for url in (self.primary, self.standby)]
        return made[0], made[1]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Run both for the module."""
    with own_servers() as server:
        primary, running = server(Postgres, "primary")
        url = primary.url(running.port)
        standby, following = server(Standby, "standby", upstream=url)
        yield Pair(url, standby.url(following.port))


@pytest.fixture
def company(pair: Pair) -> Iterator[tuple[str, str]]:
    """A database with the usual people: its address on the primary and on the standby."""
    with psycopg.connect(pair.primary, autocommit=True) as admin:
        admin.execute("CREATE DATABASE people")
        urls = pair.database("people")
        populate(urls[0])
        wait_until(lambda: caught_up((urls[0], pair.standby)))  # the standby has no such database before
        try:
            yield urls
        finally:
            execute(pair.standby, "SELECT pg_wal_replay_resume()")
            admin.execute("DROP DATABASE people WITH (FORCE)")
            wait_until(lambda: execute(pair.standby, "SELECT FROM pg_database WHERE datname = 'people'") == [])


def caught_up(urls: tuple[str, str]) -> bool:
    [(written,)] = execute(urls[0], "SELECT pg_current_wal_flush_lsn()::text")
    return execute(urls[1], f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == [(True,)]


@contextmanager
def paused(urls: tuple[str, str]) -> Iterator[None]:
    """The standby takes nothing in for the block."""
    wait_until(lambda: caught_up(urls))
    execute(urls[1], "SELECT pg_wal_replay_pause()")
    wait_until(lambda: execute(urls[1], "SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
    try:
        yield
    finally:
        execute(urls[1], "SELECT pg_wal_replay_resume()")


def test_a_standby_is_verified_when_it_has_caught_up(company):
    with opened(company[0], replicas=company[1], replica_wait_seconds=20) as store:
        assert Severity.ERROR not in {one.severity for one in store.inspect()}
        ada = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    assert execute(company[1], "SELECT count(*) FROM messages WHERE user_id = 1") == [(0,)]


def test_verification_waits_and_does_not_take_yesterdays_answer(company):
    with opened(company[0], replicas=[company[1]], replica_wait_seconds=0) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with paused(company):
            store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
            with pytest.raises(TransientError, match=r"store main, replica 1: it is \d+ bytes behind"):
                store.verify(ada, ACCOUNT, CUTOFF)
    with opened(company[0], replicas=[company[1]], replica_wait_seconds=20) as store:
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}


def test_erasing_waits_for_a_standby_that_is_behind(company):
    with opened(company[0], replicas=company[1], replica_wait_seconds=0, replica_lag_bytes=1_000) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with paused(company):
            execute(
                company[0],
                "INSERT INTO messages (user_id, body) SELECT 2, repeat('x', 100) FROM generate_series(1, 100)",
            )
            before = execute(company[0], "SELECT count(*) FROM messages")
            with pytest.raises(TransientError, match="behind"):
                store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
            assert execute(company[0], "SELECT count(*) FROM messages") == before
    with opened(company[0], replicas=company[1], replica_wait_seconds=20, replica_lag_bytes=1_000) as store:
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11


def test_seconds_count_while_something_is_missing(company):
    """A few bytes, and long ago: the standby shows what was true then."""
    with opened(company[0], replicas=company[1], replica_wait_seconds=0, replica_lag_seconds=0) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        before = execute(company[0], "SELECT count(*) FROM messages")
        with paused(company):
            execute(company[0], "UPDATE clients SET name = name")
            with pytest.raises(TransientError, match=r"\d+ bytes behind the primary, and its latest commit is \d+ sec"):
                store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert execute(company[0], "SELECT count(*) FROM messages") == before


def test_who_has_everything_is_not_late(company):
    """However old what it shows is: nobody wrote."""
    with (
        opened(company[0], replicas=company[1], replica_wait_seconds=20, replica_lag_seconds=0) as store,
        psycopg.connect(company[0], autocommit=True) as primary,
    ):
        store._replicas.await_calm(primary, no_beat)


def test_who_waits_for_a_standby_says_so(company):
    beats = []
    with opened(company[0], replicas=company[1], replica_wait_seconds=20, replica_lag_seconds=0) as store:
        waiting = Replicas("main", store._settings, lambda _: execute(company[1], "SELECT pg_wal_replay_resume()"))
        with paused(company), psycopg.connect(company[0], autocommit=True) as primary:
            execute(company[0], "UPDATE clients SET name = name")
            waiting.await_calm(primary, lambda: beats.append(1))
        waiting.close()
    assert beats


def test_what_only_a_standby_shows_is_due():
    one = {1: {"users": RecordCounts(0, 1, 0), "calls": RecordCounts()}}
    other = {1: {"users": RecordCounts(2, 0, 1), "calls": RecordCounts()}}
    assert larger(one, other) == {1: {"users": RecordCounts(2, 1, 1), "calls": RecordCounts()}}


def read_by_library(document):
    document["identities"]["email"]["normaliser"] = "email/3"
    document["identities"]["phone"]["normaliser"] = "phone/1"


@pytest.mark.parametrize("change", [None, read_by_library])
def test_the_statement_on_a_standby_counts_what_the_primary_counts(company, change):
    """Nothing was erased: both see everything, and the larger of two numbers is the number."""
    loaded, replicas = data_map(change), {"replicas": company[1], "replica_wait_seconds": 20}
    if change is not None:
        execute(company[0], "UPDATE users SET email = 'Somebody <' || email || '>'")
    with opened(company[0], loaded) as alone, opened(company[0], loaded, **replicas) as both:
        people = resolved(alone, [subject(number, user_id=str(number)) for number in (1, 2, 3)], ACCOUNT)
        people += [subject(4, email="ada@mail.example")]
        told = alone.verify(people, ACCOUNT, CUTOFF)
        assert told[4]["users"].due == 1
        assert both.verify(people, ACCOUNT, CUTOFF) == told
        empty = {number: dict.fromkeys(tallies, RecordCounts()) for number, tallies in told.items()}

        def verifier(connection):
            live = alone._structure.catalogue.read(connection)
            return VerificationQuery("main", alone._map, alone._data_map, live, ACCOUNT, CUTOFF, StatementCache())

        with psycopg.connect(company[0], autocommit=True) as primary:
            assert both._replicas.verify(primary, verifier, people, empty) == told
            more = {
                number: {name: replace(tally, due=tally.due + 1) for name, tally in tallies.items()}
                for number, tallies in told.items()
            }
            assert both._replicas.verify(primary, verifier, people, more) == more


@pytest.mark.parametrize("which", ["primary", "database", "nowhere"])
def test_what_is_no_standby_of_this_database(company, pair, which):
    address = {
        "primary": company[0],
        "database": pair.standby,
        "nowhere": "postgresql://postgres:pass@127.0.0.1:1/people",
    }[which]
    with opened(company[0], replicas=address, replica_wait_seconds=5) as store:
        ada = [subject(1, user_id="1")]
        kind = TransientError if which == "nowhere" else TerminalError
        for step in (
            lambda: store.verify(ada, ACCOUNT, CUTOFF),
            lambda: store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat),
        ):
            with pytest.raises(kind, match="store main, replica 1") as refused:
                step()
            assert "pass" not in "".join(traceback.format_exception(refused.value))
        if which == "nowhere":
            with pytest.raises(TransientError):
                store.inspect()
        else:
            assert ("replica-other", Severity.ERROR) in {(one.code, one.severity) for one in store.inspect()}


@pytest.mark.parametrize("setting", ["log_min_duration_statement = 0", "log_statement = 'all'"])
def test_a_standby_that_writes_keys_down_is_not_given_any(company, pair, setting):
    name, _, value = setting.partition(" = ")
    with psycopg.connect(pair.standby, autocommit=True) as standby:
        standby.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.SQL(value)))
        standby.execute("SELECT pg_reload_conf()")
        try:
            wait_until(lambda: standby.execute(f"SELECT current_setting('{name}')").fetchone() == (value.strip("'"),))
            with opened(company[0], replicas=company[1], replica_wait_seconds=20) as store:
                assert "replica-records" in {one.code for one in store.inspect()}
                with pytest.raises(TerminalError, match="replica 1: it writes down parameters"):
                    store.verify([subject(1, user_id="1")], ACCOUNT, CUTOFF)
        finally:
            standby.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
            standby.execute("SELECT pg_reload_conf()")


def test_each_of_several_standbys_is_asked(company):
    """Here the second is the first, but for a setting of its sessions by which it is refused as it is asked."""
    second = f"{company[1]}?options=-c%20debug_print_plan%3Don"
    with opened(company[0], replicas=[company[1], second], replica_wait_seconds=20) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match="replica 2: it writes down parameters"):
            store.verify(ada, ACCOUNT, CUTOFF)


def test_a_standby_that_nobody_declared_is_noticed(company):
    with opened(company[0]) as store:
        assert "replica-undeclared" in {one.code for one in store.inspect()}
    with opened(company[0], replicas=company[1]) as store:
        assert "replica-undeclared" not in {one.code for one in store.inspect()}


def test_the_blind_search_reads_a_standby_when_it_has_caught_up(company):
    with opened(company[0], replicas=[company[1]], replica_wait_seconds=0) as store:
        with paused(company):
            execute(company[0], f"CREATE TABLE old_leads AS SELECT '{EMAIL}' AS what")
            with pytest.raises(TransientError, match="does not catch up"):
                searched(store)
        wait_until(lambda: caught_up(company))
        report = searched(store)
    assert report.source == "replica"
    assert [one.name for one in places(report)] == ["public.old_leads.what"]
    execute(company[0], "DROP TABLE old_leads")
