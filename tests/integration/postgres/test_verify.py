"""Verify: it waits for whoever began before the cutoff, and reports what they left."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CLIENT_1,
    CUTOFF,
    actions,
    data_map,
    due,
    execute,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.roles import role

from expunge_connectors.contract import RecordCounts, no_beat
from expunge_connectors.errors import NotQuiescentError, TerminalError
from expunge_connectors.postgres.connection import Connections
from expunge_connectors.postgres.spec import PostgresConnection
from expunge_connectors.postgres.verify.quiescence import await_quiescence

# A foreign key would make the erasure wait for the late one, which holds a lock on the parent: then nothing is late.
LOOSE = """
ALTER TABLE messages DROP CONSTRAINT messages_user_id_fkey;
ALTER TABLE invoices DROP CONSTRAINT invoices_user_id_fkey;
"""
ACTIONS = actions(data_map(), "calltrack")
PEOPLE = {
    ACCOUNT: [subject(1, email="ada@mail.example"), subject(7, user_id="3"), subject(9, user_id="404")],
    CLIENT_1: [subject(1, caller_id="1"), subject(2, caller_id="3")],
}
READ = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"


def test_a_late_committer_is_waited_for_and_then_found(company):
    execute(company, LOOSE)
    with opened(company) as store, psycopg.connect(company) as late:
        ada = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        late.execute("INSERT INTO messages (user_id, body) VALUES (1, 'late')")
        late.execute("INSERT INTO users (client_id, email, full_name) VALUES (1, 'ADA@mail.example', 'Ada again')")
        cutoff = store.now()
        store.erase(ada, ACTIONS, ACCOUNT, cutoff, no_beat)
        with pytest.raises(NotQuiescentError, match="store main: 1 transactions"):
            store.verify(ada, ACCOUNT, cutoff)
        late.commit()
        # The second account is of the same e-mail, but not the person who was found: no part of the request.
        counts = store.verify(ada, ACCOUNT, cutoff)
        assert due(counts) == {"messages": 1}
        assert counts[1]["users"] == RecordCounts()


def test_a_late_row_is_erased_when_the_keys_are_resolved_again(company):
    execute(company, LOOSE)
    with opened(company) as store, psycopg.connect(company) as late:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        late.execute(
            "INSERT INTO invoices (user_id, number, billing_name, cents, issued_at) VALUES (1, 'l', 'A', 1, '2001-1-1')"
        )
        late.execute(
            "INSERT INTO invoice_lines (invoice_id, text, cents, issued_at)"
            " SELECT max(id), 't', 1, '2001-1-1' FROM invoices"
        )
        cutoff = store.now()
        store.erase(ada, ACTIONS, ACCOUNT, cutoff, no_beat)
        late.commit()
        assert due(store.verify(ada, ACCOUNT, cutoff)) == {"invoices": 1, "invoice_lines": 1}
        assert store.erase(ada, ACTIONS, ACCOUNT, cutoff, no_beat) == 0  # nothing of it is durable yet
        ada = resolved(store, ada, ACCOUNT)
        assert store.erase(ada, ACTIONS, ACCOUNT, cutoff, no_beat) == 2
        assert due(store.verify(ada, ACCOUNT, cutoff)) == {}


def test_a_transaction_that_has_only_begun_is_waited_for(company):
    with opened(company) as store, psycopg.connect(company) as late:
        late.execute("SELECT 1")
        with pytest.raises(NotQuiescentError):
            store.verify([subject(1, user_id="1")], ACCOUNT, store.now())


def test_who_begins_after_the_cutoff_is_not_waited_for(company):
    with opened(company) as store:
        cutoff = store.now()
        with psycopg.connect(company) as young:
            young.execute("SELECT 1")
            assert 1 in store.verify([subject(1, user_id="1")], ACCOUNT, cutoff)


def test_other_databases_are_not_waited_for(servers, company):
    with opened(company) as store, psycopg.connect(servers.postgres_url) as elsewhere:
        elsewhere.execute("SELECT 1")
        assert 1 in store.verify([subject(1, user_id="1")], ACCOUNT, store.now())


def test_a_prepared_transaction_counts(company):
    execute(company, LOOSE)
    with opened(company) as store:
        with psycopg.connect(company, autocommit=True) as late:
            late.execute("BEGIN")
            late.execute("INSERT INTO messages (user_id, body) VALUES (1, 'late')")
            late.execute("PREPARE TRANSACTION 'late'")
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        cutoff = store.now()
        store.erase(ada, ACTIONS, ACCOUNT, cutoff, no_beat)
        with pytest.raises(NotQuiescentError, match="1 transactions"):
            store.verify(ada, ACCOUNT, cutoff)
        with psycopg.connect(company, autocommit=True) as late:
            late.execute("COMMIT PREPARED 'late'")
        assert due(store.verify(ada, ACCOUNT, cutoff)) == {"messages": 1}


def test_a_transaction_prepared_while_it_is_waited_for_counts(company):
    settings = PostgresConnection.model_validate({"url": company})
    connections = Connections("main", settings)
    with psycopg.connect(company, autocommit=True) as late, connections.lease() as connection:
        late.execute("BEGIN")
        late.execute("INSERT INTO messages (user_id, body) VALUES (1, 'late')")
        (cutoff,) = connection.execute("SELECT clock_timestamp()").fetchone()
        done = []

        def meanwhile(_seconds):
            # The first pause: it is prepared. The second: it commits.
            late.execute(["PREPARE TRANSACTION 'late'", "COMMIT PREPARED 'late'"][len(done)])
            done.append(len(execute(company, "SELECT 1 FROM messages WHERE body = 'late'")))

        assert await_quiescence(connection, cutoff, 60, meanwhile) == 0
        assert done == [0, 1]
    connections.close()


def test_prepared_and_never_ended_it_is_reported(company):
    settings = PostgresConnection.model_validate({"url": company})
    connections = Connections("main", settings)
    with psycopg.connect(company, autocommit=True) as late, connections.lease() as connection:
        late.execute("BEGIN")
        late.execute("INSERT INTO messages (user_id, body) VALUES (1, 'late')")
        (cutoff,) = connection.execute("SELECT clock_timestamp()").fetchone()
        late.execute("PREPARE TRANSACTION 'late'")
        assert await_quiescence(connection, cutoff, 0) == 1
    connections.close()


def test_a_role_that_does_not_see_others_times_waits_for_them_all_the_same(company):
    with role(company, READ) as url, opened(url) as store, psycopg.connect(company) as late:
        late.execute("SELECT 1")
        with pytest.raises(NotQuiescentError):
            store.verify([subject(1, user_id="1")], ACCOUNT, store.now())
        late.rollback()
        assert 1 in store.verify([subject(1, user_id="1")], ACCOUNT, store.now())


def test_it_waits_as_long_as_it_takes_within_bounds(company):
    with opened(company, verification_wait_seconds=60) as store, psycopg.connect(company) as late:
        ada = [subject(1, user_id="1", **{"main.users.id": "1"})]
        late.execute("INSERT INTO messages (user_id, body) VALUES (1, 'late')")
        cutoff = store.now()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(store.verify(ada, ACCOUNT, cutoff)))
        thread.start()
        assert answers == []
        late.commit()
        thread.join(60)
        assert answers[0][1]["messages"].due == 4


@pytest.mark.parametrize("scope", PEOPLE, ids=["account holders", "callers of a client"])
def test_of_what_nobody_erased_it_counts_as_much_as_counting_does(company, scope):
    with opened(company) as store:
        people = resolved(store, PEOPLE[scope], scope)
        counted, verified = store.count(people, scope, CUTOFF), store.verify(people, scope, CUTOFF)
        for tallies in (*counted.values(), *verified.values()):
            tallies.pop("addresses", None)  # shared: to verification the subject's own pointers still keep them
        assert verified == counted
        assert sum(tally.due > 0 for tallies in counted.values() for tally in tallies.values()) > 4, (
            "nothing to compare"
        )


def test_orphans_are_found_by_the_keys_of_parents_that_are_gone(company):
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(
            company, "ALTER TABLE invoice_lines DROP CONSTRAINT invoice_lines_invoice_id_fkey; DELETE FROM invoices"
        )
        assert store.verify(ada, ACCOUNT, store.now())[1]["invoice_lines"].due == 1
        assert store.verify([subject(1, user_id="1")], ACCOUNT, store.now())[1]["invoice_lines"].due == 0


def test_a_role_with_few_rights_can_say_which_database_this_is(company):
    with role(company) as url, opened(url) as few, opened(company) as all_:
        assert few.identity() == all_.identity()
        assert few.identity().parts["database"] == company.rpartition("/")[2]


def test_another_database_of_the_same_cluster_is_another_store(servers, company):
    with opened(company) as here, opened(servers.postgres_url) as there:
        assert here.identity().digest != there.identity().digest
        assert here.identity().parts["system_identifier"] == there.identity().parts["system_identifier"]


def test_rows_that_a_policy_hides_are_not_taken_for_gone(company):
    """Switched on after the inspection: every verb fails then, and says so."""
    with role(company, READ) as url, opened(url) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        execute(company, "ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
        for verb in (store.resolve, store.count, store.verify):
            with pytest.raises(TerminalError, match="collection messages: permission denied"):
                verb([ada], ACCOUNT, CUTOFF)


@pytest.mark.parametrize("table", ["users", "marketing_optouts"])
def test_a_right_that_is_missing_is_told_with_the_collection_also_where_claims_are_looked_up(company, table):
    with role(company, READ) as url, opened(url) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        name = urlsplit(url).username
        execute(company, f"REVOKE SELECT ON {table} FROM {name}")
        for verb in (store.verify, store.count):
            with pytest.raises(TerminalError, match=f"collection {table}: permission denied"):
                verb(ada, ACCOUNT, CUTOFF)
