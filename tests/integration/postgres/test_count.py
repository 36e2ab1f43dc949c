"""Count: due, retained and newer, and that verification sees the same with statements of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CLIENT_1,
    CUTOFF,
    actions,
    data_map,
    execute,
    opened,
    resolved,
    subject,
)

from expunge_connectors.contract import RecordCounts, Scope, no_beat
from expunge_connectors.errors import TerminalError


def test_every_collection_of_the_scope_is_there_with_zeros_and_logs_are_absent(company):
    with opened(company) as store:
        counts = store.count([subject(4, email="nobody@mail.example")], ACCOUNT, CUTOFF)
    assert counts == {4: dict.fromkeys(actions(data_map(), "calltrack"), RecordCounts())}


def test_what_there_is_of_ada(company):
    with opened(company) as store:
        people = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        counts = store.count(people, ACCOUNT, CUTOFF)
    assert counts == {
        1: {
            "users": RecordCounts(due=1),
            "user_profiles": RecordCounts(due=1),
            "api_tokens": RecordCounts(due=1),
            "user_addresses": RecordCounts(due=2),
            "addresses": RecordCounts(due=1, retained=1, ground="shared"),
            "messages": RecordCounts(due=3),
            # 29 February 2024 + 10 years ends on the last day of February.
            "invoices": RecordCounts(due=1, retained=1, until=date(2034, 2, 28)),
            "invoice_lines": RecordCounts(due=1, retained=1, until=date(2034, 2, 28)),
            "marketing_optouts": RecordCounts(retained=1, until=date(2035, 1, 1)),
        }
    }


def test_what_there_is_of_a_caller_and_each_row_counts_once(company):
    with opened(company) as store:
        people = resolved(store, [subject(1, phone="+49403333333")], CLIENT_1)
        counts = store.count(people, CLIENT_1, CUTOFF)
    # Lead 1 is found through the caller and by e-mail, lead 2 by phone.
    assert {name: tally.due for name, tally in counts[1].items()} == {
        "callers": 1,
        "calls": 1,
        "call_notes": 1,
        "recordings": 1,
        "transcripts": 1,
        "leads": 2,
        "lead_answers": 2,
    }


def test_a_household_counts_as_due_when_everybody_in_it_is_in_the_chunk(company):
    with opened(company) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACCOUNT)
        counts = store.count(both, ACCOUNT, CUTOFF)
    assert counts[1]["addresses"] == RecordCounts(due=2)
    assert counts[2]["addresses"] == RecordCounts(due=1)


def test_who_registered_after_the_cutoff_is_newer_and_leads_nowhere(company):
    cutoff = datetime(2025, 1, 1, tzinfo=UTC)
    keys = {"email": "ada@mail.example"}
    with opened(company) as store:
        for counts in (
            store.count([subject(1, **keys)], ACCOUNT, cutoff),
            store.verify([subject(1, **keys)], ACCOUNT, cutoff),
        ):
            assert counts[1]["users"] == RecordCounts(newer=1)
            assert counts[1]["marketing_optouts"] == RecordCounts(newer=1)
            assert counts[1]["messages"] == RecordCounts()
        by_id = store.count([subject(1, user_id="1")], ACCOUNT, cutoff)
        assert by_id[1]["users"] == RecordCounts(due=1)
        assert by_id[1]["messages"] == RecordCounts(due=3)


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-06-14", RecordCounts(due=1)), ("2026-06-15", RecordCounts(newer=1))]
)
def test_a_day_without_a_time_is_before_the_cutoff_only_if_the_whole_day_is(company, day, expected):
    execute(company, f"ALTER TABLE users ALTER created_at TYPE date USING '{day}'::date")
    cutoff = datetime(2026, 6, 15, 12, tzinfo=UTC)
    with opened(company) as store:
        one = [subject(1, email="ada@mail.example")]
        assert store.count(one, ACCOUNT, cutoff)[1]["users"] == expected
        assert store.verify(one, ACCOUNT, cutoff)[1]["users"] == expected


@pytest.mark.parametrize(("decision", "expected"), [("erase", RecordCounts(due=1)), ("keep", RecordCounts(newer=1))])
def test_without_a_creation_time_the_map_decides(company, decision, expected):
    def change(document):
        users = document["stores"]["main"]["collections"]["users"]
        del users["created"]
        users["undated"] = decision

    with opened(company, data_map(change)) as store:
        one = [subject(1, email="ada@mail.example")]
        assert store.count(one, ACCOUNT, CUTOFF)[1]["users"] == expected
        assert store.verify(one, ACCOUNT, CUTOFF)[1]["users"] == expected


@pytest.mark.parametrize(
    ("day", "kept"),
    [(datetime(2034, 2, 27, tzinfo=UTC), 1), (datetime(2034, 2, 28, tzinfo=UTC), 0)],
)
def test_retention_ends_on_its_day(company, day, kept):
    with opened(company) as store:
        one = [subject(1, user_id="1", **{"main.users.id": "1"})]
        assert store.count(one, ACCOUNT, day)[1]["invoices"].retained == kept
        assert store.verify(one, ACCOUNT, day)[1]["invoices"].retained == kept


def test_a_retained_row_without_a_start_stays_and_no_day_is_named(company):
    execute(company, "ALTER TABLE invoices ALTER issued_at DROP NOT NULL; UPDATE invoices SET issued_at = NULL")
    with opened(company) as store:
        one = [subject(1, user_id="1", **{"main.users.id": "1"})]
        assert store.count(one, ACCOUNT, CUTOFF)[1]["invoices"] == RecordCounts(retained=2)
        assert store.verify(one, ACCOUNT, CUTOFF)[1]["invoices"] == RecordCounts(retained=2)


def test_a_shareable_key_selects_nothing(company):
    with opened(company) as store:
        one = [subject(1, postal_address="1 long road xtown")]
        assert store.count(one, CLIENT_1, CUTOFF)[1]["leads"] == RecordCounts()
        assert store.verify(one, CLIENT_1, CUTOFF)[1]["leads"] == RecordCounts()


def test_verification_counts_the_same_before_anything_is_erased(company):
    with opened(company) as store:
        for scope, people in (
            (ACCOUNT, [subject(number, user_id=str(number)) for number in (1, 2, 3, 4)]),
            (
                CLIENT_1,
                [subject(1, phone="+49403333333"), subject(2, caller_id="3"), subject(3, email="gus@mail.example")],
            ),
            (Scope("client", "2"), [subject(1, phone="+49403333333")]),
        ):
            whole = resolved(store, people, scope)
            counted, verified = store.count(whole, scope, CUTOFF), store.verify(whole, scope, CUTOFF)
            for number, tallies in counted.items():
                # The plan says that a shared row goes with its last owner; verification, that somebody still owns it.
                assert {**tallies, "addresses": None} == {**verified[number], "addresses": None}


def test_keys_of_another_client_count_nothing(company):
    with opened(company) as store:
        theirs = [subject(1, caller_id="2", **{"main.callers.id": "2", "main.calls.id": "99"})]
        counts = store.count(theirs, CLIENT_1, CUTOFF)
        assert store.count(theirs, Scope("client", "2"), CUTOFF)[1]["callers"] == RecordCounts(due=1)
    assert counts[1]["callers"] == RecordCounts()
    assert counts[1]["calls"] == RecordCounts()


def test_a_request_that_names_no_member_is_refused(company):
    with opened(company) as store, pytest.raises(TerminalError, match="which member"):
        store.count([subject(1, caller_id="1")], Scope("client"), CUTOFF)


def test_a_collection_without_an_owner_blocks(company):
    with opened(
        company, data_map(lambda document: document["stores"]["main"]["collections"]["leads"].pop("owner"))
    ) as store:
        for verb in (store.count, store.verify, store.resolve):
            with pytest.raises(TerminalError, match="collection leads: the map does not say whose"):
                verb([subject(1, user_id="1")], ACCOUNT, CUTOFF)


@pytest.mark.parametrize(
    ("type_", "cutoff", "old", "new"),
    [
        ("timestamptz(0)", 0.2, -0.6, 0.4),
        ("timestamp(0)", 0.2, -0.6, 0.4),
        ("whole", 0.2, -0.6, 0.4),
        ("timestamptz(3)", 0.0002, -0.0006, 0.0004),
        ("timestamptz", 0, -0.000001, 0),
    ],
)
def test_a_time_that_was_rounded_may_be_later_than_it_says(company, type_, cutoff, old, new):
    """The new row is stored as if it were older than the cutoff; where it cannot be known, it is newer."""
    at = CUTOFF + timedelta(seconds=cutoff)
    execute(
        company,
        "SET TimeZone = 'UTC'; CREATE DOMAIN whole AS timestamptz(0);"
        f"ALTER TABLE leads ALTER created_at TYPE {type_};"
        "INSERT INTO leads (client_id, name, postal_address, email, created_at) VALUES"
        f" (1, 'n', 'p', 'old@mail.example', timestamptz '{CUTOFF}' + interval '{old:f} s'),"
        f" (1, 'n', 'p', 'new@mail.example', timestamptz '{CUTOFF}' + interval '{new:f} s')",
    )
    people = [subject(1, email="old@mail.example"), subject(2, email="new@mail.example")]
    with opened(company) as store:
        for told in (store.count(people, CLIENT_1, at), store.verify(people, CLIENT_1, at)):
            assert told[1]["leads"] == RecordCounts(due=1)
            assert told[2]["leads"] == RecordCounts(newer=1)
        store.erase(people, actions(data_map(), "client"), CLIENT_1, at, no_beat)
    rest = execute(company, "SELECT email FROM leads WHERE email IN ('old@mail.example', 'new@mail.example')")
    assert rest == [("new@mail.example",)]


def test_no_day_is_the_last_where_one_of_the_rows_has_no_end(company):
    execute(
        company,
        "INSERT INTO invoices (user_id, number, billing_name, cents, issued_at)"
        " VALUES (1, 'never', 'Ada', 3, 'infinity')",
    )
    with opened(company) as store:
        [ada] = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        counted, verified = store.count([ada], ACCOUNT, CUTOFF), store.verify([ada], ACCOUNT, CUTOFF)
    assert counted[1]["invoices"] == verified[1]["invoices"] == RecordCounts(due=1, retained=2, until=None)
    assert counted[1]["invoice_lines"].until == date(2034, 2, 28)
