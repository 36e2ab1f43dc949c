"""Two accounts with one e-mail address: what it leads to goes with both of them, or stays (ADR 18)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.locks import wait_until_blocked
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, succeeded

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, created: created_at, found_by: [{column: email, identity: email}]}
addresses: {table: public.addresses, sharing: last_owner, found_by: [{column: id, of: orders.address}]}
parcels: {table: public.parcels, created: created_at, yields: {user_id: user_id, token: label},
  found_by: [{column: email, identity: email}]}
labels: {table: public.labels, found_by: [{column: token, identity: token}]}
notes: {table: public.notes, found_by: [{column: user_id, of: users.id}]}
"""


DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY}); CREATE INDEX ON users (email);
CREATE TABLE addresses (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, email text, address int REFERENCES addresses, {DAY});
CREATE TABLE parcels (id int PRIMARY KEY, email text, user_id int, label text UNIQUE, {DAY});
CREATE TABLE labels (token text PRIMARY KEY);
CREATE TABLE notes (id int PRIMARY KEY, user_id int REFERENCES users, answers int REFERENCES notes);
INSERT INTO users SELECT n, 'home' || (n + 1) / 2 || '@x.example' FROM generate_series(1, 8) n;
INSERT INTO addresses SELECT generate_series(1, 4);
INSERT INTO orders SELECT n, 'home' || n || '@x.example', n FROM generate_series(1, 4) n;
"""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Two people in every home: 1 and 2, 3 and 4, ...; each home has ordered once, as a guest. Chunks of one person."""
    execute(database, SCHEMA)
    return installed(tmp_path, fork_server, small_document(_COLLECTIONS), {"main": database}, CHUNK_SIZE="1")


def listed(*people: int) -> bytes:
    return ("user_id\n" + "".join(f"{one}\n" for one in people)).encode()


def settled(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    return dict(json.loads(succeeded(cli.run("status", plan["id"], "--json"))))


def test_it_goes_where_everybody_who_claims_it_is_in_the_batch(cli: CliRunner, database: str) -> None:
    """Of the first home both are asked for, of the second one, and of the third both, of whom one is on hold."""
    hold = json.loads(succeeded(cli.run("holds", "place", "-", "--ground", "Court order", "--json", stdin=listed(6))))
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(1, 3, 5, 2, 6))))
    orders = plan["stores"]["main"]["collections"]["orders"]
    assert (orders["due"], orders["ambiguous"]) == (4, 1)  # as if there were no hold, like everything in a plan
    status = settled(cli, plan)
    assert left(database, "users") == [4, 6, 7, 8]
    assert left(database, "orders") == [2, 3, 4]
    assert status["outcomes"] == {"erased": 2, "partially-erased": 2, "on-hold": 1}
    told = {"found": 2, "due": 0, "retained": 0, "newer": 0, "ambiguous": 3, "unread": 0}
    assert status["collections"]["main.orders"] == told
    succeeded(cli.run("holds", "lift", hold["id"]))
    succeeded(cli.run("run-due"))
    assert left(database, "users") == [4, 7, 8]
    assert left(database, "orders") == [2, 4]  # goes with the last


def test_what_it_leads_to_goes_as_well_but_for_what_is_perhaps_somebody_elses(cli: CliRunner, database: str) -> None:
    """A parcel of the fourth home, ordered with its address, names the third person: its label is not theirs."""
    execute(
        database,
        """INSERT INTO labels VALUES ('t1'), ('t2');
        INSERT INTO parcels VALUES (1, 'home1@x.example', NULL, 't1'), (2, 'home4@x.example', 3, 't2')""",
    )
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(1, 2, 7, 8))))
    assert [plan["stores"]["main"]["collections"][one]["due"] for one in ("addresses", "labels")] == [4, 2]
    status = settled(cli, plan)
    assert left(database, "addresses") == left(database, "orders") == [2, 3]
    assert (left(database, "parcels"), left(database, "labels", "token")) == ([2], ["t2"])
    assert status["outcomes"] == {"erased": 2, "failed": 2}
    assert [status["collections"][f"main.{one}"]["found"] for one in ("addresses", "labels")] == [4, 2]
    succeeded(cli.run("end", plan["id"], "--confirm", plan["digest"]))


def test_a_plan_counts_shared_rows_as_they_go_whatever_the_chunks(cli: CliRunner, database: str) -> None:
    """The first two homes have one address, the third and a fourth, which is not asked for, another one."""
    execute(database, "UPDATE orders SET address = 1 WHERE id = 2; UPDATE orders SET address = 3 WHERE id = 4")
    plans = [
        json.loads(
            succeeded(
                cli.run(
                    "plan",
                    "-",
                    "-c",
                    "acme",
                    "--json",
                    stdin=listed(1, 3, 5, 2, 4, 6),
                    settings={"EXPUNGE_CHUNK_SIZE": size},
                )
            )
        )
        for size in ("1", "10")
    ]
    apart, together = (one["stores"]["main"]["collections"] for one in plans)
    assert apart == together
    assert (apart["addresses"]["due"], apart["addresses"]["retained"]) == (4, 2)
    assert plans[0]["max_records_per_person"] == plans[1]["max_records_per_person"] == 3
    status = settled(cli, plans[0])
    assert left(database, "addresses") == [2, 3, 4]
    seen = status["collections"]["main.addresses"]
    assert (seen["found"], seen["due"], seen["retained"]) == (6, 0, 2), "as the plan said"


def test_it_stays_where_the_erasure_of_one_of_them_fails(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO notes VALUES (1, 2, NULL), (2, 7, 1)")  # somebody else's, that answers
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(1, 2))))
    assert settled(cli, plan)["outcomes"] == {"partially-erased": 1, "failed": 1}
    assert left(database, "orders") == [1, 2, 3, 4]
    execute(database, "DELETE FROM notes WHERE id = 2")
    succeeded(cli.run("retry", plan["id"]))
    assert left(database, "users") == [3, 4, 5, 6, 7, 8]
    assert left(database, "orders") == [2, 3, 4]


def test_in_two_batches_at_once_it_stays_and_is_told(cli: CliRunner, database: str) -> None:
    """Each resolution finds the other's account; nobody waits for ever. One after the other, it goes with the last."""
    plans = [json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(n)))) for n in (1, 2)]
    with ThreadPoolExecutor(2) as pool, psycopg.connect(database) as somebody:
        somebody.execute("SELECT FROM users WHERE id < 3 FOR UPDATE")
        erasing = [pool.submit(cli.run, "erase", plan["id"], "--confirm", plan["digest"]) for plan in plans]
        wait_until_blocked(database, 2)  # both are resolved
        somebody.rollback()
        for one in erasing:
            succeeded(one.result(60))
    succeeded(cli.run("run-due"))
    for plan in plans:
        status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
        assert (status["state"], status["outcomes"]) == ("settled", {"partially-erased": 1})
        assert status["collections"]["main.orders"]["ambiguous"] == 1
    assert left(database, "users") == [3, 4, 5, 6, 7, 8]
    assert left(database, "orders") == [1, 2, 3, 4]
    third, fourth = (
        json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(n)))) for n in (3, 4)
    )
    assert settled(cli, third)["outcomes"] == {"partially-erased": 1}
    assert settled(cli, fourth)["outcomes"] == {"erased": 1}
    assert left(database, "orders") == [1, 3, 4]


def test_what_is_older_than_the_claims_of_all_stays(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """The address is handed on: 1 has it since 2025, 2 since June. At settling both of their rows are gone."""
    document = small_document(_COLLECTIONS)
    document["identities"]["email"]["recycled"] = True
    write_document(tmp_path / "datamap.yaml", document)
    execute(
        database,
        "UPDATE users SET created_at = '2025-06-01' WHERE id = 2;"
        "INSERT INTO orders (id, email, created_at)"
        " VALUES (5, 'home1@x.example', '2024-12-31'), (6, 'home1@x.example', '2025-02-01')",
    )
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed(1, 2))))
    orders = plan["stores"]["main"]["collections"]["orders"]
    assert (orders["due"], orders["ambiguous"]) == (2, 4)  # 1 and 6 are the first one's, 5 is nobody's
    status = settled(cli, plan)
    assert left(database, "orders") == [2, 3, 4, 5]
    assert status["outcomes"] == {"partially-erased": 2}
    orders = status["collections"]["main.orders"]
    assert (orders["found"], orders["due"], orders["retained"], orders["newer"], orders["ambiguous"]) == (2, 0, 0, 0, 2)
