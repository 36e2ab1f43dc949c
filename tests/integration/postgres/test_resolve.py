"""Resolve: which keys the rows of a subject tell."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.postgres.company import ACCOUNT, CLIENT_1, CUTOFF, execute, opened, resolved, subject

from expunge_connectors.contract import Scope, SubjectKey


def told(store, one, scope, cutoff=CUTOFF):
    return {
        (found.via.namespace, found.via.value, found.collection, found.key.namespace, found.key.value)
        for found in store.resolve([one], scope, cutoff)
    }


def test_a_row_tells_its_yields_and_internal_keys_and_paths_are_followed(company):
    with opened(company) as store:
        nominated = told(store, subject(7, email="ada@mail.example"), ACCOUNT)
        found = told(store, subject(7, user_id="1"), ACCOUNT)
    row = {("users", "user_id", "1"), ("users", "email", "ada@mail.example"), ("users", "phone", "+49301111111")}
    row |= {("users", "main.users.id", "1")}
    # Who is found by an e-mail address leads on once it is known who that is.
    assert nominated == {("email", "ada@mail.example", *one) for one in row}
    assert found == {("user_id", "1", *one) for one in row} | {
        ("main.users.id", "1", "user_addresses", "main.user_addresses.address_id", "1"),
        ("main.users.id", "1", "user_addresses", "main.user_addresses.address_id", "3"),
        ("main.users.id", "1", "invoices", "main.invoices.id", "1"),
        ("main.users.id", "1", "invoices", "main.invoices.id", "2"),
    }


def test_internal_keys_are_told_only_where_no_foreign_key_makes_them_needless(company):
    """A call cannot be gone while its recording refers to it, so nobody needs its id afterwards."""
    with opened(company) as store:
        found = told(store, subject(1, caller_id="1"), CLIENT_1)
        assert {line[3] for line in found} == {"caller_id", "phone", "email", "recording_object"}
        assert ("caller_id", "1", "recordings", "recording_object", "rec/1") in found
        execute(company, "ALTER TABLE recordings DROP CONSTRAINT recordings_call_id_fkey")
        store.relations(CLIENT_1)  # the look with which a step begins
        found = told(store, subject(1, caller_id="1"), CLIENT_1)
        assert ("caller_id", "1", "calls", "main.calls.id", "1") in found
        assert ("main.calls.id", "1", "recordings", "recording_object", "rec/1") in found
        execute(
            company,
            "ALTER TABLE recordings ADD CONSTRAINT later FOREIGN KEY (call_id) REFERENCES calls (id) NOT VALID",
        )
        store.relations(CLIENT_1)
        assert ("caller_id", "1", "calls", "main.calls.id", "1") in told(store, subject(1, caller_id="1"), CLIENT_1)
        execute(company, "ALTER TABLE recordings VALIDATE CONSTRAINT later")
        store.relations(CLIENT_1)
        assert "main.calls.id" not in {line[3] for line in told(store, subject(1, caller_id="1"), CLIENT_1)}


def test_two_persons_behind_one_phone_are_both_reported(company):
    with opened(company) as store:
        found = told(store, subject(1, phone="+49302222222"), ACCOUNT)
    assert {line[4] for line in found if line[3] == "user_id"} == {"2", "3"}


def test_only_the_clients_own_records_are_told(company):
    with opened(company) as store:
        one = subject(1, phone="+49403333333")
        ours = {line[4] for line in told(store, one, CLIENT_1) if line[3] == "caller_id"}
        theirs = {line[4] for line in told(store, one, Scope("client", "2")) if line[3] == "caller_id"}
        nobodys = told(store, one, Scope("client", "3"))
        other = told(store, subject(1, caller_id="2"), CLIENT_1)
    assert ours == {"1"}
    assert theirs == {"2"}
    assert nobodys == set()
    assert other == set()


def test_a_shareable_value_tells_what_it_finds_and_leads_nowhere(company):
    with opened(company) as store:
        found = told(store, subject(1, postal_address="1 long road xtown"), CLIENT_1)
    assert {(line[2], line[3], line[4]) for line in found} == {
        ("leads", "email", "dora@mail.example"),
        ("leads", "email", "other@mail.example"),
        ("leads", "email", "gus@mail.example"),
        ("leads", "caller_id", "1"),
        ("leads", "main.leads.id", "1"),
        ("leads", "main.leads.id", "2"),
        ("leads", "main.leads.id", "3"),
    }


def test_rows_found_by_a_reusable_key_count_only_if_they_are_older_than_the_cutoff(company):
    with opened(company) as store:
        early = datetime(2025, 1, 1, tzinfo=UTC)
        assert told(store, subject(1, email="ada@mail.example"), ACCOUNT, early) == set()
        assert told(store, subject(1, email="ada@mail.example"), ACCOUNT, None) != set()
        assert told(store, subject(1, user_id="1"), ACCOUNT, early) != set()


def test_what_is_no_identifier_leads_nowhere_and_is_told(company):
    execute(company, "UPDATE users SET phone = 'unknown' WHERE id = 1")
    with opened(company) as store:
        found = told(store, subject(1, user_id="1"), ACCOUNT)
    assert {line[3] for line in found if line[2] == "users"} == {
        *("user_id", "email", "main.users.id", "unread:main.users"),
    }
    assert "unknown" not in {line[4] for line in found}


def test_a_tombstone_tells_only_its_key(company):
    execute(
        company,
        "UPDATE users SET email = 'erased-1@erased.invalid', full_name = 'erased', phone = NULL, status = 'closed'"
        " WHERE id = 1",
    )
    with opened(company) as store:
        found = told(store, subject(1, user_id="1"), ACCOUNT)
    assert {line[3] for line in found if line[2] == "users"} == {"user_id", "main.users.id"}
    assert {line[4] for line in found if line[2] == "invoices"} == {"1", "2"}


def test_a_value_that_no_column_can_hold_selects_nothing_and_is_no_error(company):
    values = ["abc", "9" * 30, "1e3", "01", " 1", "1\x00", "", "9223372036854775808", "-0", "1' OR '1'='1"]
    with opened(company) as store:
        for value in values:
            assert told(store, subject(1, user_id=value), ACCOUNT) == set()
            assert told(store, subject(1, **{"main.users.id": value}), ACCOUNT) == set()
            assert told(store, subject(1, email=value), ACCOUNT) == set()


def test_a_whole_chunk_is_answered_at_once_and_each_subject_for_itself(company):
    with opened(company) as store:
        ada, ben = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACCOUNT)
    assert ada.values("email") == ["ada@mail.example"]
    assert ben.values("email") == ["ben@mail.example"]
    assert ada.values("main.user_addresses.address_id") == ["1", "3"]
    assert ben.values("main.user_addresses.address_id") == ["1"]
    assert SubjectKey("phone", "+49301111111") in ada.keys


def test_a_recording_is_found_through_a_lead_without_the_caller(company):
    with opened(company) as store:
        (dora,) = resolved(store, [subject(1, email="dora@mail.example")], CLIENT_1)
    assert dora.values("caller_id") == ["1"]
    assert dora.values("recording_object") == ["rec/1"]
    assert dora.values("phone") == ["+49403333333"]
