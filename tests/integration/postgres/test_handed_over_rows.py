"""Rows that become another's while our statement waits for them: they keep what hangs below them."""

from __future__ import annotations

import threading

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, execute, opened, resolved, subject
from tests.support.postgres.locks import wait_until_blocked
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import SubjectKey, no_beat

TABLES = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, note text);
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders);
CREATE TABLE parts (id int PRIMARY KEY, line_id int REFERENCES lines);
INSERT INTO users VALUES (1), (2);
INSERT INTO orders VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO lines VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO parts VALUES (1, 1), (2, 2), (3, 3);
"""
MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
orders:
  table: public.orders
  found_by: [{column: user_id, of: users.id}]
lines: {table: public.lines, found_by: [{column: order_id, of: orders.id}]}
parts: {table: public.parts, found_by: [{column: line_id, of: lines.id}]}
"""
TO_BOB = "UPDATE orders SET user_id = 2 WHERE id = 1"
TO_BOBS_ORDER = "UPDATE lines SET order_id = 3 WHERE id = 1"


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize(("moved", "orders"), [(TO_BOB, [1, 3]), (TO_BOBS_ORDER, [3])], ids=["order", "line"])
def test_what_hangs_below_a_row_stays_with_it(database: str, moved: str, orders: list[int], people: int) -> None:
    execute(database, TABLES)
    execute(database, "INSERT INTO users SELECT generate_series(10, 310)")
    loaded = shape(MAP)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        asked = [subject(1, user_id="1"), *(subject(n, user_id=str(n)) for n in range(10, 9 + people))]
        chunk = resolved(store, asked, ACME)
        bob.execute(moved)
        erasing = threading.Thread(
            target=lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat), daemon=True
        )
        erasing.start()
        wait_until_blocked(database)
        bob.commit()
        erasing.join(60)
        assert not erasing.is_alive()
    assert left(database, "orders") == orders
    assert left(database, "lines") == left(database, "parts") == [1, 3]
    assert 1 not in left(database, "users")


@pytest.mark.parametrize("part", [False, True])
def test_what_hangs_below_a_row_that_stays_is_its_new_owners(database: str, *, part: bool) -> None:
    """A DBA's order was retained, or not asked for, and became Bob's while a lock elsewhere was awaited."""
    execute(database, TABLES)
    kept = "orders:\n  data_type: kept\n  start: d\n"
    execute(database, "ALTER TABLE orders ADD d date NOT NULL DEFAULT '2026-01-01'")
    loaded = shape(
        MAP if part else MAP.replace("orders:\n", kept).replace("users: {", "users: {data_type: kept, start: d, ")
    )
    execute(database, "ALTER TABLE users ADD d date NOT NULL DEFAULT '2026-01-01'")
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute("SELECT FROM lines WHERE id = 2 FOR UPDATE")
        below = {one: actions(loaded, "acme")[one] for one in ("lines", "parts")}
        erasing = threading.Thread(target=lambda: store.erase([ann], below, ACME, CUTOFF, no_beat), daemon=True)
        erasing.start()
        wait_until_blocked(database)
        execute(database, TO_BOB)
        bob.commit()
        erasing.join(60)
        assert not erasing.is_alive()
    assert left(database, "lines") == left(database, "parts") == [1, 3]


TOMBSTONED = """orders:
  data_type: anchor
  tombstone: {user_id: "NULL", note: "NULL"}
"""


def test_a_row_that_looks_like_a_tombstone_is_its_new_owners(database: str) -> None:
    """Ann's order has no note, as a tombstone has none: it is Bob's all the same, and so are its lines."""
    execute(database, TABLES.replace("REFERENCES orders", "").replace("REFERENCES lines", ""))
    execute(database, "UPDATE orders SET note = NULL WHERE id = 1")
    loaded = shape(MAP.replace("orders:\n", 'orders:\n  data_type: anchor\n  tombstone: {note: "NULL"}\n'))
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, TO_BOB)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "lines") == left(database, "parts") == [1, 3]
        again = store.given_again([ann], ACME, CUTOFF)[1]
        assert {(key.namespace, key.value) for key in again} == {("main.orders.id", "1"), ("main.lines.id", "1")}
        execute(database, "DELETE FROM users WHERE id = 2")  # nobody is left whose it could be
        assert SubjectKey("main.orders.id", "1") not in store.given_again([ann], ACME, CUTOFF).get(1, ())


@pytest.mark.parametrize("tombstoned", [False, True])
def test_what_is_known_by_the_id_of_a_row_stays_with_whoever_has_the_row(database: str, *, tombstoned: bool) -> None:
    """No foreign key leads to the orders: their ids are known from the resolution on, and one is Bob's by now."""
    execute(database, TABLES.replace("REFERENCES orders", "").replace("REFERENCES lines", ""))
    loaded = shape(MAP.replace("orders:\n", TOMBSTONED) if tombstoned else MAP)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, TO_BOB)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "orders WHERE user_id IS NOT NULL") == left(database, "lines") == [1, 3]
        assert left(database, "parts") == [1, 3]
        again = store.given_again([ann], ACME, CUTOFF)[1]
        assert {(key.namespace, key.value) for key in again} == {("main.orders.id", "1"), ("main.lines.id", "1")}
        execute(database, "DELETE FROM orders WHERE id = 2; INSERT INTO orders VALUES (2, 1, 'late')")
        execute(database, "INSERT INTO lines VALUES (2, 2)")
        assert store.given_again([ann], ACME, CUTOFF)[1] == again  # the late ones are Ann's
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "orders WHERE user_id IS NOT NULL") == left(database, "lines") == [1, 3]
