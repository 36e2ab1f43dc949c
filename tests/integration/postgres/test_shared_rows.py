"""Rows that people share: every foreign key to one is an owner's, the company's tables' as well as people's."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import findings, free
from tests.support.postgres.locks import wait_until_blocked
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_connectors.contract import Scope, Severity, Subject, SubjectKey, no_beat
from expunge_connectors.postgres.erase.chunk_erasure import SUBJECTS_PER_TRANSACTION

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE addresses (id int PRIMARY KEY, street text);
CREATE TABLE lives_at (
  user_id int REFERENCES users, address_id bigint REFERENCES addresses, PRIMARY KEY (user_id, address_id)
);
CREATE TABLE orders (
  id int PRIMARY KEY, user_id int REFERENCES users, ship_to int REFERENCES addresses ON DELETE CASCADE
);
CREATE TABLE stores (id int PRIMARY KEY, address_id bigint REFERENCES addresses ON DELETE SET NULL);
CREATE TABLE inventory (id int PRIMARY KEY, store_id int REFERENCES stores);
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO addresses VALUES (1, 'her own'), (2, 'a store''s'), (3, 'of her order'), (4, 'of his order'), (5, 'his');
INSERT INTO lives_at SELECT 1, id FROM addresses WHERE id < 5;
INSERT INTO orders VALUES (1, 1, 3), (2, 2, 4), (3, 2, 5);
INSERT INTO stores VALUES (1, 2); INSERT INTO inventory VALUES (1, 1);
"""
DELETED = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
lives_at: {table: public.lives_at, found_by: [{column: user_id, of: users.id}]}
addresses: {table: public.addresses, sharing: last_owner, found_by: [{column: id, of: lives_at.address_id}]}
"""


def company_map(collections, *places):
    document = small_document(collections)
    free(*places)(document)
    return checked(document)


def test_a_shared_row_stays_while_any_foreign_key_that_is_not_the_requests_leads_to_it(database):
    execute(database, TABLES)
    loaded = company_map(DELETED, "public.stores")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        counted = store.count([ann], ACME, CUTOFF)[1]["addresses"]
        assert (counted.due, counted.retained, counted.ground) == (2, 2, "shared")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "addresses") == [2, 4, 5]
    assert left(database, "stores", "id, address_id") == [(1, 2)]
    assert left(database, "orders") == [2, 3]


def test_a_shared_row_is_due_while_nobody_points_to_it_but_the_person_who_is_due(database):
    """By a link or by a foreign key. Before that it counted as kept for others, who do not have it."""
    execute(database, TABLES)
    with opened(database, company_map(DELETED, "public.stores")) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        [bob] = resolved(store, [subject(2, user_id="2")], ACME)
        assert facts(store.verify([ann], ACME, CUTOFF), "addresses") == (2, 2, 0, "shared")
        execute(database, "INSERT INTO lives_at VALUES (2, 1)")
        for people in ([ann], [ann, bob]):
            assert facts(store.verify(people, ACME, CUTOFF), "addresses") == (1, 3, 0, "shared")
        of_bob = store.verify([ann, bob], ACME, CUTOFF)[2]["addresses"]
        assert (of_bob.due, of_bob.retained, of_bob.ground) == (0, 1, "shared")


def test_a_shared_row_is_overwritten_when_only_tombstones_lead_to_it(database):
    execute(database, "CREATE TABLE people (id text PRIMARY KEY, name text, address_id int NOT NULL)")
    execute(database, "CREATE TABLE addresses (id bigint PRIMARY KEY, street text)")
    execute(database, "CREATE TABLE stores (id int PRIMARY KEY, address_id bigint REFERENCES addresses)")
    execute(database, "INSERT INTO addresses VALUES (1, 'Ann''s'), (2, 'of both'), (3, 'a store''s')")
    execute(database, "INSERT INTO people VALUES ('ann', 'Ann', 1), ('bob', 'Bob', 2), ('cleo', 'Cleo', 2)")
    execute(database, "INSERT INTO people VALUES ('dora', 'Dora', 3); INSERT INTO stores VALUES (1, 3)")
    execute(database, "ALTER TABLE people ADD FOREIGN KEY (address_id) REFERENCES addresses")
    execute(database, "CREATE TABLE parcels (id int PRIMARY KEY, address_id bigint REFERENCES addresses)")
    execute(database, "INSERT INTO parcels SELECT id, id FROM addresses")
    loaded = company_map(
        """
people:
  table: public.people
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "'erased ' || id"}
addresses:
  table: public.addresses
  data_type: anchor
  sharing: last_owner
  found_by: [{column: id, of: people.address_id}]
  tombstone: {street: "'erased'"}
parcels: {table: public.parcels, found_by: [{column: address_id, of: addresses.id}]}
""",
        "public.stores",
    )
    with opened(database, loaded) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        for name, expected, parcels in (
            ("ann", (1, 0), [2, 3]),
            ("bob", (0, 1), [2, 3]),
            ("cleo", (1, 0), [3]),
            ("dora", (0, 1), [3]),
        ):
            [person] = resolved(store, [subject(1, user_id=name)], ACME)
            counted = store.count([person], ACME, CUTOFF)[1]["addresses"]
            assert (counted.due, counted.retained) == expected
            store.erase([person], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            counted, verified = store.count([person], ACME, CUTOFF), store.verify([person], ACME, CUTOFF)
            assert counted == verified
            assert due(verified) == {}
            assert left(database, "parcels") == parcels
    assert left(database, "addresses", "id, street") == [(1, "erased"), (2, "erased"), (3, "a store's")]


LOOKS_ERASED = """
CREATE TABLE addresses (id int PRIMARY KEY, street text);
CREATE TABLE people (id int PRIMARY KEY, name text, address_id int NOT NULL REFERENCES addresses);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, note text, address_id int NOT NULL REFERENCES addresses);
INSERT INTO addresses VALUES (1, 'of both'), (3, 'of her order and his'), (4, 'of her order and one of nobody''s');
INSERT INTO people VALUES (1, 'Ann', 1), (2, NULL, 1);
INSERT INTO orders VALUES (1, 1, 'a', 3), (2, 2, NULL, 3), (3, 1, 'b', 4), (4, 99, NULL, 4);
"""


@pytest.mark.parametrize("people", [1, 300])
def test_who_merely_looks_like_a_tombstone_owns_a_shared_row(database: str, people: int) -> None:
    """Bob has no name, and his order no note: both hold what a tombstone puts there."""
    execute(database, LOOKS_ERASED)
    loaded = company_map(
        """
people:
  table: public.people
  data_type: anchor
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: "NULL"}
orders:
  table: public.orders
  data_type: anchor
  found_by: [{column: user_id, of: people.id}]
  tombstone: {note: "NULL"}
addresses:
  table: public.addresses
  data_type: anchor
  sharing: last_owner
  found_by: [{column: id, of: people.address_id}, {column: id, of: orders.address_id}]
  tombstone: {street: "'erased'"}
"""
    )
    with opened(database, loaded) as store:
        asked = [subject(n, user_id=str(n)) for n in (1, *range(100, 99 + people))]
        chunk = resolved(store, asked, ACME)
        counted = store.count(chunk, ACME, CUTOFF)[1]["addresses"]
        # Nobody is left who had the other order.
        assert (counted.due, counted.retained, counted.ground) == (1, 2, "shared")
        store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        verified = store.verify(chunk, ACME, CUTOFF)
        assert store.count(chunk, ACME, CUTOFF) == verified
        assert due(verified) == {}
    streets = dict(left(database, "addresses", "id, street"))
    assert (streets[1], streets[3], streets[4]) == ("of both", "of her order and his", "erased")


def test_a_table_of_the_companys_is_no_log_and_what_it_points_to_has_to_stay(database):
    execute(database, TABLES)
    loaded = company_map(DELETED, "public.stores")
    found = findings(database, loaded)
    assert [one for one in found if one.severity is Severity.ERROR] == []
    undeclared = [one for one in findings(database, company_map(DELETED)) if one.code == "undeclared-table"]
    assert [(one.message.split()[0], "unmapped_ok" in one.remedy) for one in undeclared] == [
        ("public.inventory", True),
        ("public.stores", True),
    ]
    unshared = DELETED.replace(" sharing: last_owner,", "")
    execute(database, "ALTER TABLE stores ADD manager_id int REFERENCES users; CREATE INDEX ON stores (manager_id)")
    stays = [one for one in findings(database, company_map(unshared, "public.stores")) if "stores" in one.message]
    assert {(one.code, one.collection) for one in stays if one.severity is Severity.ERROR} == {
        ("cascade-into-undeclared", "addresses"),
        ("retained-child", "users"),
    }


def test_what_else_points_to_a_shared_row_must_be_readable(database):
    execute(database, TABLES)
    loaded = company_map(DELETED, "public.stores")
    mapped = "users, orders, lives_at, addresses"
    grants = (f"GRANT SELECT, DELETE ON {mapped} TO {{role}}", "GRANT UPDATE (id) ON addresses, orders TO {role}")
    with role(database, *grants) as url:
        [missing] = [one for one in findings(url, loaded) if one.code == "right-missing"]
        execute(database, missing.remedy)
        execute(database, "ALTER TABLE stores ENABLE ROW LEVEL SECURITY")
        [hidden] = [one for one in findings(url, loaded) if one.severity is Severity.ERROR]
        execute(database, "ALTER TABLE stores DISABLE ROW LEVEL SECURITY")
        assert [one for one in findings(url, loaded) if one.severity is Severity.ERROR] == []
        with opened(url, loaded) as store:
            [ann] = resolved(store, [subject(1, user_id="1")], ACME)
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert (missing.collection, hidden.code) == ("addresses", "row-level-security")
    assert missing.remedy.startswith('GRANT SELECT ("address_id") ON "public"."stores" TO ')
    assert left(database, "addresses") == [2, 4, 5]


JOINT = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE accounts (id int PRIMARY KEY, vault text UNIQUE);
CREATE TABLE owners (
  user_id int REFERENCES users, account_id int REFERENCES accounts, PRIMARY KEY (user_id, account_id)
);
CREATE TABLE tx (id int PRIMARY KEY, account_id int REFERENCES accounts);
CREATE TABLE safes (id int PRIMARY KEY, vault text);
INSERT INTO users VALUES (1), (2), (3);
INSERT INTO accounts VALUES (1, 'joint'), (2, 'hers'), (3, 'nobodys');
INSERT INTO owners VALUES (1, 1), (2, 1), (1, 2);
INSERT INTO tx VALUES (1, 1), (2, 2); INSERT INTO safes VALUES (1, 'joint'), (2, 'hers');
"""
BELOW = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
owners: {table: public.owners, found_by: [{column: user_id, of: users.id}]}
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}],
  yields: {token: {column: vault, never_shared: {reason: random, approved_by: an officer}}}}
tx: {table: public.tx, found_by: [{column: account_id, of: accounts.id}]}
safes: {table: public.safes, found_by: [{column: vault, identity: token}]}
"""


def erased_together(store, loaded, *people):
    """What the plan says is due, and what other stores are told before and after; all of it goes, in two rounds."""
    subjects = resolved(store, people, ACME)
    planned, told = due(store.count(subjects, ACME, CUTOFF)), tokens(subjects)
    for _ in range(2):
        store.erase(subjects, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        subjects = resolved(store, subjects, ACME)
    assert due(store.count(subjects, ACME, CUTOFF)) == due(store.verify(subjects, ACME, CUTOFF)) == {}
    return planned, told, tokens(subjects)


def tokens(subjects):
    return {key.value for one in subjects for key in one.keys if key.namespace == "token"}


def test_a_shared_row_leads_on_to_what_hangs_below_it_only_when_it_goes(database):
    execute(database, JOINT)
    loaded = company_map(BELOW)
    with opened(database, loaded) as store:
        planned, told, _ = erased_together(store, loaded, subject(1, user_id="1"))
        assert (planned, told) == ({"users": 1, "owners": 2, "accounts": 1, "tx": 1, "safes": 1}, {"hers"})
        assert (left(database, "accounts"), left(database, "tx"), left(database, "safes")) == ([1, 3], [1], [1])
        # The last owner takes all of it along.
        planned, told, _ = erased_together(store, loaded, subject(1, user_id="2"))
        assert (planned, told) == ({"users": 1, "owners": 1, "accounts": 1, "tx": 1, "safes": 1}, {"joint"})
    assert (left(database, "accounts"), left(database, "tx"), left(database, "safes")) == ([3], [], [])


def test_what_hangs_below_a_shared_row_is_its_owners_though_the_row_stays(database):
    """A hold, or a request for one data type, keeps her own rows that point there; the receipt said `erased`."""
    execute(database, JOINT)
    loaded = company_map(BELOW.partition("safes:")[0])
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert due(store.count([ann], ACME, CUTOFF)) == {"users": 1, "owners": 2, "accounts": 1, "tx": 1}
        assert due(store.verify([ann], ACME, CUTOFF)) == {"users": 1, "owners": 2, "accounts": 1, "tx": 1}
        assert store.erase([ann], {"tx": actions(loaded, "acme")["tx"]}, ACME, CUTOFF, no_beat) == 1
        assert due(store.count([ann], ACME, CUTOFF)) == {"users": 1, "owners": 2, "accounts": 1}
        assert due(store.verify([ann], ACME, CUTOFF)) == {"users": 1, "owners": 2, "accounts": 1}
    assert (left(database, "accounts"), left(database, "tx")) == ([1, 2, 3], [1])


def test_what_hangs_below_a_shared_row_goes_with_all_its_owners_at_once(database):
    execute(database, JOINT)
    loaded = company_map(BELOW)
    with opened(database, loaded) as store:
        planned, told, after = erased_together(store, loaded, subject(1, user_id="1"), subject(2, user_id="2"))
    # Of either of them the other store hears when it is known that the row goes: the other one may have to stay.
    assert planned["tx"] == 3
    assert (told, after) == ({"hers"}, {"hers", "joint"})
    assert (left(database, "accounts"), left(database, "tx"), left(database, "safes")) == ([3], [], [])


def test_a_shared_row_of_two_who_go_waits_for_the_round_in_which_its_key_is_told(database):
    """Neither of them is told it while the other one is there, and what comes late below would not be found without."""
    execute(database, JOINT)
    loaded = company_map(
        BELOW.partition("accounts:")[0]
        + """
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
tx: {table: public.tx, found_by: [{column: account_id, of: accounts.id}]}
"""
    )
    with opened(database, loaded) as store:
        people = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 2, "owners": 3, "accounts": 3, "tx": 3}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert (left(database, "accounts"), left(database, "tx"), left(database, "users")) == ([1, 3], [], [3])
        seen = store.verify(people, ACME, CUTOFF)
        assert due(seen) == due(store.count(people, ACME, CUTOFF)) == {"accounts": 2}
        people = resolved(store, people, ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert (left(database, "accounts"), left(database, "tx")) == ([3], [])


@pytest.mark.parametrize("token", ["", "yields: {token: vault},"])
def test_what_hangs_below_a_shared_row_of_two_is_theirs_though_the_row_stays(database: str, token: str) -> None:
    """Neither is told what the row yields while the other one is there: what hangs below waited for it, and failed."""
    execute(database, JOINT)
    loaded = company_map(
        BELOW.partition("accounts:")[0]
        + f"""
accounts: {{table: public.accounts, sharing: last_owner, {token} found_by: [{{column: id, of: owners.account_id}}]}}
tx: {{table: public.tx, found_by: [{{column: account_id, of: accounts.id}}]}}
"""
    )
    with opened(database, loaded) as store:
        people = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        assert due(store.count(people, ACME, CUTOFF))["tx"] == 3
        assert store.erase(people, {"tx": actions(loaded, "acme")["tx"]}, ACME, CUTOFF, no_beat) == 2
        assert "tx" not in due(store.verify(people, ACME, CUTOFF))
    assert (left(database, "accounts"), left(database, "owners", "count(*)")) == ([1, 2, 3], [3])
    assert left(database, "tx") == []


def test_owners_whose_rows_stay_are_erased_in_one_transaction(database: str) -> None:
    """A thousand people stand between them in the chunk: to either of them the other one's row was a stranger's."""
    execute(database, JOINT)
    loaded = company_map(
        BELOW.partition("accounts:")[0]
        + """
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
tx: {table: public.tx, found_by: [{column: account_id, of: accounts.id}]}
"""
    )
    with opened(database, loaded) as store:
        ann, bob = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        chunk = [ann, *(subject(n, user_id=str(n)) for n in range(100, 100 + SUBJECTS_PER_TRANSACTION)), bob]
        assert due(store.count(chunk, ACME, CUTOFF))["tx"] == 3
        store.erase(chunk, {"tx": actions(loaded, "acme")["tx"]}, ACME, CUTOFF, no_beat)
        assert "tx" not in due(store.verify(chunk, ACME, CUTOFF))
    assert left(database, "tx") == []


def test_what_hangs_below_a_row_of_two_and_names_things_itself_waits_and_says_for_what(database: str) -> None:
    """What it names is told to neither of them while both own the row above: without it, that would be lost."""
    execute(database, JOINT + "ALTER TABLE tx ADD slip text UNIQUE; UPDATE tx SET slip = 's' || id")
    loaded = company_map(
        BELOW.partition("accounts:")[0]
        + """
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
tx: {table: public.tx, yields: {token: slip}, found_by: [{column: account_id, of: accounts.id}]}
"""
    )
    with opened(database, loaded) as store:
        people = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        assert tokens(people) == {"s2"}
        store.erase(people, {"tx": actions(loaded, "acme")["tx"]}, ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF))["tx"] == 2
        assert store.waiting(people, ACME, CUTOFF) == {1: {"tx": ["token"]}, 2: {"tx": ["token"]}}
        assert left(database, "tx") == [1]
        # Where all of it was asked for, the account has no owner by the second round, and tells both.
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        people = resolved(store, people, ACME)
        assert (tokens(people), left(database, "tx"), left(database, "accounts")) == ({"s1", "s2"}, [1], [1, 3])
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert (left(database, "tx"), left(database, "accounts")) == ([], [3])


def test_what_shared_rows_tell_when_all_their_owners_go_is_told_beforehand(database: str) -> None:
    """A plan counts what the second round will find."""
    execute(database, JOINT + "ALTER TABLE tx ADD slip text UNIQUE; UPDATE tx SET slip = 's' || id")
    below = BELOW.partition("tx:")[0] + "tx: {table: public.tx, yields: {token: slip}, "
    with opened(database, company_map(below + "found_by: [{column: account_id, of: accounts.id}]}")) as store:
        ann, bob, carl = (subject(n, user_id=str(n)) for n in (1, 2, 3))
        going = {"users", "owners", "accounts", "tx"}

        def told(*people: Subject, names: Collection[str] = going) -> set[tuple[int, str]]:
            found = store.resolve_together(people, ACME, CUTOFF, names)
            assert {one.collection for one in found} <= {"accounts", "tx"}
            return {(one.number, one.key.value) for one in found if one.key.namespace == "token"}

        hers = {(1, "hers"), (1, "s2")}
        joint = {(number, key) for number in (1, 2) for key in ("joint", "s1")}
        assert told(ann, carl) == hers
        assert told(ann, bob, carl) == hers | joint
        assert told(ann, bob, names=going - {"accounts"}) == set(), "they stay, and have their owners"
        assert tokens(resolved(store, [ann, bob], ACME)) == {"hers", "s2"}, "of either of them the other may stay"


def test_keys_of_a_shared_row_lead_nowhere_once_somebody_else_owns_it(database):
    execute(database, JOINT)
    loaded = company_map(BELOW.partition("safes:")[0])
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert store.claimed([ann], ACME) == {}
        execute(database, "INSERT INTO owners VALUES (2, 2)")
        assert store.claimed([ann], ACME) == {1: {SubjectKey("token", "hers")}}  # another store leaves its object
        counted = store.count([ann], ACME, CUTOFF)
        assert due(counted) == {"users": 1, "owners": 2}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
        assert (left(database, "accounts"), left(database, "tx")) == ([1, 2, 3], [1, 2])
        # A row of hers that came back and that an account no more is there for is hers.
        execute(database, "ALTER TABLE tx DROP CONSTRAINT tx_account_id_fkey; DELETE FROM owners WHERE account_id = 2")
        execute(database, "DELETE FROM accounts WHERE id = 2")
        assert due(store.verify([ann], ACME, CUTOFF)) == due(store.count([ann], ACME, CUTOFF)) == {"tx": 1}
        assert store.claimed([ann], ACME) == {}


def test_a_shared_row_above_a_shared_one_is_told_as_retained(database):
    """Of two companies of a group one goes with its last employee. The group stays: the receipt said `erased`."""
    execute(
        database,
        "CREATE TABLE groups (id int PRIMARY KEY); CREATE TABLE companies (id int PRIMARY KEY, belongs int);"
        "CREATE TABLE users (id int PRIMARY KEY, works int); INSERT INTO groups VALUES (1);"
        "INSERT INTO companies VALUES (1, 1), (2, 1); INSERT INTO users VALUES (1, 1), (2, 2), (3, 2)",
    )
    loaded = company_map(
        """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
companies: {table: public.companies, sharing: last_owner, found_by: [{column: id, of: users.works}]}
groups: {table: public.groups, sharing: last_owner, found_by: [{column: id, of: companies.belongs}]}
"""
    )
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        after = store.verify([ann], ACME, CUTOFF)
        assert store.count([ann], ACME, CUTOFF) == after
    assert (after[1]["companies"].retained, after[1]["groups"].retained) == (0, 1)
    assert (left(database, "companies"), left(database, "groups")) == ([2], [1])


def test_a_shared_row_that_is_made_again_is_somebody_elses(database):
    """A chat is known by its name. After Ann's is gone somebody makes one of that name, and has asked nobody in yet."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);"
        "CREATE TABLE chats (name text PRIMARY KEY, made timestamptz NOT NULL);"
        "CREATE TABLE members (chat text REFERENCES chats, user_id int); CREATE TABLE pins (id int, chat text);"
        "INSERT INTO chats VALUES ('a', '2025-01-01'), ('b', '2025-01-01');"
        "INSERT INTO members VALUES ('a', 1), ('b', 1); INSERT INTO pins VALUES (1, 'a')",
    )
    loaded = company_map(
        """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
members: {table: public.members, found_by: [{column: user_id, of: users.id}]}
chats: {table: public.chats, created: made, sharing: last_owner, found_by: [{column: name, of: members.chat}]}
pins: {table: public.pins, found_by: [{column: chat, of: chats.name}]}
"""
    )
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "chats", "name") == left(database, "pins") == []
        # One of her own that came back late is hers; so is one, however young, that a row of hers points to.
        execute(
            database, "INSERT INTO chats VALUES ('a', now()), ('b', '2025-01-01'); INSERT INTO pins VALUES (2, 'a')"
        )
        counted = store.count([ann], ACME, CUTOFF)
        assert counted == store.verify([ann], ACME, CUTOFF)
        assert (counted[1]["chats"].due, counted[1]["chats"].newer) == (1, 1)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert (left(database, "chats", "name"), left(database, "pins")) == (["a"], [2])
        execute(database, "INSERT INTO users VALUES (1); INSERT INTO members VALUES ('a', 1)")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "chats", "name") == left(database, "pins") == []


@pytest.mark.parametrize("several", [False, True])
def test_what_a_shared_row_that_is_made_again_yields_is_somebody_elses(database, several):
    """Its picture has the name that Ann's had: a bucket is told to leave it, and so are rows that are known by it."""
    kind = "text[]" if several else "text"
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);"
        f"CREATE TABLE chats (name text PRIMARY KEY, picture {kind}, made timestamptz NOT NULL);"
        "CREATE TABLE members (chat text REFERENCES chats, user_id int); CREATE TABLE pictures (name text)",
    )
    chat = "INSERT INTO chats VALUES ('{0}', '" + ("{{{0}.png}}" if several else "{0}.png") + "', {1})"
    for name in "ab":
        execute(database, chat.format(name, "'2025-01-01'") + f"; INSERT INTO members VALUES ('{name}', 1)")
    loaded = company_map(
        f"""
users: {{table: public.users, person: user_id, found_by: [{{column: id, identity: user_id}}], yields: {{user_id: id}}}}
members: {{table: public.members, found_by: [{{column: user_id, of: users.id}}]}}
chats: {{table: public.chats, created: made, sharing: last_owner, found_by: [{{column: name, of: members.chat}}],
  yields: {{token: {"{column: picture, each: true}" if several else "picture"}}}}}
pictures: {{table: public.pictures, found_by: [{{column: name, identity: token}}]}}
"""
    )
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        a, b = (SubjectKey("token", f"{name}.png") for name in "ab")
        assert {a, b} <= ann.keys
        assert store.given_again([ann], ACME, CUTOFF) == {}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        late = "'2025-01-01'"  # one of her own
        execute(database, f"{chat.format('a', 'now()')}; {chat.format('b', late)}")
        execute(database, "INSERT INTO pictures VALUES ('a.png'), ('b.png')")
        assert a in store.given_again([ann], ACME, CUTOFF)[1]
        assert b not in store.given_again([ann], ACME, CUTOFF)[1]
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert (left(database, "chats", "name"), left(database, "pictures", "name")) == (["a"], ["a.png"])
        execute(database, "INSERT INTO users VALUES (1); INSERT INTO members VALUES ('a', 1)")
        assert store.given_again([ann], ACME, CUTOFF) == {}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "chats", "name") == left(database, "pictures", "name") == []


def test_who_comes_to_own_a_shared_row_while_it_is_erased_keeps_what_hangs_below_it(database):
    execute(database, JOINT)
    loaded = company_map(BELOW)
    with opened(database, loaded, lock_timeout="60s") as store, psycopg.connect(database) as bob:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute("INSERT INTO owners VALUES (2, 2)")
        with ThreadPoolExecutor(1) as pool:
            erasing = pool.submit(store.erase, [ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            wait_until_blocked(database)
            assert left(database, "tx") == [1, 2]  # not committed
            bob.commit()
            erasing.result(60)
    assert (left(database, "accounts"), left(database, "tx")) == ([1, 2, 3], [1, 2])
    assert left(database, "owners", "user_id, account_id") == [(2, 1), (2, 2)]


@pytest.mark.parametrize("kept", [(), ("owners",)], ids=["that waits for its key", "whose pointers stay"])
def test_who_comes_to_own_a_shared_row_of_two_who_go_keeps_what_hangs_below_it(database, kept):
    """The row itself is not to go in this transaction, and was not locked; what hangs below it went."""
    execute(database, JOINT)
    loaded = company_map(BELOW.partition("safes:")[0])
    with opened(database, loaded, lock_timeout="60s") as store, psycopg.connect(database) as carl:
        people = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        carl.execute("INSERT INTO owners VALUES (3, 1)")
        going = {name: one for name, one in actions(loaded, "acme").items() if not kept or name == "tx"}
        with ThreadPoolExecutor(1) as pool:
            erasing = pool.submit(store.erase, people, going, ACME, CUTOFF, no_beat)
            wait_until_blocked(database)
            assert left(database, "tx") == [1, 2]  # not committed
            carl.commit()
            erasing.result(60)
    assert left(database, "tx") == [1]
    assert left(database, "accounts", "id")[0] == 1
    assert (3, 1) in left(database, "owners", "user_id, account_id")


TENANTS_ROWS = """
users: {table: public.users, owner: {controller: client, column: tenant}, person: user_id,
  found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
lives_at: {table: public.lives_at, owner: {controller: client, column: tenant},
  found_by: [{columns: [tenant, user_id], of: users, of_columns: [tenant, id]}]}
addresses: {table: public.addresses, owner: {controller: client, column: tenant}, sharing: last_owner, data_type: ACTION
  found_by: [{columns: [tenant, id], of: lives_at, of_columns: [tenant, address_id]}]}
"""


@pytest.mark.parametrize("action", ["gone,", "anchor, tombstone: {street: \"'x'\"},"])
@pytest.mark.parametrize("foreign_key", ["REFERENCES addresses (tenant, id)", ""])
def test_shared_rows_that_each_tenant_counts_for_itself(database: str, action: str, foreign_key: str) -> None:
    """Person 1 of the one tenant and of the other live at number 1, which are two addresses; Bob lives with Ann."""
    key = f"FOREIGN KEY (tenant, address_id) {foreign_key}," if foreign_key else ""
    execute(
        database,
        "CREATE TABLE users (tenant int, id int, PRIMARY KEY (tenant, id));"
        "CREATE TABLE addresses (tenant int, id int, street text, PRIMARY KEY (tenant, id));"
        f"CREATE TABLE lives_at (tenant int, user_id int, address_id int, {key} UNIQUE (tenant, user_id, address_id),"
        " FOREIGN KEY (tenant, user_id) REFERENCES users);"
        "INSERT INTO users VALUES (1, 1), (1, 2), (2, 1), (2, 2);"
        "INSERT INTO addresses SELECT t, n, 's' FROM generate_series(1, 2) t, generate_series(1, 3) n;"
        "INSERT INTO lives_at VALUES (1, 1, 1), (1, 2, 1), (1, 1, 2), (2, 1, 1), (2, 2, 2), (2, 2, 3)",
    )
    loaded = shape(TENANTS_ROWS.replace("ACTION", action), user_id="integer/2")
    one = Scope("client", "1")
    with opened(database, loaded) as store:
        assert [found for found in store.inspect() if found.severity is Severity.ERROR] == []
        for number, person in enumerate(("1", "2"), 1):
            people = resolved(store, [subject(number, user_id=person)], one)
            mine = store.count(people, one, CUTOFF)[number]["addresses"]
            assert (mine.due, mine.retained) == ((1, 1) if person == "1" else (1, 0))
            store.erase(people, actions(loaded, "client"), one, CUTOFF, no_beat)
            seen = store.verify(people, one, CUTOFF)
            assert due(seen) == {}
            assert seen[number]["addresses"].retained == (person == "1"), "Bob lives there"
            gone = [(1, 2)] if person == "1" else [(1, 1), (1, 2)]
            kept = [(1, n) for n in (1, 2, 3) if (1, n) not in gone] + [(2, 1), (2, 2), (2, 3)]
            assert execute(database, "SELECT tenant, id FROM addresses WHERE street = 's' ORDER BY 1, 2") == kept
    assert left(database, "users", "tenant, id") == [(2, 1), (2, 2)]


UNDERNEATH = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE owners (
  user_id int REFERENCES users, account_id int REFERENCES accounts, PRIMARY KEY (user_id, account_id)
);
CREATE TABLE tx (id int PRIMARY KEY, account_id int REFERENCES accounts, author int REFERENCES users, parent int);
CREATE TABLE notes (id int PRIMARY KEY, tx_id int, written date NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES (1), (2); INSERT INTO accounts VALUES (1); INSERT INTO owners VALUES (1, 1);
INSERT INTO tx VALUES (1, 1, NULL, NULL), (2, 1, 1, NULL), (3, 1, 2, NULL), (4, NULL, NULL, 1);
INSERT INTO notes SELECT id, id FROM tx;
"""
KEPT_WITH_THE_ACCOUNT = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
owners: {table: public.owners, found_by: [{column: user_id, of: users.id}]}
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
tx: {table: public.tx, found_by: [
  {column: account_id, of: accounts.id}, {column: author, of: users.id}, {column: parent, of: tx.id}]}
notes: {table: public.notes, data_type: kept, start: written, found_by: [{column: tx_id, of: tx.id}]}
"""


@pytest.mark.parametrize("people", [1, 300])
def test_what_hangs_below_a_row_that_others_own_is_retained_with_it(database: str, people: int) -> None:
    """The plan said that it was due, nobody deleted it, and the receipt said `erased` (ADR 26).

    But the transaction of which she is the author goes, and whether the other author's is hers nobody can tell.
    """
    execute(database, UNDERNEATH)
    loaded = company_map(KEPT_WITH_THE_ACCOUNT)
    with opened(database, loaded) as store:
        asked = [subject(n, user_id=str(n)) for n in (1, *range(100, 99 + people))]
        chunk = resolved(store, asked, ACME)
        planned = store.count(chunk, ACME, CUTOFF)
        assert facts(planned, "tx") == (3, 0, 1, None)
        execute(database, "INSERT INTO owners VALUES (2, 1)")
        chunk = with_keys_of_their_own(store, chunk)
        for counted in (store.count(chunk, ACME, CUTOFF), store.verify(chunk, ACME, CUTOFF)):
            assert facts(counted, "tx") == (1, 2, 1, "shared")
            assert facts(counted, "notes") == (0, 3, 0, "data-type+shared")
        store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        after = store.verify(chunk, ACME, CUTOFF)
        assert store.count(chunk, ACME, CUTOFF) == after
        assert due(after) == {}
        assert facts(after, "accounts") == (0, 1, 0, "shared")
        assert facts(after, "tx") == (0, 2, 1, "shared")
        # The note of the one that went is found by its key, and is kept for its own period.
        assert facts(after, "notes") == (0, 3, 0, "data-type+shared")
        assert after[1]["notes"].until is None
    assert left(database, "tx") == [1, 3, 4]
    assert left(database, "notes") == [1, 2, 3, 4]


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize(
    ("hers", "joint", "said"),
    [
        ("2025-01-01", None, (0, 1, None)),
        (None, "2025-01-01", (0, 1, "data-type+shared")),
        (None, "2001-01-01", (0, 1, "shared")),
        ("2025-01-01", "2001-01-01", (0, 2, "data-type+shared")),
        ("2001-01-01", "2001-01-01", (1, 1, "shared")),
    ],
)
def test_what_a_law_keeps_beside_what_others_own_is_told_as_both(
    database: str, people: int, hers: str | None, joint: str | None, said: tuple[int, int, str | None]
) -> None:
    """One note of her own transaction, one of the joint account: a law keeps a note, or its period is over."""
    written = [f"UPDATE notes SET written = '{day}' WHERE id = {at}" for at, day in ((5, hers), (1, joint)) if day]
    gone = [f"DELETE FROM notes WHERE id = {at}" for at, day in ((5, hers), (1, joint)) if day is None]
    own = "INSERT INTO owners VALUES (2, 1); INSERT INTO tx VALUES (5, NULL, 1, NULL); INSERT INTO notes VALUES (5, 5)"
    execute(database, f"{UNDERNEATH}{own}; DELETE FROM notes WHERE id IN (2, 3, 4); {'; '.join([*written, *gone])}")
    with opened(database, company_map(KEPT_WITH_THE_ACCOUNT)) as store:
        asked = [subject(n, user_id=str(n)) for n in (1, *range(100, 99 + people))]
        chunk = resolved(store, asked, ACME)
        for counted in (store.count(chunk, ACME, CUTOFF), store.verify(chunk, ACME, CUTOFF)):
            notes = counted[1]["notes"]
            assert (notes.due, notes.retained, notes.ground) == said
            assert (notes.until is None) is ("shared" in (notes.ground or ""))


def test_a_row_that_others_own_leads_to_nothing_by_its_own_key_either(database: str) -> None:
    """A key that shared rows are found by as well: what it was told by is somebody else's as well by now."""
    execute(
        database,
        UNDERNEATH + "CREATE TABLE vaults (id int PRIMARY KEY, tx_id int); INSERT INTO vaults SELECT id, id FROM tx",
    )
    vaults = "vaults: {table: public.vaults, sharing: last_owner, found_by: [{column: tx_id, of: tx.id}]}"
    gone = KEPT_WITH_THE_ACCOUNT.replace("data_type: kept, start: written, ", "")
    with opened(database, loaded := company_map(f"{gone}{vaults}")) as store:
        chunk = resolved(store, [subject(1, user_id="1")], ACME)
        execute(database, "INSERT INTO owners VALUES (2, 1)")
        chunk = with_keys_of_their_own(store, chunk)
        store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(chunk, ACME, CUTOFF)) == {}
    assert left(database, "tx") == [1, 3, 4]
    assert left(database, "notes") == [1, 3, 4]
    assert left(database, "vaults") == [1, 3, 4]


def with_keys_of_their_own(store, people):
    """As every command asks for them."""
    given_again = store.given_again(people, ACME, CUTOFF)
    return [replace(one, keys=one.keys - given_again.get(one.number, frozenset())) for one in people]


def facts(counts, name):
    one = counts[1][name]
    return one.due, one.retained, one.ambiguous, one.ground
