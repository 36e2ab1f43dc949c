"""A row says by a customer number whose it is, also where rows of persons are found by that number themselves."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, small_document

from expunge_connectors.contract import SubjectKey, no_beat

_TABLES = """
CREATE TABLE users (id text PRIMARY KEY, email text, card text UNIQUE, created_at timestamptz DEFAULT '2025-01-01');
CREATE TABLE cards (card text PRIMARY KEY, owner text, created_at timestamptz DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, mail text, card text, created_at timestamptz DEFAULT '2025-06-01');
INSERT INTO users VALUES ('1', 'ann@x.example', 'c1'), ('2', 'bob@x.example', 'c2');
INSERT INTO cards VALUES ('c1', '1'), ('c2', '2');
INSERT INTO orders VALUES (1, 'ann@x.example', 'c1'), (2, 'ann@x.example', 'c2'), (3, 'ann@x.example', NULL);
"""
_USERS = """
users: {table: public.users, person: user_id, created: created_at, yields: {user_id: id, email: email%s},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}%s]}
"""
_ORDERS = """
orders: {table: public.orders, created: created_at,
  found_by: [{column: mail, identity: email}, {column: card, identity: order_no}]}
"""
_CARDS = """
cards: {table: public.cards, created: created_at, yields: {order_no: card},
  found_by: [{column: owner, identity: user_id}%s]}
"""
_BY_NUMBER = ", {column: card, identity: order_no}"


@pytest.mark.parametrize(
    "collections",
    [
        _USERS % (", order_no: card", "") + _ORDERS,
        _USERS % (", order_no: card", _BY_NUMBER) + _ORDERS,
        _USERS % ("", "") + _ORDERS + _CARDS % "",
        _USERS % ("", "") + _ORDERS + _CARDS % _BY_NUMBER,
    ],
    ids=["people", "people-found-by-it", "cards", "cards-found-by-it"],
)
def test_a_row_that_holds_anothers_number_stays_beside_the_persons_address(database: str, collections: str) -> None:
    execute(database, _TABLES)
    loaded = checked(small_document(collections))
    with opened(database, loaded) as store:
        ann = resolved(store, [subject(1, user_id="1")], ACME)
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert (counts[1]["orders"].due, counts[1]["orders"].ambiguous) == (2, 1)
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(ann, ACME, CUTOFF)) == {}
    assert left(database, "orders") == [2]


@pytest.mark.parametrize("found_by", ["", _BY_NUMBER], ids=["told", "found-by-it"])
def test_what_a_number_leads_to_stays_once_it_is_somebody_elses(database: str, found_by: str) -> None:
    """Nor is the account that has it by now the person's: it says by its own id who it is."""
    execute(database, _TABLES)
    loaded = checked(small_document(_USERS % (", order_no: card", found_by) + _ORDERS))
    with opened(database, loaded) as store:
        ann = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(
            database,
            "UPDATE users SET card = 'c1' WHERE id = '2'; DELETE FROM orders;"
            "INSERT INTO orders VALUES (9, 'bob@x.example', 'c1')",
        )
        assert store.given_again(ann, ACME, CUTOFF)[1] == {SubjectKey("order_no", "c1")}
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert counts[1]["users"].due == 0


_VISITS = """
visits: {table: public.visits, created: created_at, yields: {order_no: card},
  found_by: [{column: owner, identity: user_id}, {column: card, identity: order_no}]}
loose: {table: public.loose, created: created_at, found_by: [{column: card, identity: order_no}]}
"""


@pytest.mark.parametrize(
    ("came", "gone"),
    [("('c1', NULL)", True), ("('c1', '2')", False), ("('c1', '2'), ('c1', NULL)", False)],
    ids=["nobodys", "bobs", "bobs-and-nobodys"],
)
def test_a_row_without_an_owner_does_not_keep_a_key_that_is_anothers_by_now(
    database: str, came: str, *, gone: bool
) -> None:
    """The visitor id of a device: Bob logs in on it, and what is done there then without a name may be his."""
    execute(
        database,
        _TABLES.replace("card text PRIMARY KEY, owner", "card text, owner")
        + "ALTER TABLE cards RENAME TO visits; CREATE TABLE loose (id int, card text, created_at timestamptz)",
    )
    loaded = checked(small_document(_USERS % ("", "") + _VISITS))
    with opened(database, loaded) as store:
        ann = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(database, f"INSERT INTO visits VALUES {came}; INSERT INTO loose VALUES (1, 'c1', '2025-01-01')")
        again = {} if gone else {1: {SubjectKey("order_no", "c1")}}
        assert store.given_again(ann, ACME, CUTOFF) == again
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "loose") == ([] if gone else [1])
