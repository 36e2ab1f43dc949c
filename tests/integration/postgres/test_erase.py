"""Erase: everything due goes, nothing else changes, and any interruption ends in the same state."""

from __future__ import annotations

import threading
import traceback
from functools import partial

import psycopg
import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CLIENT_1,
    CUTOFF,
    actions,
    data_map,
    due,
    dump,
    execute,
    gone,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.roles import role

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts, Scope, no_beat
from expunge_connectors.errors import StillReferencedError, TerminalError, TransientError
from expunge_connectors.postgres import connector
from expunge_connectors.postgres.connection import PinnedConnection
from expunge_connectors.postgres.erase import chunk_erasure, collection_erasure, handed_over_rows
from expunge_connectors.postgres.erase.chunk_erasure import slices
from expunge_connectors.postgres.erase.eraser import Eraser

ACCOUNT_ACTIONS = actions(data_map(), "calltrack")
CLIENT_ACTIONS = actions(data_map(), "client")


def smaller(monkeypatch, rows, keys=5_000):
    def eraser(*given, limit, **settings):
        return Eraser(*given, limit=rows, **settings)

    monkeypatch.setattr(connector, "Eraser", eraser)
    monkeypatch.setattr(chunk_erasure, "slices", partial(slices, keys=keys))


def test_all_of_ada_goes_and_nothing_of_anybody_else_changes(company):
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        assert store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    after = dump(company)
    assert {table: len(rows) for table, rows in gone(before, after).items()} == {
        "addresses": 1,
        "api_tokens": 1,
        "invoice_lines": 1,
        "invoices": 1,
        "messages": 3,
        "user_addresses": 2,
        "user_profiles": 1,
        "users": 1,
    }
    assert gone(after, before) == {"users": ['(1,1,erased-1@erased.invalid,erased,,closed,"2025-01-01 00:00:00+00")']}
    for table, rows in gone(before, after).items():
        for row in rows:
            assert any(mark in row for mark in ("Ada", "(1,", ",1,", "-0001")), (table, row)
    assert after["access_log"] == before["access_log"]


def test_all_of_a_caller_goes_for_her_client_alone(company):
    before = dump(company)
    with opened(company) as store:
        dora = resolved(store, [subject(1, phone="+49403333333")], CLIENT_1)
        store.erase(dora, CLIENT_ACTIONS, CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {}
    after = dump(company)
    assert gone(after, before) == {}
    assert {table: len(rows) for table, rows in gone(before, after).items()} == {
        "call_notes": 1, "callers": 1, "calls": 1, "lead_answers": 2, "leads": 2, "recordings": 1, "transcripts": 1
    }  # fmt: skip
    assert len(after["callers"]) == 2  # the other client's Dora, with the same phone, and Emil


def test_a_second_call_finds_nothing_and_changes_nothing(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        once = dump(company)
        assert store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat) == 0
        # A tombstone is nothing that is there of her: neither due nor retained.
        assert store.count(ada, ACCOUNT, CUTOFF) == store.verify(ada, ACCOUNT, CUTOFF)
        assert store.count(ada, ACCOUNT, CUTOFF)[1]["users"].empty
    assert dump(company) == once


def test_only_the_approved_collections_are_touched(company):
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, {"messages": Action.DELETE, "users": Action.TOMBSTONE}, ACCOUNT, CUTOFF, no_beat)
        left = due(store.verify(ada, ACCOUNT, CUTOFF))
    assert set(gone(before, dump(company))) == {"messages", "users"}
    assert set(left) == {"user_profiles", "api_tokens", "user_addresses", "addresses", "invoices", "invoice_lines"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"users": Action.DELETE}, "collection users: delete was approved"),
        ({"invoices": Action.DELETE}, "collection invoices: delete was approved"),
        ({"access_log": Action.DELETE}, "collection access_log: a log is left alone"),
        ({"nowhere": Action.DELETE}, "collection nowhere: the data map does not declare it"),
    ],
)
def test_an_action_that_the_map_does_not_know_is_refused(company, wrong, says):
    before = dump(company)
    with opened(company) as store, pytest.raises(TerminalError, match=says):
        store.erase([subject(1, user_id="1")], wrong, ACCOUNT, CUTOFF, no_beat)
    assert dump(company) == before


def test_collections_of_another_controller_stay_even_when_they_are_named(company):
    before = dump(company)
    with opened(company) as store:
        keys = {"caller_id": "1", "main.callers.id": "1"}
        assert store.erase([subject(1, **keys)], CLIENT_ACTIONS, ACCOUNT, CUTOFF, no_beat) == 0
        assert store.erase([subject(1, **keys)], CLIENT_ACTIONS, Scope("client", "3"), CUTOFF, no_beat) == 0
    assert dump(company) == before


def every_statement():
    for scope, keys, approved in (
        (ACCOUNT, {"email": "ada@mail.example"}, ACCOUNT_ACTIONS),
        (CLIENT_1, {"phone": "+49403333333"}, CLIENT_ACTIONS),
    ):
        for collection in approved:
            if collection != "marketing_optouts":  # retained: the opt-out is not due
                yield pytest.param(scope, keys, approved, collection, id=collection)


@pytest.mark.parametrize(("scope", "keys", "approved", "off"), list(every_statement()))
def test_verification_finds_what_a_missing_statement_left(  # noqa: PLR0917 - fixtures and parameters
    company, monkeypatch, scope, keys, approved, off
):
    # Without foreign keys, so that the parents of what is left go all the same: orphans are found too.
    for table, constraint in execute(
        company, "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f'"
    ):
        execute(company, f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    whole = collection_erasure.erase

    def crippled(search, mapped, limit):
        return 0 if mapped.name == off else whole(search, mapped, limit)

    with opened(company) as store:
        people = resolved(store, [subject(1, **keys)], scope)
        before = store.count(people, scope, CUTOFF)[1][off].due
        monkeypatch.setattr(collection_erasure, "erase", crippled)
        monkeypatch.setattr(handed_over_rows, "refuse", lambda *_: None)  # which would not let it be committed
        store.erase(people, approved, scope, CUTOFF, no_beat)
        assert before > 0
        alone = {"addresses": 1} if off == "user_addresses" else {}  # of hers alone, to which her row still points
        assert due(store.verify(people, scope, CUTOFF)) == {off: before, **alone}
        monkeypatch.setattr(collection_erasure, "erase", whole)
        store.erase(people, approved, scope, CUTOFF, no_beat)
        assert due(store.verify(people, scope, CUTOFF)) == {}


class CrashError(Exception):
    pass


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_killed_after_any_transaction_and_started_again_it_ends_the_same(company, other_company, monkeypatch, rows):
    keys = [subject(1, email="ada@mail.example"), subject(2, user_id="2")]
    with opened(company) as store:
        people = resolved(store, keys, ACCOUNT)
        store.erase(people, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
    undisturbed = dump(company)
    smaller(monkeypatch, rows, keys=4)
    crashes = 0
    beats = 0

    def fail():
        nonlocal beats
        beats += 1
        if beats > crashes:
            raise CrashError

    with opened(other_company) as store:
        people = resolved(store, keys, ACCOUNT)
        while True:
            beats = 0
            try:
                store.erase(people, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, fail)
            except CrashError:
                crashes += 1
                continue
            break
        assert due(store.verify(people, ACCOUNT, CUTOFF)) == {}
    assert crashes >= 2
    assert dump(other_company) == undisturbed


@pytest.mark.heavy
def test_no_crash_falls_between_a_link_that_nobody_sealed_and_what_it_leads_to(company, monkeypatch):
    def crash():
        raise CrashError

    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        # After resolution she moves into two more houses: their keys are in no ledger.
        execute(
            company,
            "INSERT INTO addresses (street, postcode, city) VALUES ('Late', 'p', 'c'), ('Later', 'p', 'c');"
            "INSERT INTO user_addresses (user_id, address_id) SELECT 1, id FROM addresses WHERE street LIKE 'Late%'",
        )
        smaller(monkeypatch, 1)
        for _ in range(30):
            with pytest.raises(CrashError):
                store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, crash)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {"user_addresses": 2, "addresses": 2}
        ada = resolved(store, ada, ACCOUNT)
        with pytest.raises(CrashError):
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, crash)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    assert execute(company, "SELECT street FROM addresses ORDER BY id") == [("Household",), ("Cleo's",)]


def test_a_transaction_touches_at_most_so_many_rows(company, monkeypatch):
    execute(company, "INSERT INTO api_tokens SELECT gen_random_uuid(), 1, 'l', 'x' FROM generate_series(1, 50)")
    smaller(monkeypatch, 7)
    counts = []
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)

        def beat():
            counts.append(len(dump(company)["api_tokens"]))

        store.erase(ada, {"api_tokens": Action.DELETE}, ACCOUNT, CUTOFF, beat)
    assert counts == [46, 39, 32, 25, 18, 11, 4, 2]  # of 53, and two are Ben's and Cleo's


@pytest.mark.parametrize(("seconds", "transactions"), [(60, 1), (1e-9, 6)])
def test_a_transaction_takes_at_most_so_long(company, seconds, transactions):
    """The clock is looked at between collections: with no time at all, each is a transaction of its own."""
    beats = []
    with opened(company, seconds_per_transaction=seconds) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, lambda: beats.append(1))
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    assert len(beats) == transactions


@pytest.mark.parametrize("shape", ["chain", "star", "circle", "own"])
def test_rows_that_refer_to_each_other_go_under_any_limit(company, monkeypatch, shape):
    execute(company, "INSERT INTO messages (user_id, body) SELECT 1, 'x' FROM generate_series(1, 20)")
    reply = {"chain": "id - 1", "star": "5", "circle": "CASE id WHEN 5 THEN 24 ELSE id - 1 END", "own": "id"}[shape]
    execute(company, f"UPDATE messages SET reply_to = {reply} WHERE id BETWEEN 5 AND 24")
    smaller(monkeypatch, 4)
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    assert len(gone(before, dump(company))["messages"]) == 23


def test_two_people_of_one_chunk_who_answered_each_other_go_together(company, monkeypatch):
    execute(company, "UPDATE messages SET reply_to = 3 WHERE id = 1; UPDATE messages SET reply_to = 2 WHERE id = 3")
    smaller(monkeypatch, 10_000, keys=1)
    with opened(company) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACCOUNT)
        store.erase(both, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(both, ACCOUNT, CUTOFF)) == {}


def test_a_row_to_which_somebody_else_points_is_not_deleted(company):
    execute(company, "UPDATE messages SET reply_to = 4 WHERE id = 3")
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=r"messages_reply_to_fkey of table public\.messages") as caught:
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
    assert dump(company) == before
    assert caught.value.remedy is not None


@pytest.mark.parametrize("effect", ["CASCADE", "SET NULL"])
def test_the_database_changes_nobodys_rows_by_itself(company, effect):
    execute(
        company,
        "UPDATE messages SET reply_to = 4 WHERE id = 3; ALTER TABLE messages DROP CONSTRAINT messages_reply_to_fkey,"
        f" ADD CONSTRAINT reply FOREIGN KEY (reply_to) REFERENCES messages ON DELETE {effect}",
    )
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(StillReferencedError, match="not part of the request") as caught:
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert dump(company) == before
        assert "`expunge retry` once they are erased" in str(caught.value.remedy)
        assert "plan anew with a larger EXPUNGE_CHUNK_SIZE" in str(caught.value.remedy)  # where rows form a circle
        execute(company, "UPDATE messages SET reply_to = NULL WHERE id = 3")
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}


@pytest.mark.parametrize("effect", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_no_log_is_written_through_a_cascade(company, effect):
    execute(
        company,
        "ALTER TABLE access_log DROP CONSTRAINT access_log_user_id_fkey,"
        f" ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE {effect}",
    )

    def change(document):
        # A wrong decision: users are deleted although a deletion would delete or change rows of a log.
        users = document["stores"]["main"]["collections"]["users"]
        users["data_type"] = "account"
        del users["tombstone"]

    loaded = data_map(change)
    before = dump(company)
    with opened(company, loaded) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=r"would change rows of public\.access_log"):
            store.erase(ada, actions(loaded, "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert dump(company) == before


def test_the_household_stays_while_somebody_lives_there(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        counts = store.verify(ada, ACCOUNT, CUTOFF)
        assert (counts[1]["addresses"].retained, counts[1]["addresses"].ground) == (1, "shared")
        assert execute(company, "SELECT street FROM addresses ORDER BY id") == [("Household",), ("Cleo's",)]
        ben = resolved(store, [subject(2, user_id="2")], ACCOUNT)
        store.erase(ben, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
    assert execute(company, "SELECT street FROM addresses ORDER BY id") == [("Cleo's",)]


def test_a_shared_address_with_a_cascade_stays_while_somebody_lives_there(company):
    execute(
        company,
        "ALTER TABLE user_addresses DROP CONSTRAINT user_addresses_address_id_fkey,"
        " ADD FOREIGN KEY (address_id) REFERENCES addresses ON DELETE CASCADE",
    )
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}
    assert execute(company, "SELECT user_id FROM user_addresses ORDER BY 1") == [(2,), (3,)]
    assert execute(company, "SELECT street FROM addresses ORDER BY id") == [("Household",), ("Cleo's",)]


def test_two_owners_erased_at_once_leave_no_orphan(company, monkeypatch):
    # Both have taken their link away, and neither has committed, when they ask who else lives there.
    meeting = threading.Barrier(2, timeout=20)
    whole = collection_erasure.erase

    def met(search, mapped, limit):
        if mapped.name == "addresses":
            meeting.wait()
        return whole(search, mapped, limit)

    monkeypatch.setattr(collection_erasure, "erase", met)
    failures = []
    with opened(company) as store:
        people = [resolved(store, [subject(number, user_id=str(number))], ACCOUNT) for number in (1, 2)]

        def erase(one):
            try:
                store.erase(one, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=erase, args=(one,)) for one in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        for one in people:
            assert due(store.verify(one, ACCOUNT, CUTOFF)) == {}
    assert execute(company, "SELECT street FROM addresses") == [("Cleo's",)]


def test_an_owner_who_moves_in_meanwhile_keeps_the_address(company):
    """The one who moves in holds a lock on the address; the connector waits for it and then sees the new owner."""
    with opened(company, lock_timeout="20s") as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACCOUNT)
        with psycopg.connect(company) as mover:
            mover.execute("INSERT INTO user_addresses (user_id, address_id) VALUES (3, 1)")
            thread = threading.Thread(target=store.erase, args=(both, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat))
            thread.start()
            with psycopg.connect(company, autocommit=True) as watcher:
                while not watcher.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchone():
                    assert thread.is_alive()
            mover.commit()
            thread.join(30)
        assert execute(company, "SELECT street FROM addresses ORDER BY id") == [("Household",), ("Cleo's",)]
        assert store.verify(both, ACCOUNT, CUTOFF)[1]["addresses"].ground == "shared"


def test_somebody_who_came_to_the_same_phone_after_resolution_is_not_erased(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, "UPDATE users SET phone = '+49301111111' WHERE id = 3")
        before = dump(company)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert "(3,2,cleo@mail.example" in "".join(dump(company)["users"])
        assert gone(before, dump(company))["users"] == [row for row in before["users"] if row.startswith("(1,")]
        # Another person: no part of the request, and nothing of hers is either.
        counts = store.verify(ada, ACCOUNT, CUTOFF)
        assert counts == store.count(ada, ACCOUNT, CUTOFF)
        assert counts[1]["users"] == RecordCounts()
        assert due(counts) == {}


def test_an_identifier_nobody_had_at_resolution_selects_no_person_who_took_it_since(company):
    nobody = [subject(1, email="nobody@mail.example", phone="+49309999999")]
    with opened(company) as store:
        assert resolved(store, nobody, ACCOUNT) == nobody
        execute(company, "UPDATE users SET email = 'nobody@mail.example' WHERE id = 3")
        execute(company, "UPDATE callers SET phone = '+49309999999' WHERE id = 1")
        before = dump(company)
        for scope, approved, collection in (
            (ACCOUNT, ACCOUNT_ACTIONS, "users"),
            (CLIENT_1, CLIENT_ACTIONS, "callers"),
        ):
            assert store.erase(nobody, approved, scope, CUTOFF, no_beat) == 0
            # Due, so that the request fails; and what is theirs is not even looked for.
            assert due(store.count(nobody, scope, CUTOFF)) == {collection: 1}
            assert due(store.verify(nobody, scope, CUTOFF)) == {collection: 1}
    assert dump(company) == before


def test_no_key_gets_into_the_servers_statistics(company):
    people = [subject(number, email=f"qzcanary{number}@nobody.example") for number in range(1, 9)]
    with opened(company) as store:
        store.resolve(people, ACCOUNT, CUTOFF)
        store.count(people, ACCOUNT, CUTOFF)
        store.verify(people, ACCOUNT, CUTOFF)
    # Its dead rows count as well: their pages, and the log of changes, keep what ever stood there.
    execute(company, "CREATE EXTENSION IF NOT EXISTS pageinspect")
    pages = execute(
        company,
        "SELECT get_raw_page('pg_statistic', block::integer) FROM generate_series("
        "0, pg_relation_size('pg_statistic') / current_setting('block_size')::integer - 1) AS block",
    )
    assert pages
    assert not [page for (page,) in pages if b"qzcanary" in page]


def test_who_registers_again_after_the_cutoff_survives(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        cutoff = store.now()
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, cutoff, no_beat)
        execute(company, "INSERT INTO users (client_id, email, full_name) VALUES (1, 'ADA@mail.example', 'Ada again')")
        execute(
            company, "INSERT INTO messages (user_id, body) SELECT id, 'new' FROM users WHERE full_name = 'Ada again'"
        )
        after = dump(company)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, cutoff, no_beat)
        assert dump(company) == after
        counts = store.verify(ada, ACCOUNT, cutoff)
    assert counts[1]["users"].newer == 1
    assert due(counts) == {}


def test_a_late_row_of_a_known_person_goes_at_any_age(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        execute(company, "INSERT INTO messages (user_id, body) VALUES (1, 'late')")
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {"messages": 1}
        assert store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat) == 1
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}


def test_a_row_that_changes_while_it_is_being_deleted_is_looked_at_again(company):
    """Another session gives a lead a new e-mail address and commits while the deletion waits for the row."""
    with opened(company, lock_timeout="20s") as store:
        gus = [subject(1, email="gus@mail.example")]
        with psycopg.connect(company) as editor:
            editor.execute("UPDATE leads SET email = 'somebody@else.example' WHERE email = 'gus@mail.example'")
            thread = threading.Thread(
                target=store.erase, args=(gus, {"leads": Action.DELETE}, CLIENT_1, CUTOFF, no_beat)
            )
            execute(company, "DELETE FROM lead_answers")
            thread.start()
            with psycopg.connect(company, autocommit=True) as watcher:
                while not watcher.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchone():
                    assert thread.is_alive()
            editor.commit()
            thread.join(30)
    assert len(dump(company)["leads"]) == 3


def test_a_role_that_may_only_read_is_refused(company):
    grants = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    with role(company, grants) as url, opened(url) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=r"collection \w+: permission denied \(SQLSTATE 42501\)"):
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)


def test_a_missing_table_is_refused(company):
    execute(company, "DROP TABLE api_tokens")
    with opened(company) as store:
        for verb in (store.count, store.verify, store.resolve):
            with pytest.raises(TerminalError, match="collection api_tokens: the table is missing"):
                verb([subject(1, user_id="1")], ACCOUNT, CUTOFF)
        with pytest.raises(TerminalError, match="collection api_tokens: the table is missing"):
            store.erase([subject(1, user_id="1")], {"users": Action.TOMBSTONE}, ACCOUNT, CUTOFF, no_beat)


def test_a_locked_row_is_a_passing_matter(company):
    with opened(company, lock_timeout="50ms") as store, psycopg.connect(company) as other:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        other.execute("SELECT FROM users WHERE id = 1 FOR UPDATE")
        with pytest.raises(TransientError, match="collection users: a lock was not to be had in time"):
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        other.rollback()
        store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}


def test_a_server_that_is_away_is_a_passing_matter(company):
    away = company.rpartition("@")[0] + "@127.0.0.1:1/x"
    with opened(away) as store, pytest.raises(TransientError, match="no connection"):
        store.now()


def test_a_server_that_refuses_is_not(company):
    nowhere = company.rpartition("/")[0] + "/nowhere_at_all"
    with role(company) as url:
        for wrong in (nowhere, url.replace("@", "x@")):
            with opened(wrong) as store, pytest.raises(TerminalError, match="refused the connection"):
                store.now()


def test_a_killed_session_is_replaced(company):
    with opened(company) as store:
        store.now()
        execute(
            company,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'expunge'",
        )
        assert store.now() is not None


def test_errors_hold_no_value(company):
    secret = "secret-7f3a@mail.example"
    execute(
        company,
        f"UPDATE users SET email = '{secret}' WHERE id = 1;"
        "ALTER TABLE users ADD CONSTRAINT c CHECK (full_name <> 'erased') NOT VALID;",
    )
    with opened(company) as store:
        ada = resolved(store, [subject(1, email=secret)], ACCOUNT)
        with pytest.raises(TerminalError, match="a check constraint forbids it") as caught:
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.remedy)
    assert secret not in shown
    assert "Ada" not in shown
    assert secret not in repr(ada)


def test_no_key_stands_in_a_statement(company, tmp_path, monkeypatch):
    """On the wire, keys are in COPY data only: nothing that log_statement or log_min_duration could record."""
    secret = "Secret-7f3a@mail.example"
    execute(company, f"UPDATE users SET email = '{secret}', phone = '+49309876543' WHERE id = 1")
    path = tmp_path / "trace"
    connect = PinnedConnection.connect
    with path.open("w") as trace:

        def traced(*args, **kwargs):
            connection = connect(*args, **kwargs)
            connection.pgconn.trace(trace.fileno())
            return connection

        monkeypatch.setattr(PinnedConnection, "connect", traced)
        with opened(company) as store:
            ada = resolved(store, [subject(1, email=secret.lower())], ACCOUNT)
            store.count(ada, ACCOUNT, CUTOFF)
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
            store.verify(ada, ACCOUNT, CUTOFF)
            store.inspect()
    sent = [line for line in path.read_text(errors="replace").splitlines() if "\tF\t" in line]
    assert any("CopyData" in line and secret.lower() in line for line in sent)
    for line in sent:
        if "\tCopyData\t" not in line:
            assert secret.lower() not in line.lower()
            assert "9876543" not in line


@pytest.mark.parametrize("when", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_trigger_that_writes_into_a_log_costs_the_transaction(company, when):
    kind = "CONSTRAINT TRIGGER" if when else "TRIGGER"
    execute(
        company,
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.access_log (ip, browser, url, status) VALUES ('10.9.9.9', 'b', '/', 200); RETURN NULL;"
        " END $$;"
        f"CREATE {kind} noted AFTER DELETE ON messages {when} FOR EACH ROW EXECUTE FUNCTION noted()",
    )
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match="collection access_log: erasing wrote into the log public"):
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert dump(company) == before
        execute(company, "ALTER TABLE messages DISABLE TRIGGER noted")
        assert store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat) == 11


def test_no_row_of_others_comes_between_the_question_and_a_cascade(company, monkeypatch):
    execute(
        company,
        "CREATE TABLE reactions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint REFERENCES users,"
        " message_id bigint REFERENCES messages ON DELETE CASCADE)",
    )

    def change(document):
        document["stores"]["main"]["collections"]["reactions"] = {
            "table": "public.reactions",
            "data_type": "account",
            "owner": {"controller": "calltrack"},
            "found_by": [{"column": "user_id", "of": "users.id"}],
        }

    loaded = data_map(change)
    asked = collection_erasure._guard
    refused = []

    def guard(search, mapped, circle):
        asked(search, mapped, circle)
        if mapped.name == "messages":
            with pytest.raises(psycopg.errors.LockNotAvailable):
                execute(
                    company, "SET lock_timeout = '200ms'; INSERT INTO reactions (user_id, message_id) VALUES (2, 1)"
                )
            refused.append(mapped.name)

    monkeypatch.setattr(collection_erasure, "_guard", guard)
    with opened(company, loaded) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        store.erase(ada, actions(loaded, "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert refused == ["messages"]


def test_rows_that_come_back_end_the_erasure(company, monkeypatch):
    smaller(monkeypatch, 1)
    beats = 0

    def beat():
        nonlocal beats
        beats += 1
        assert beats < 50
        execute(company, "INSERT INTO api_tokens VALUES (gen_random_uuid(), 1, 'l', 'x', '2025-01-01')")

    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match="collection api_tokens: rows come back"):
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, beat)


def test_a_row_whose_keys_nobody_knows_yet_waits_and_so_does_what_it_refers_to(company):
    """A recording that came after the resolution is the only pointer to its object in another store."""
    with opened(company) as store:
        dora = resolved(store, [subject(1, phone="+49403333333")], CLIENT_1)
        execute(company, "INSERT INTO recordings (call_id, object_key, bytes) VALUES (1, 'rec/late', 1)")
        store.erase(dora, CLIENT_ACTIONS, CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {"callers": 1, "calls": 1, "recordings": 1}
        assert execute(company, "SELECT object_key FROM recordings WHERE call_id = 1") == [("rec/late",)]
        dora = resolved(store, dora, CLIENT_1)
        assert "rec/late" in dora[0].values("recording_object")
        store.erase(dora, CLIENT_ACTIONS, CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {}


def test_a_row_that_names_a_person_of_whom_nothing_was_known_waits(company):
    """Leads of two people under an e-mail address that nobody had: whose request is it?"""
    asked = [subject(1, email="nobody@mail.example")]
    with opened(company) as store:
        assert resolved(store, asked, CLIENT_1) == asked
        execute(
            company,
            "INSERT INTO leads (client_id, caller_id, name, postal_address, email, created_at) VALUES"
            " (1, 1, 'Dora', 'x', 'nobody@mail.example', '2025-01-01'),"
            " (1, 3, 'Emil', 'x', 'nobody@mail.example', '2025-01-01');"
            "INSERT INTO lead_answers (lead_id, question, answer) SELECT max(id), 'q', 'a' FROM leads",
        )
        before = dump(company)
        assert store.erase(asked, CLIENT_ACTIONS, CLIENT_1, CUTOFF, no_beat) == 0
        assert due(store.verify(asked, CLIENT_1, CUTOFF))["leads"] == 2
    assert dump(company) == before


def test_what_is_no_identifier_lets_no_row_wait(company):
    execute(company, "UPDATE recordings SET object_key = '' WHERE id = 1")
    with opened(company) as store:
        dora = resolved(store, [subject(1, phone="+49403333333")], CLIENT_1)
        store.erase(dora, CLIENT_ACTIONS, CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {}


def test_only_erasing_commits(company, tmp_path, monkeypatch):
    """Whatever a reading transaction did, it is rolled back."""
    path = tmp_path / "trace"
    connect = PinnedConnection.connect
    with path.open("w") as trace:

        def traced(*args, **kwargs):
            connection = connect(*args, **kwargs)
            connection.pgconn.trace(trace.fileno())
            return connection

        monkeypatch.setattr(PinnedConnection, "connect", traced)
        with opened(company) as store:
            ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
            store.now()
            store.identity()
            store.inspect()
            store.count(ada, ACCOUNT, CUTOFF)
            store.verify(ada, ACCOUNT, CUTOFF)
            read = path.read_text(errors="replace")
            store.erase(ada, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
    assert "ROLLBACK" in read
    assert "COMMIT" not in read.replace("ON COMMIT DROP", "")
    assert "COMMIT" in path.read_text(errors="replace")[len(read) :].replace("ON COMMIT DROP", "")


@pytest.mark.parametrize("effect", ["", "ON DELETE RESTRICT", "ON DELETE NO ACTION"])
def test_rows_of_two_slices_that_refer_to_each_other_go_together(company, monkeypatch, effect):
    """Ben answers Ada: her message goes with his. Servers have two words for the refusal that tells so."""
    execute(
        company,
        "ALTER TABLE messages DROP CONSTRAINT messages_reply_to_fkey;"
        f"ALTER TABLE messages ADD FOREIGN KEY (reply_to) REFERENCES messages {effect};"
        "UPDATE messages SET reply_to = 1 WHERE user_id = 2",
    )
    smaller(monkeypatch, 10_000, keys=1)
    with opened(company) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACCOUNT)
        store.erase(both, ACCOUNT_ACTIONS, ACCOUNT, CUTOFF, no_beat)
        assert due(store.verify(both, ACCOUNT, CUTOFF)) == {}
    assert execute(company, "SELECT count(*) FROM messages") == [(0,)]
