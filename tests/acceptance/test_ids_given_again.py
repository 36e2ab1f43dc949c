"""Somebody gets the id of a person who was erased, or the name of an object of theirs: it is theirs (ADR 18)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import before_call
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed, statements_of, succeeded

from expunge_orchestrator.execution import operator_retry
from expunge_orchestrator.ledger.batches import Batch

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
logins: {table: public.logins, found_by: [{column: user_id, identity: user_id}]}
avatars: {table: public.avatars, found_by: [{column: user_id, of: users.id}], yields: {token: path}}
"""
IMAGES = {"key": "image:{token}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, user_id int);
CREATE TABLE logins (id int PRIMARY KEY, user_id int);
CREATE TABLE avatars (path text PRIMARY KEY, user_id int);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO orders SELECT n, n FROM generate_series(1, 3) n;
INSERT INTO logins SELECT n, n FROM generate_series(1, 3) n;
INSERT INTO avatars SELECT 'a' || n, n FROM generate_series(1, 3) n;
"""


def test_whoever_gets_the_id_loses_nothing_at_settling(
    database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer
) -> None:
    execute(database, SCHEMA)
    keyspace.client.mset({"image:a1": "x", "image:a2": "x", "image:a3": "x"})
    document = small_document(COLLECTIONS)
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    cli = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(cli.run("adopt", "cache"))
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n2\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a3"]
    keyspace.client.mset({"image:a1": "of 3", "image:a2": "late"})
    execute(
        database,
        "INSERT INTO avatars VALUES ('a1', 3);"
        "INSERT INTO users VALUES (1, 'new@x.example', now()); INSERT INTO orders VALUES (4, 1), (5, 2);"
        "INSERT INTO logins VALUES (4, 1), (5, 2)",
    )
    succeeded(cli.run("run-due"))
    assert left(database, "users") == [1, 3]
    assert left(database, "orders") == left(database, "logins") == [3, 4]  # what came late of the other one is gone
    assert sorted(keyspace.client.keys("image:*")) == [b"image:a1", b"image:a3"]
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert (status["state"], status["outcomes"]) == ("settled", {"erased": 2})
    listed = json.loads(succeeded(cli.run("receipts", "list", "--json")))["receipts"]
    [receipt] = [one["id"] for one in listed if one["line"] == 1]
    *_, settled = statements_of(cli, receipt)
    assert (settled.event, settled.body["ambiguous"]) == ("settled", 4)  # what stands under the id is said


def test_a_retry_ends_where_one_of_two_stores_gave_the_id_again(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """The account that the other store keeps is found by the address as well: it is under the id all the same."""
    execute(
        database,
        """CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
        INSERT INTO users VALUES (1, '1@x.example'); CREATE TABLE customers (LIKE users INCLUDING ALL);
        INSERT INTO customers SELECT * FROM users;
        CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER no BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION no()""",
    )
    [users, *_] = COLLECTIONS.strip().split("orders:")
    document = small_document(users)
    crm = small_document(users.replace("users: {table: public.users", "customers: {table: public.customers"))
    document["stores"]["crm"] = crm["stores"]["main"]
    document["identities"]["user_id"]["same_person"] = {"reason": "copied", "approved_by": "nobody"}
    cli = installed(tmp_path, fork_server, document, {"main": database, "crm": database})
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    execute(database, "DROP TRIGGER no ON customers; INSERT INTO users VALUES (1, 'new@x.example', now())")
    succeeded(cli.run("retry", plan["id"]))
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["outcomes"] == {"partially-erased": 1}
    assert {name: one["ambiguous"] for name, one in status["collections"].items()} == {
        "main.users": 1,
        "crm.customers": 1,
    }
    assert left(database, "users") == left(database, "customers") == [1]


def test_a_name_in_an_index_is_whose_row_holds_it(
    database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer
) -> None:
    """One name of 1's index is 2's by the row that holds it; another comes to the index while the erasure runs."""
    execute(database, SCHEMA)
    keyspace.client.mset({"image:a1": "x", "image:a2": "x", "image:a3": "x"})
    keyspace.client.sadd("images:1", "a1", "a2")
    document = small_document(COLLECTIONS)
    index = {**json.loads(json.dumps(IMAGES)), "key": "images:{user_id}", "type": "set", "yields": "token"}
    document["stores"]["cache"] = {"connector": "redis", "collections": {"index": index, "images": IMAGES}}
    cli = installed(tmp_path, fork_server, document, {"main": database, "cache": keyspace.url})
    succeeded(cli.run("adopt", "cache"))
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert sorted(keyspace.client.keys("image*")) == [b"image:a2", b"image:a3"]
    keyspace.client.sadd("images:1", "a3")
    succeeded(cli.run("run-due"))
    assert sorted(keyspace.client.keys("image*")) == [b"image:a2", b"image:a3"]
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert (status["outcomes"], status["collections"]["cache.images"]["ambiguous"]) == ({"partially-erased": 1}, 2)


def test_what_a_chat_that_is_made_again_names_is_its_makers(
    database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path
) -> None:
    """Nobody has joined it yet: no row that points to the chat says whose its picture is."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "CREATE TABLE chats (name text PRIMARY KEY, picture text UNIQUE, made timestamptz NOT NULL);"
        "CREATE TABLE members (chat text REFERENCES chats, user_id int); INSERT INTO users VALUES (1), (2);"
        "INSERT INTO chats VALUES ('a', 'a1', '2025-01-01'); INSERT INTO members VALUES ('a', 1)",
    )
    [users, *_] = COLLECTIONS.strip().split("orders:")
    document = small_document(
        f"""{users}
members: {{table: public.members, found_by: [{{column: user_id, of: users.id}}]}}
chats: {{table: public.chats, created: made, sharing: last_owner, found_by: [{{column: name, of: members.chat}}],
  yields: {{token: picture}}}}"""
    )
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    write_document(tmp_path / "datamap.yaml", document)
    keyspace.client.set("image:a1", "x")
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    places = {"data_map": tmp_path / "datamap.yaml", "stores": stores}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        batch = installation.plan("user_id\n1\n", "acme")
        installation.erase(batch)
        assert (installation.outcomes(batch), keyspace.client.get("image:a1")) == ({"erased": 1}, None)
        execute(database, "INSERT INTO chats VALUES ('a', 'a1', now())")
        keyspace.client.set("image:a1", "another")
        installation.settle()
    assert left(database, "chats", "name") == ["a"]
    assert keyspace.client.get("image:a1") == b"another"


@pytest.mark.parametrize("databases", [1, 2])
def test_what_a_shared_row_names_stays_with_whoever_has_the_number_that_leads_to_it(
    database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path, databases: int
) -> None:
    """A driver's number is another account's by the time that the vehicle under it is asked whose it is."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "CREATE TABLE drivers (id int PRIMARY KEY, user_id int);"
        "CREATE TABLE cars (id int PRIMARY KEY, doc text UNIQUE);"
        "CREATE TABLE uses (driver_id int, car_id int REFERENCES cars, PRIMARY KEY (driver_id, car_id));"
        "CREATE TABLE rents (user_id int, car_id int REFERENCES cars, PRIMARY KEY (user_id, car_id));"
        "INSERT INTO users VALUES (1), (3); INSERT INTO drivers VALUES (11, 1);"
        "INSERT INTO cars VALUES (1, 'c1'), (2, 'c2'); INSERT INTO uses VALUES (11, 1);"
        "INSERT INTO rents VALUES (1, 2)",
    )
    [users, *_] = COLLECTIONS.strip().split("orders:")
    document = small_document(
        f"""{users}
drivers: {{table: public.drivers, person: driver_id, undated: erase, yields: {{driver_id: id, user_id: user_id}},
  found_by: [{{column: id, identity: driver_id}}, {{column: user_id, identity: user_id}}]}}"""
    )
    document["identities"]["driver_id"] = {"kind": "person", "normaliser": "integer/1"}
    fleet = small_document(
        """uses: {table: public.uses, found_by: [{column: driver_id, identity: driver_id}]}
rents: {table: public.rents, found_by: [{column: user_id, identity: user_id}]}
cars: {table: public.cars, sharing: last_owner, yields: {token: doc},
  found_by: [{column: id, of: uses.car_id}, {column: id, of: rents.car_id}]}"""
    )["stores"]["main"]
    if databases == 1:
        document["stores"]["main"]["collections"] |= fleet["collections"]
    else:
        document["stores"]["fleet"] = fleet
    document["stores"]["cache"] = {"connector": "redis", "collections": {"images": IMAGES}}
    write_document(tmp_path / "datamap.yaml", document)
    keyspace.client.mset({"image:c1": "x", "image:c2": "x"})
    postgres = {"main": {"url": SecretStr(database)}, "fleet": {"url": SecretStr(database)}}
    stores = dict(list(postgres.items())[:databases]) | {"cache": {"url": SecretStr(keyspace.url)}}
    places = {"data_map": tmp_path / "datamap.yaml", "stores": stores}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        main = before_call(
            installation.workspace.stores["main"],
            "erase",
            lambda: execute(database, "UPDATE drivers SET user_id = 3 WHERE id = 11"),
        )
        batch = installation.plan("user_id\n1\n", "acme")
        installation.erase(batch, installation.with_stores({"main": main}))
        assert installation.outcomes(batch) == {"partially-erased": 1}
        installation.settle()
        assert installation.outcomes(batch) == {"partially-erased": 1}
    assert (left(database, "drivers"), left(database, "cars")) == ([11], [1])
    assert keyspace.client.keys("image:*") == [b"image:c1"]


def test_what_another_database_says_of_a_key_is_asked_before_the_first_deletion(
    database: str, calltrack: CompanyStack, tmp_path: Path
) -> None:
    """The tickets of one database are known by numbers that orders of another one tell; one order is 2's by then."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int, ticket text UNIQUE); CREATE TABLE tickets (id text);"
        "INSERT INTO users VALUES (1), (2); INSERT INTO orders VALUES (1, 1, 'T1'), (2, 2, 'T2'), (3, 1, 'T3');"
        "INSERT INTO tickets SELECT ticket FROM orders",
    )
    [users, *_] = COLLECTIONS.strip().split("orders:")
    document = small_document(users + "\ntickets: {table: public.tickets, found_by: [{column: id, identity: token}]}")
    orders = "{table: public.orders, found_by: [{column: user_id, identity: user_id}], yields: {token: ticket}}"
    document["stores"]["shop"] = small_document(f"orders: {orders}")["stores"]["main"]
    write_document(tmp_path / "datamap.yaml", document)
    url = {"url": SecretStr(database)}
    places = {"data_map": tmp_path / "datamap.yaml", "stores": {"main": url, "shop": url}}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        shop = before_call(
            installation.workspace.stores["shop"],
            "given_again",
            lambda: execute(database, "UPDATE orders SET user_id = 2 WHERE id = 1"),
        )
        batch = installation.plan("user_id\n1\n", "acme")
        installation.erase(batch, installation.with_stores({"shop": shop}))
        assert left(database, "orders") == [1, 2]
        assert left(database, "tickets") == ["T1", "T2"]
        assert installation.outcomes(batch) == {"partially-erased": 1}


def test_an_id_given_again_before_the_first_deletion_stops_that_person_alone(
    database: str, calltrack: CompanyStack, tmp_path: Path
) -> None:
    """The application deletes the account while the batch runs, and somebody else registers with its id."""
    execute(database, SCHEMA + "INSERT INTO users VALUES (4); INSERT INTO orders VALUES (4, 4)")
    write_document(tmp_path / "datamap.yaml", small_document(COLLECTIONS))
    places = {"data_map": tmp_path / "datamap.yaml", "stores": {"main": {"url": SecretStr(database)}}}
    given_again = "DELETE FROM users WHERE id = {0}; INSERT INTO users VALUES ({0}, 'new@x.example', now())"
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        store = installation.workspace.stores["main"]

        def erase(batch: Batch, number: int) -> None:
            main = before_call(store, "erase", lambda: execute(database, given_again.format(number)))
            installation.erase(batch, installation.with_stores({"main": main}))

        both, alone = installation.plan("user_id\n1\n2\n", "acme"), installation.plan("user_id\n4\n", "acme")
        erase(both, 1)
        assert installation.outcomes(both) == {"erased": 1, "partially-erased": 1}  # ambiguous
        erase(alone, 4)
        assert installation.outcomes(alone) == {"failed": 1}
        assert "somebody else has it now" in installation.failures(alone)
        operator_retry.retry(installation.workspace, installation.again(alone))
        installation.erase(alone)
        assert installation.outcomes(alone) == {"partially-erased": 1}
    assert left(database, "users") == left(database, "orders") == [1, 3, 4]
    assert left(database, "logins") == [1, 3]


def test_an_account_made_in_the_future_is_erased_once_that_is_corrected(
    database: str, calltrack: CompanyStack, tmp_path: Path
) -> None:
    """As an import wrote it: nobody can tell it from an account that somebody else made under the id meanwhile."""
    execute(database, SCHEMA + "UPDATE users SET created_at = 'infinity' WHERE id = 1")
    write_document(tmp_path / "datamap.yaml", small_document(COLLECTIONS))
    places = {"data_map": tmp_path / "datamap.yaml", "stores": {"main": {"url": SecretStr(database)}}}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        batch = installation.plan("user_id\n1\n", "acme")
        installation.erase(batch)
        assert installation.outcomes(batch) == {"ambiguous": 1}
        assert left(database, "users") == left(database, "orders") == [1, 2, 3]
        execute(database, "UPDATE users SET created_at = '2025-01-01' WHERE id = 1")
        batch = installation.plan("user_id\n1\n", "acme")
        installation.erase(batch)
        assert installation.outcomes(batch) == {"erased": 1}
    assert left(database, "users") == left(database, "orders") == [2, 3]


def test_a_name_that_passed_on_is_asked_about_in_two_databases_once(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """What a store tells again of a key that the person has no more is nothing new: asking on would never end."""
    execute(
        database,
        """
        CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE,
          created_at timestamptz NOT NULL DEFAULT '2025-01-01');
        CREATE TABLE posts (id int PRIMARY KEY, author text, at timestamptz NOT NULL DEFAULT '2025-01-01');
        CREATE TABLE bills (id int PRIMARY KEY, user_id int);
        INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
        INSERT INTO posts VALUES (1, 'ann@x.example'), (2, 'bob@x.example'); INSERT INTO bills VALUES (1, 1)""",
    )
    users = next(line for line in COLLECTIONS.split("orders:") if "users" in line)
    posts = "posts: {table: public.posts, created: at, found_by: [{column: author, of: users.email}]}\n"
    document = small_document(users + posts)
    bills = "bills: {table: public.bills, found_by: [{column: user_id, identity: user_id}]}"
    document["stores"]["billing"] = small_document(bills)["stores"]["main"]
    cli = installed(tmp_path, fork_server, document, {"main": database, "billing": database})
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    execute(
        database,
        "UPDATE users SET email = 'new@x.example' WHERE id = 1; UPDATE users SET email = 'ann@x.example' WHERE id = 2",
    )
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["state"] == "settled"
    assert left(database, "users") == [2]
    assert left(database, "bills") == []
    assert left(database, "posts") == [1, 2], "the first is under an address of Bob's by now"


def test_an_id_given_again_in_the_moment_of_the_plan_is_somebody_elses(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """When a plan began the store's own clock says, to the microsecond."""
    execute(database, SCHEMA)
    cli = installed(tmp_path, fork_server, small_document(COLLECTIONS), {"main": database})
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    execute(database, "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (1, 'new@x.example', now())")
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert status["outcomes"] == {"ambiguous": 1}
    assert left(database, "users") == left(database, "orders") == [1, 2, 3]
