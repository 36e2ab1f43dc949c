"""What an ended request kept of Ann may lead to Bob by the time that either asks again: it is followed for neither."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.cancellation import end, ended_half_way, failed_half_way, residual
from tests.support.data_map_text import write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import ACME, left, small_document
from tests.support.servers import Keyspace
from tests.support.statements import lines_of, statements_of

from expunge_orchestrator.execution import operator_retry
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.locate import LocateResult, locate
from expunge_orchestrator.subjects.attributions import Proposal, approve, person_and_values, propose
from expunge_orchestrator.subjects.csv_input import read_people

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
customers: {table: public.customers, person: cid, yields: {cid: id, user_id: user_id}, created: created_at,
  found_by: [{column: id, identity: cid}, {column: user_id, identity: user_id}]}
deals: {table: public.deals, found_by: [{column: customer_id, of: customers.id}]}
notes: {table: public.notes, undated: erase, found_by: [{column: email, identity: email}]}
"""
VISITS = {"key": "visits:{cid}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE customers (id int PRIMARY KEY, user_id int, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE deals (id int PRIMARY KEY, customer_id int);
CREATE TABLE notes (id int PRIMARY KEY, email text);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO customers VALUES (5, 1), (9, 3);
INSERT INTO deals VALUES (1, 5), (3, 9);
"""
PASSED_ON = "UPDATE customers SET user_id = 2 WHERE id = 5"


@dataclass(frozen=True, slots=True)
class Asker:
    csv: str
    controller: str = "acme"


ANN = Asker("user_id\n1\n")


@dataclass(frozen=True, slots=True)
class Customers:
    """People who have an account and a number as customers; Ann is user 1 and customer 5."""

    installation: Installation
    database: str
    keyspace: Keyspace

    def ask(self, csv: str) -> Batch:
        batch = self.installation.plan(csv, "acme")
        assert self.installation.erase(batch).state is BatchState.ERASED, self.installation.failures(batch)
        return batch

    def ambiguous(self, batch: Batch) -> set[str]:
        (said,) = statements_of(self.installation, batch, "partially-erased")
        assert {outcome for outcome, *_ in lines_of(said.body).values()} <= {"erased", "ambiguous", "not-found"}
        return {name for name, (outcome, *_) in lines_of(said.body).items() if outcome == "ambiguous"}

    def rows(self) -> tuple[list[int], list[int], list[int], list[bytes]]:
        tables = (left(self.database, name) for name in ("users", "customers", "deals"))
        return (*tables, sorted(self.keyspace.client.keys("visits:*")))


@pytest.fixture
def people(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Customers]:
    execute(database, SCHEMA)
    keyspace.client.mset({"visits:5": "x", "visits:9": "x"})
    document = small_document(COLLECTIONS)
    document["identities"]["cid"] = {"kind": "person", "normaliser": "exact/1"}
    document["stores"]["cache"] = {"connector": "redis", "collections": {"visits": VISITS}}
    write_document(tmp_path / "datamap.yaml", document)
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    with fresh_installation(
        calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml", stores=stores
    ) as installation:
        yield Customers(installation, database, keyspace)


EVERYBODYS = ([1, 2, 3], [5, 9], [1, 3], [b"visits:5", b"visits:9"])
ANNS_GONE = ([2, 3], [5, 9], [1, 3], [b"visits:5", b"visits:9"])
BOBS_GONE = ([1, 3], [9], [3], [b"visits:9"])


@pytest.mark.parametrize("csv", ["user_id\n2\n", "cid\n5\n", "user_id,cid\n2,5\n"])
def test_whoever_has_one_of_the_keys_by_now_takes_nothing_of_the_other_along(people: Customers, csv: str) -> None:
    first = ended_half_way(people.installation, ANN, "main")
    execute(people.database, PASSED_ON)
    workspace = people.installation.workspace
    (bob,) = locate(workspace, read_people(io.BytesIO(csv.encode()), workspace.data_map), ACME).people
    assert {one.info.name: one.records for one in bob.per_collection}["main.users"] == 1
    assert bob.answer is LocateResult.INCOMPLETE
    second = people.ask(csv)
    assert second.plan["stores"]["main"]["collections"]["users"]["due"] == 1
    assert people.rows() == BOBS_GONE
    # Nobody can say whether it is not the same person, who has another account by now: it is told.
    assert people.installation.outcomes(second) == {"partially-erased": 1}
    [reason] = people.installation.reasons(second)
    assert first.uid in reason
    third = people.ask(ANN.csv)
    assert people.installation.outcomes(third) == {"erased": 1}
    assert people.rows() == ([3], [9], [3], [b"visits:9"])
    assert residual(people.installation) == []


def test_whoever_asks_again_takes_nothing_along_that_passed_on(people: Customers) -> None:
    """It is told once as ambiguous, in stores that can tell whose a key is and in others; then she is done."""
    ended_half_way(people.installation, ANN, "main")
    execute(people.database, PASSED_ON)
    second = people.installation.plan(ANN.csv, "acme")
    told = {
        name: (one["due"], one["ambiguous"])
        for store in second.plan["stores"].values()
        for name, one in store["collections"].items()
    }
    assert told == {"users": (1, 0), "customers": (0, 1), "deals": (0, 1), "notes": (0, 0), "visits": (0, 1)}
    assert people.installation.erase(second).state is BatchState.ERASED, people.installation.failures(second)
    assert people.rows() == ANNS_GONE
    assert people.ambiguous(second) == {"main.customers", "main.deals", "cache.visits"}
    assert residual(people.installation) == []
    people.installation.settle()
    assert people.rows() == ANNS_GONE
    assert people.installation.outcomes(people.ask(ANN.csv)) == {"not-found": 1}
    people.ask("user_id\n2\n")
    assert people.rows() == ([3], [9], [3], [b"visits:9"])


def test_a_key_that_leads_to_nobody_else_is_followed(people: Customers) -> None:
    """The customer's row is gone; what stands under the number is hers."""
    ended_half_way(people.installation, ANN, "main")
    execute(people.database, "DELETE FROM deals WHERE id = 1; DELETE FROM customers WHERE id = 5")
    second = people.ask(ANN.csv)
    assert people.rows() == ([2, 3], [9], [3], [b"visits:9"])
    assert people.installation.outcomes(second) == {"erased": 1}
    assert residual(people.installation) == []


def test_a_key_of_a_kind_that_is_another_one_by_now_does_not_keep_the_person_for_ever(people: Customers) -> None:
    """Ann is customer 7 by now: what was left of customer 5 is told, and the request after that ends it."""
    ended_half_way(people.installation, ANN, "main")
    execute(people.database, PASSED_ON + "; INSERT INTO customers VALUES (7, 1); INSERT INTO deals VALUES (7, 7)")
    second = people.ask(ANN.csv)
    assert people.rows() == ANNS_GONE
    assert people.installation.outcomes(second) == {"partially-erased": 1}
    third = people.ask(ANN.csv)
    assert people.rows() == ANNS_GONE
    assert people.ambiguous(third) == {"main.customers", "main.deals", "cache.visits"}
    assert residual(people.installation) == []


def test_what_only_an_address_led_to_is_ended_by_the_address(people: Customers) -> None:
    """One of the keys that the first request had is Bob's by now: that this one has every other key is enough."""
    execute(people.database, "INSERT INTO notes VALUES (1, '1@x.example')")
    ended_half_way(people.installation, ANN, "main")
    execute(people.database, PASSED_ON + "; DELETE FROM users WHERE id = 1")
    second = people.ask(ANN.csv)
    (said,) = statements_of(people.installation, second, "partially-erased")
    assert lines_of(said.body)["main.notes"] == ("left", 0, 0)
    third = people.ask("user_id,email\n1,1@x.example\n")
    assert people.ambiguous(third) == {"main.customers", "main.deals", "cache.visits"}
    assert left(people.database, "notes") == []
    assert people.rows() == ANNS_GONE
    assert residual(people.installation) == []


@pytest.mark.parametrize("whose", ["theirs", "others"])
def test_what_is_said_of_who_has_the_key_by_now_is_not_said_of_her(people: Customers, whose: str) -> None:
    """Ann and Bob have one address. Customer 5 is Bob by now, and it is of customer 5 that two people speak."""
    execute(
        people.database,
        "UPDATE users SET email = 'home@x.example' WHERE id < 3; INSERT INTO notes VALUES (1, 'home@x.example')",
    )
    ended_half_way(people.installation, ANN, "main")
    execute(people.database, PASSED_ON)
    workspace = people.installation.workspace
    of_bob = person_and_values(
        read_people(io.BytesIO(b"cid,email\n5,home@x.example\n"), workspace.data_map), workspace.data_map
    )
    tagger = Tagger(workspace.keys.suppression)
    with workspace.ledger.begin() as connection:
        made = propose(connection, Proposal(ACME, of_bob, theirs=whose == "theirs", reason="A letter"), tagger, "one")
    approve(workspace, made.uid, of_bob, "another")
    second = people.ask(ANN.csv)
    assert people.ambiguous(second) == {"main.customers", "main.deals", "main.notes", "cache.visits"}
    assert left(people.database, "notes") == [1]
    assert people.rows() == ANNS_GONE


@pytest.mark.parametrize("moves", ["before the end", "after the end"])
def test_nor_does_one_that_is_taken_over_by_a_retry(people: Customers, moves: str) -> None:
    """The later request had begun when the earlier one was ended."""
    installation = people.installation
    first = failed_half_way(installation, ANN, "main")
    second = failed_half_way(installation, ANN, "main")
    if moves == "before the end":
        execute(people.database, PASSED_ON)
    end(installation, first)
    if moves == "after the end":
        execute(people.database, PASSED_ON)
    operator_retry.retry(installation.workspace, installation.again(second))
    installation.erase(second)
    if installation.again(second).state is BatchState.FAILED:  # it had followed customer 5 itself
        end(installation, second)
    people.ask(ANN.csv)
    assert people.rows() == ANNS_GONE
    while residual(installation):
        before = len(residual(installation))
        people.ask(ANN.csv)
        assert len(residual(installation)) < before
    assert people.installation.outcomes(people.ask(ANN.csv)) == {"not-found": 1}
    assert people.rows() == ANNS_GONE
