"""Others first: who waits for an erasing transaction gets the lock in the rest after it; the erasure ends all the same.

Nothing is measured in time: one session is held where it is until the server's own view of locks shows the other wait.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

import psycopg
import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CUTOFF,
    actions,
    data_map,
    due,
    execute,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.inspection import ENOUGH
from tests.support.postgres.roles import role
from tests.support.servers import wait_until

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import LockTimeoutError, TransientError
from expunge_connectors.postgres.erase.throttle import BEAT_SECONDS, SMALLEST_SHARE, LoadMonitor, Throttle

ACTIONS = actions(data_map(), "calltrack")
GATE = 4242
# The first row deleted of a table holds the transaction where it is, as long as somebody else has the gate.
GATED = f"""
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$;
CREATE TRIGGER gate AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION gate();
"""


def waiting(url, condition):
    return execute(url, f"SELECT count(*) FROM pg_locks WHERE NOT granted AND {condition}") == [(1,)]


@contextmanager
def thread(target):
    failed = []

    def run():
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - handed to the test, whatever it is
            failed.append(error)

    started = threading.Thread(target=run)
    started.start()
    try:
        yield started
    finally:
        started.join(60)
    assert not started.is_alive()
    assert failed == []


def test_who_waits_gets_the_lock_in_the_rest(company):
    execute(company, GATED)
    got_it = threading.Event()
    rests, seen = [], []

    def other():
        # Ada's last answer goes first, from the leaves inwards.
        assert execute(company, "SELECT id FROM messages WHERE id = 4 FOR UPDATE") == []
        got_it.set()

    def pause(seconds):
        rests.append(seconds)
        seen.append((got_it.wait(30), execute(company, "SELECT count(*) FROM messages WHERE user_id = 1")))

    with opened(company, rows_per_transaction=1, lock_timeout="1min") as store:
        store._foreground = LoadMonitor(None, pause)
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with psycopg.connect(company, autocommit=True) as gate:
            gate.execute(f"SELECT pg_advisory_lock({GATE})")
            with thread(lambda: store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)):
                wait_until(lambda: waiting(company, "locktype = 'advisory'"))
                with thread(other):
                    wait_until(lambda: waiting(company, "locktype IN ('transactionid', 'tuple')"))
                    gate.execute(f"SELECT pg_advisory_unlock({GATE})")
        # It had its lock while the erasure rested, in the middle of the person's rows.
        assert seen[0] == (True, [(2,)])
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
        assert store._foreground.pace == Throttle()
    assert len(rests) == 1


def test_nobody_waits_and_nobody_rests(company):
    rests = []
    with opened(company, rows_per_transaction=1) as store:
        store._foreground = LoadMonitor(None, rests.append)
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with psycopg.connect(company) as idle:
            idle.execute("SELECT FROM messages WHERE user_id = 2 FOR UPDATE")
            store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
    assert rests == []


@pytest.mark.parametrize(("allowed", "rested"), [(0, True), (1, False)])
def test_sessions_of_other_roles_are_counted_without_rights(company, allowed, rested):
    rests, beats = [], []
    with (
        role(company, *ENOUGH) as url,
        opened(url, rows_per_transaction=1, busy_sessions=allowed) as store,
        psycopg.connect(company) as other,
    ):
        other.execute("SELECT")
        store._foreground = LoadMonitor(store._settings.busy_sessions, rests.append)
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, lambda: beats.append(1)) == 11
        assert store._foreground.pace.share == (SMALLEST_SHARE if rested else 1)
    assert bool(rests) is rested
    # No piece of a rest is longer than a beat, or without one; nor is a transaction.
    assert max(rests, default=0) <= BEAT_SECONDS
    assert len(beats) == len(rests) + 10


def test_a_lock_that_is_not_to_be_had_makes_the_next_transaction_smaller(company):
    with opened(company, lock_timeout="100ms") as store:
        store._foreground = LoadMonitor(None, lambda _: None)
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with psycopg.connect(company) as other:
            other.execute("SELECT FROM messages WHERE id = 1 FOR UPDATE")
            with pytest.raises(LockTimeoutError) as refused:
                store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
            assert isinstance(refused.value, TransientError)
            assert store._foreground.pace.share < 1
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat) > 0
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
