"""Erase and verify: what an inspection relied on still holds when a step begins, or the step does not begin."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CUTOFF,
    actions,
    data_map,
    due,
    dump,
    execute,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.small_schemas import ACME, shape
from tests.support.servers import wait_until

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.errors import StructureChangedError, TerminalError

ACTIONS = actions(data_map(), "calltrack")
FUNCTION = "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$;"
STOPPED = {
    "another table under the name": (
        "ALTER TABLE messages RENAME TO messages_old; CREATE TABLE messages (LIKE messages_old INCLUDING ALL)",
        "messages (name or place)",
    ),
    "another schema": ("CREATE SCHEMA away; ALTER TABLE messages SET SCHEMA away", "messages (name or place)"),
    "dropped": ("DROP TABLE invoice_lines", "invoice_lines"),
    "inherited from": ("CREATE TABLE more () INHERITS (messages)", "messages (name or place)"),
    "row-level security": ("ALTER TABLE messages ENABLE ROW LEVEL SECURITY", "messages (name or place)"),
    "a foreign key to it": ("CREATE TABLE more (id bigint REFERENCES users ON UPDATE CASCADE)", "users (foreign keys)"),
    "no foreign key": ("ALTER TABLE messages DROP CONSTRAINT messages_user_id_fkey", "messages (foreign keys)"),
    # What the inspection finds an error in.
    "no column": ("ALTER TABLE users DROP phone", "users (columns)"),
    "a trigger into a log": (
        FUNCTION.format("DELETE FROM public.access_log;")
        + "CREATE TRIGGER act AFTER DELETE ON messages EXECUTE FUNCTION act()",
        "messages (triggers)",
    ),
    "a check": ("ALTER TABLE users ADD CHECK (status <> 'closed')", "users (constraints)"),
    "no unique index": ("DROP INDEX extra", "calls (unique indexes)"),
}
GOES_ON = {
    "a column more": "ALTER TABLE messages ADD nick text",
    "a trigger": FUNCTION.format("") + "CREATE TRIGGER act AFTER DELETE ON messages EXECUTE FUNCTION act()",
    "a policy": "CREATE POLICY hide ON messages USING (id > 1)",
}


@pytest.mark.parametrize(("statements", "told"), STOPPED.values(), ids=STOPPED)
def test_a_step_does_not_begin_on_what_was_changed_since(company, statements, told):
    execute(
        company,
        "ALTER TABLE call_notes DROP CONSTRAINT call_notes_call_id_fkey;"
        "ALTER TABLE recordings DROP CONSTRAINT recordings_call_id_fkey;"
        "ALTER TABLE calls DROP CONSTRAINT calls_pkey; ALTER TABLE calls ADD PRIMARY KEY (id, client_id);"
        "CREATE UNIQUE INDEX extra ON calls (id)",
    )
    with opened(company) as store:
        assert Severity.ERROR not in {one.severity for one in store.inspect()}
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, statements)
        before = dump(company)
        for step in (
            lambda: store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat),
            lambda: store.verify(ada, ACCOUNT, CUTOFF),
        ):
            with pytest.raises(StructureChangedError) as refused:
                step()
            assert told in str(refused.value)
            assert "expunge check" in str(refused.value.remedy)
        assert dump(company) == before


@pytest.mark.parametrize("statements", GOES_ON.values(), ids=GOES_ON)
def test_a_step_goes_on_where_the_inspection_finds_no_error(company, statements):
    with opened(company) as store:
        store.inspect()
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, statements)
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11
        store.verify(ada, ACCOUNT, CUTOFF)


def test_a_step_goes_on_where_only_a_strangers_row_is_objected_to(company):
    """What comes among rows says nothing of how tables are built: with a row of two people nothing is taken."""
    execute(
        company,
        "CREATE TABLE remarks (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES user_profiles (user_id),"
        " said text); CREATE INDEX ON remarks (user_id);"
        "INSERT INTO remarks SELECT 1, p.user_id, u.email FROM user_profiles p JOIN users u ON u.id <> p.user_id"
        " WHERE 1 NOT IN (p.user_id, u.id) LIMIT 1",
    )

    def remarks(document):
        document["stores"]["main"]["collections"]["remarks"] = {
            "table": "public.remarks",
            "data_type": "messages",
            "owner": {"controller": "calltrack"},
            "undated": "erase",
            "found_by": [{"column": "user_id", "of": "user_profiles.user_id"}],
        }

    loaded = data_map(remarks)
    with opened(company, loaded) as store:
        assert {one.code for one in store.inspect() if one.severity is Severity.ERROR} == {"several-people"}
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, "ALTER TABLE messages ADD nick text")
        assert store.erase(ada, actions(loaded, "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11
        store.verify(ada, ACCOUNT, CUTOFF)
        assert execute(company, "SELECT id FROM remarks") == [(1,)]


def test_what_goes_on_in_a_database_is_no_change(company):
    with opened(company) as store:
        store.inspect()
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(
            company,
            "INSERT INTO messages (user_id, body) VALUES (2, 'm'); CREATE INDEX ON messages (body);"
            "CREATE TABLE strangers (id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM messages;"
            "REINDEX TABLE messages; CLUSTER messages USING messages_pkey; ANALYZE messages",
        )
        assert store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11
        store.verify(ada, ACCOUNT, CUTOFF)


def test_a_partition_may_come_but_not_go(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE calls (id int, at date, user_id int REFERENCES users, PRIMARY KEY (id, at))"
        " PARTITION BY RANGE (at);"
        "CREATE TABLE calls_1 PARTITION OF calls FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');"
        "CREATE INDEX ON calls (user_id); INSERT INTO calls VALUES (1, '2025-01-02', 1)",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
calls: {table: public.calls, found_by: [{column: user_id, of: users.id}]}
""")
    with opened(database, loaded) as store:
        assert Severity.ERROR not in {one.severity for one in store.inspect()}
        ada = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, "CREATE TABLE calls_2 PARTITION OF calls FOR VALUES FROM ('2025-02-01') TO ('2025-03-01')")
        assert store.verify(ada, ACME, CUTOFF)[1]["calls"].due == 1
        execute(database, "ALTER TABLE calls DETACH PARTITION calls_1")
        with pytest.raises(StructureChangedError, match="calls_1"):
            store.verify(ada, ACME, CUTOFF)


def test_an_inspection_with_errors_is_relied_on_by_nobody(company):
    """A process that inspects for another batch, finds errors and refuses it, goes on with the first one."""
    with opened(company) as store:
        store.inspect()
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, "CREATE TABLE more (id bigint REFERENCES users ON DELETE CASCADE)")
        assert Severity.ERROR in {one.severity for one in store.inspect()}
        with pytest.raises(StructureChangedError):
            store.verify(ada, ACCOUNT, CUTOFF)
        execute(company, "DROP TABLE more; ALTER TABLE messages ADD nick text")
        assert Severity.ERROR not in {one.severity for one in store.inspect()}
        store.verify(ada, ACCOUNT, CUTOFF)


LATE = "INSERT INTO messages (user_id, body, created_at) VALUES (1, 'late', '2025-01-01')"
SWAP = "ALTER TABLE messages RENAME TO messages_old; CREATE TABLE messages (LIKE messages_old INCLUDING ALL)"
WAITS_FOR_A_LOCK = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
WAITS_FOR_AN_OLDER_ONE = (
    "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%pg_prepared_xacts%'"
)


@contextmanager
def erased_but_for_a_late_row(company):
    """The store, Ada and a message to her that an honest verification finds."""
    with opened(company, lock_timeout="60s", verification_wait_seconds=60) as store:
        store.inspect()
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACTIONS, ACCOUNT, CUTOFF, no_beat)
        execute(company, LATE)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {"messages": 1}
        yield store, ada


def let_wait(company, sign, verdict, ending):
    """Commit what somebody else has begun when the verification waits for it."""
    wait_until(lambda: verdict.done() or execute(company, sign) != [])
    assert not verdict.done(), verdict.result()
    ending()
    with pytest.raises(StructureChangedError, match=r"messages \(name or place\)"):
        verdict.result()


def test_a_table_swapped_while_a_verification_waits_to_read_it_is_not_called_empty(company):
    """The look at how tables are built is over when the swap, which holds the table's lock, is committed."""
    with erased_but_for_a_late_row(company) as (store, ada), ThreadPoolExecutor(1) as pool:
        with psycopg.connect(company) as other:
            other.execute(SWAP)
            let_wait(company, WAITS_FOR_A_LOCK, pool.submit(store.verify, ada, ACCOUNT, CUTOFF), other.commit)
        assert execute(company, "SELECT count(*) FROM messages_old WHERE user_id = 1") == [(1,)]


def test_a_table_swapped_by_whom_a_verification_waits_for_is_not_called_empty(company):
    """The swap is a prepared transaction, which every verification waits for before it reads."""
    with (
        erased_but_for_a_late_row(company) as (store, ada),
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(company, autocommit=True) as other,
    ):
        other.execute(f"BEGIN; {SWAP}; PREPARE TRANSACTION 'swap'")
        verdict = pool.submit(store.verify, ada, ACCOUNT, CUTOFF)
        let_wait(company, WAITS_FOR_AN_OLDER_ONE, verdict, lambda: other.execute("COMMIT PREPARED 'swap'"))


def test_what_cannot_be_compared_any_more_says_what_to_do(company: str) -> None:
    """Reading rests on the last look at the catalogue, and the server has no such operator: no advice came."""
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(
            company,
            "ALTER TABLE messages DROP CONSTRAINT messages_user_id_fkey; ALTER TABLE messages ALTER user_id TYPE text",
        )
        with pytest.raises(TerminalError, match="no such operator or function for these types") as refused:
            store.count(ada, ACCOUNT, CUTOFF)
    assert "SQLSTATE 42883" in str(refused.value)
    assert "`expunge check`" in str(refused.value.remedy)
