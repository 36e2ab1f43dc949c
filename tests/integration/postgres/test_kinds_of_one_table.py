"""Rows of several kinds in one table, each with a data type of its own: collections whose `where` are disjoint."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import findings
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import Severity, no_beat

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users, day date NOT NULL);
CREATE TABLE addresses (id int PRIMARY KEY, kind text NOT NULL, of_id int NOT NULL, day date NOT NULL, street text);
CREATE TABLE labels (id int PRIMARY KEY, address_id int NOT NULL REFERENCES addresses);
CREATE TABLE parcels (id int PRIMARY KEY, address_id int NOT NULL REFERENCES addresses, day date NOT NULL);
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO orders VALUES (1, 2, '2024-06-01'), (2, 1, '2024-06-01'), (3, 1, '2000-01-01');
INSERT INTO addresses VALUES
  (1, 'User', 1, '2024-06-01', 'Ann''s'), (2, 'User', 2, '2024-06-01', 'Bob''s'),
  (3, 'Order', 1, '2024-06-01', 'of Bob''s order'), (4, 'Order', 2, '2024-06-01', 'of Ann''s'),
  (5, 'Order', 3, '2000-01-01', 'of Ann''s old one'), (6, 'Office', 1, '2024-06-01', 'Ann''s office'),
  (7, 'Office', 2, '2024-06-01', 'Bob''s office'), (8, 'User', 1, '2024-06-01', 'Ann''s, as was');
INSERT INTO labels VALUES (1, 1), (2, 2); INSERT INTO parcels VALUES (1, 3, '2024-06-01'), (2, 4, '2024-06-01');
"""
MAP = """
users:
  table: public.users
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "'erased'"}
orders: {table: public.orders, data_type: kept, start: day, found_by: [{column: user_id, of: users.id}]}
homes: {table: public.addresses, found_by: [{column: of_id, of: users.id, where: {kind: User}}]}
deliveries:
  table: public.addresses
  data_type: kept
  start: day
  found_by: [{column: of_id, of: orders.id, where: {kind: [Order, Return]}}]
offices:
  table: public.addresses
  data_type: anchor
  found_by: [{column: of_id, of: users.id, where: {kind: Office}}]
  tombstone: {street: "'erased'"}
labels: {table: public.labels, found_by: [{column: address_id, of: homes.id}]}
parcels: {table: public.parcels, data_type: kept, start: day, found_by: [{column: address_id, of: deliveries.id}]}
"""


@pytest.mark.parametrize("limit", [1, 10_000])
def test_each_kind_of_row_is_treated_as_its_own_data_type_says(database, limit):
    execute(database, TABLES)
    loaded = shape(MAP, user_id="integer/2")
    with opened(database, loaded, rows_per_transaction=limit) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        counted = store.count([ann], ACME, CUTOFF)
        assert counted == store.verify([ann], ACME, CUTOFF)
        assert due(counted) == {"users": 1, "orders": 1, "homes": 2, "deliveries": 1, "offices": 1, "labels": 1}
        assert {name: one.retained for name, one in counted[1].items() if one.retained} == {
            "orders": 1,
            "deliveries": 1,
            "parcels": 1,
        }
        assert store.count_with_obstacles([ann], ACME, CUTOFF)[1] == []
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "addresses", "id, street") == [
        (2, "Bob's"),
        (3, "of Bob's order"),
        (4, "of Ann's"),
        (6, "erased"),
        (7, "Bob's office"),
    ]
    assert (left(database, "labels"), left(database, "parcels")) == ([2], [1, 2])


def test_no_kind_is_in_the_way_of_another_ones_rights_or_request(database):
    execute(database, TABLES)
    loaded = shape(MAP, user_id="integer/2")
    grants = (
        "GRANT SELECT, DELETE ON orders, addresses, labels, parcels TO {role}",
        "GRANT SELECT, UPDATE (name) ON users TO {role}",
        "GRANT UPDATE (street) ON addresses TO {role}",
    )
    with role(database, *grants) as url:
        assert {one.code for one in findings(url, loaded)}.isdisjoint({"right-excessive", "right-missing"})
    with opened(database, loaded) as store:
        # What a parcel points to is a delivery's address, and a label's a home's.
        assert store.needed_by(["parcels"], ACME) == {"deliveries"}
        assert store.needed_by(["labels"], ACME) == {"homes"}
    flow = loaded.stores["main"].key_flow("main", loaded)
    assert (flow["homes"].overlaps, flow["deliveries"].overlaps) == (frozenset(), frozenset())


@pytest.mark.parametrize("where", ["{kind: [User, Order]}", "{kind: ' order'}", "{street: User}", None])
def test_two_collections_that_may_have_one_row_are_refused(where):
    links = "{column: of_id, of: users.id}" if where is None else f"{{column: of_id, of: users.id, where: {where}}}"
    with pytest.raises(AssertionError, match="takes whole rows of this table"):
        shape(MAP.replace("{column: of_id, of: users.id, where: {kind: User}}", links))
