"""An index in Redis leads on to another index only by a key that is the person's: not by somebody else's (ADR 18).

Files of users stand in a database. In Redis `uploads:{user}` names files, `parts:{file}` names parts, `pages:{part}`
names tokens, and `image:{token}` is what hangs on these; thumbnails of the same tokens stand in the database. Of marks
nothing but Redis knows. `contact:{file}` names an address, and a newsletter stands under it in the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution import operator_retry
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
files: {table: public.files, found_by: [{column: user_id, of: users.id}], yields: {file: name}}
thumbs: {table: public.thumbs, found_by: [{column: token, identity: token}]}
news: {table: public.news, undated: erase, found_by: [{column: email, identity: email}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE files (name text PRIMARY KEY, user_id int);
CREATE TABLE thumbs (token text PRIMARY KEY);
CREATE TABLE news (email text PRIMARY KEY);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO files SELECT 'f' || n, n FROM generate_series(1, 3) n;
INSERT INTO thumbs SELECT 't' || n FROM generate_series(1, 3) n;
INSERT INTO news VALUES ('guest@x.example');
"""
OWN: dict[str, Any] = {"data_type": "gone", "owner": {"controller": "acme"}}
CACHE: dict[str, Any] = {
    "uploads": {"key": "uploads:{user_id}", "type": "set", "yields": "file", **OWN},
    "boxes": {"key": "box:{email}", "type": "set", "yields": "part", "undated": "erase", **OWN},
    "parts": {"key": "parts:{file}", "type": "set", "yields": "part", **OWN},
    "pages": {"key": "pages:{part}", "type": "hash", "named_by": {"field": "token"}, "yields": "token", **OWN},
    "marks": {"key": "marks:{part}", "type": "list", "yields": "mark", **OWN},
    "marked": {"key": "marked:{mark}", "type": "string", **OWN},
    "contacts": {"key": "contact:{file}", "type": "string", "yields": "email", **OWN},
    "images": {"key": "image:{token}", "type": "string", **OWN},
}
ANN, BOB, CLEO = "1", "2", "3"
HAND_OVER = "INSERT INTO files VALUES ('f1', 2) ON CONFLICT (name) DO UPDATE SET user_id = 2"


def put(client: Redis, number: str) -> None:
    """What the application keeps below one file."""
    client.sadd(f"parts:f{number}", f"p{number}")
    client.hset(f"pages:p{number}", "token", f"t{number}")
    client.set(f"image:t{number}", "x")
    client.rpush(f"marks:p{number}", f"m{number}")
    client.set(f"marked:m{number}", "x")


def below(client: Redis, number: str) -> list[str]:
    """What is left of that, with the thumbnail aside."""
    return [name for name in all_below(number) if client.exists(name)]


def all_below(number: str) -> list[str]:
    return [f"parts:f{number}", f"pages:p{number}", f"image:t{number}", f"marks:p{number}", f"marked:m{number}"]


@contextmanager
def company(database: str, keyspace: Keyspace, calltrack: CompanyStack, home: Path) -> Iterator[Installation]:
    """Three people with a file each, all of them with their indexes."""
    execute(database, SCHEMA)
    for number in (ANN, BOB, CLEO):
        keyspace.client.sadd(f"uploads:{number}", f"f{number}")
        put(keyspace.client, number)
    document = small_document(COLLECTIONS)
    document["identities"] |= {name: {"kind": "internal"} for name in ("file", "part", "mark")}
    document["stores"]["cache"] = {"connector": "redis", "collections": json.loads(json.dumps(CACHE))}
    write_document(home / "datamap.yaml", document)
    stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
    with fresh_installation(calltrack, home / "expunge", data_map=home / "datamap.yaml", stores=stores) as made:
        yield made


@pytest.fixture
def acme(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    with company(database, keyspace, calltrack, tmp_path) as made:
        yield made


def with_(installation: Installation, store: str, verb: str, then: Callable[[], object]) -> Any:
    """The workspace, in which something happens before a store's first call of a verb."""
    return installation.with_stores({store: before_call(installation.workspace.stores[store], verb, then)})  # type: ignore[dict-item]


def ambiguous(installation: Installation, batch: Batch) -> set[str]:
    """The collections of which something is left as ambiguous."""
    with reading(installation.workspace.ledger) as connection:
        found = BatchSums().records(connection, batch).remaining()
    return {name for name, counts in found.items() if counts["ambiguous"]}


def test_what_is_the_persons_own_goes_by_all_steps(acme: Installation, database: str, keyspace: Keyspace) -> None:
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch)
    acme.settle()
    assert (acme.outcomes(batch), below(keyspace.client, ANN)) == ({"erased": 1}, [])
    assert (below(keyspace.client, BOB), left(database, "thumbs", "token")) == (all_below(BOB), ["t2", "t3"])


def test_an_index_that_names_somebody_elses_file_leads_to_nothing_below_it(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    keyspace.client.sadd("uploads:1", "f2")
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch)
    assert below(keyspace.client, BOB) == all_below(BOB)
    assert left(database, "thumbs", "token") == ["t2", "t3"]
    assert (below(keyspace.client, ANN), acme.outcomes(batch)) == ([], {"partially-erased": 1})
    assert "cache.parts" in ambiguous(acme, batch)
    acme.settle()
    assert (below(keyspace.client, BOB), acme.outcomes(batch)) == (all_below(BOB), {"partially-erased": 1})


def test_a_plan_counts_nothing_below_somebody_elses_file(acme: Installation, keyspace: Keyspace) -> None:
    alone = acme.plan("user_id\n1\n", "acme")
    keyspace.client.sadd("uploads:1", "f2")
    both = acme.plan("user_id\n1\n", "acme")
    assert due(both) == due(alone)
    assert both.plan["stores"]["cache"]["collections"]["parts"]["ambiguous"] == 1


def due(batch: Batch) -> dict[str, int]:
    """What a plan counts as due, by collection."""
    stores = batch.plan["stores"].items()
    return {f"{name}.{place}": one["due"] for name, told in stores for place, one in told["collections"].items()}


@pytest.mark.parametrize(("store", "verb"), [("cache", "count"), ("main", "erase")])
def test_a_file_that_is_handed_over_takes_what_indexes_name_below_it(
    acme: Installation, database: str, keyspace: Keyspace, store: str, verb: str
) -> None:
    """Before the first store is asked, or while it is: what is below it stays in whatever is asked later."""
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch, with_(acme, store, verb, lambda: execute(database, HAND_OVER)))
    acme.settle()
    assert below(keyspace.client, ANN) == all_below(ANN)
    assert left(database, "thumbs", "token") == (["t1", "t2", "t3"] if store == "cache" else ["t2", "t3"])
    assert acme.outcomes(batch) == {"partially-erased": 1}
    assert {"cache.parts", "cache.pages", "cache.images"} <= ambiguous(acme, batch)


def test_a_file_of_that_name_that_somebody_has_by_settling_keeps_what_is_below_it(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch)
    assert (acme.outcomes(batch), below(keyspace.client, ANN)) == ({"erased": 1}, [])
    execute(database, HAND_OVER + "; INSERT INTO thumbs VALUES ('t1')")
    keyspace.client.sadd("uploads:2", "f1")
    put(keyspace.client, ANN)
    acme.settle()
    assert below(keyspace.client, ANN) == all_below(ANN)
    assert left(database, "thumbs", "token") == ["t1", "t2", "t3"]


def test_a_retry_leaves_what_is_below_a_file_that_was_handed_over_since(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    def refuse(*_: object) -> int:
        raise TerminalError("The store refuses.")

    batch = acme.plan("user_id\n1\n", "acme")
    cache = FaultyConnector(acme.workspace.stores["cache"], erase=refuse)
    acme.erase(batch, acme.with_stores({"cache": cache}))  # type: ignore[dict-item]
    assert below(keyspace.client, ANN) == all_below(ANN)
    execute(database, HAND_OVER)
    operator_retry.retry(acme.workspace, acme.again(batch))
    acme.erase(batch)
    assert below(keyspace.client, ANN) == all_below(ANN)
    assert acme.outcomes(batch) == {"partially-erased": 1}


@pytest.mark.parametrize("moment", ["erase", "verify"])
def test_a_name_that_comes_late_leads_to_nothing_of_somebody_elses(
    acme: Installation, database: str, keyspace: Keyspace, moment: str
) -> None:
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch, with_(acme, "cache", moment, lambda: keyspace.client.sadd("uploads:1", "f2")))
    acme.settle()
    assert below(keyspace.client, BOB) == all_below(BOB)
    assert left(database, "thumbs", "token") == ["t2", "t3"]
    assert acme.outcomes(batch) == {"partially-erased": 1}


def test_a_name_that_comes_late_and_is_the_persons_leads_on(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    def upload() -> None:
        keyspace.client.sadd("uploads:1", "f4")
        put(keyspace.client, "4")
        execute(database, "INSERT INTO thumbs VALUES ('t4')")

    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch, with_(acme, "cache", "erase", upload))
    assert (acme.outcomes(batch), below(keyspace.client, "4")) == ({"erased": 1}, []), acme.failures(batch)
    assert left(database, "thumbs", "token") == ["t2", "t3"]


def test_two_of_a_batch_lead_to_nothing_of_a_third(acme: Installation, keyspace: Keyspace) -> None:
    keyspace.client.sadd("uploads:1", "f2")
    keyspace.client.sadd("uploads:3", "f2")
    batch = acme.plan("user_id\n1\n3\n", "acme")
    acme.erase(batch)
    acme.settle()
    assert [below(keyspace.client, number) for number in (ANN, BOB, CLEO)] == [[], all_below(BOB), []]
    assert acme.outcomes(batch) == {"partially-erased": 2}


def test_a_file_of_somebody_who_goes_too_goes_with_all_below_it(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    keyspace.client.sadd("uploads:1", "f2")
    batch = acme.plan("user_id\n1\n2\n", "acme")
    acme.erase(batch)
    acme.settle()
    assert [below(keyspace.client, number) for number in (ANN, BOB, CLEO)] == [[], [], all_below(CLEO)]
    assert (acme.outcomes(batch), left(database, "thumbs", "token")) == ({"erased": 2}, ["t3"])


def test_whoever_gets_the_id_keeps_what_is_below_the_indexes_of_that_id(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    """No row holds the name of the new file: whose it is, only the index says under the id."""
    batch = acme.plan("user_id\n1\n", "acme")
    acme.erase(batch)
    assert acme.outcomes(batch) == {"erased": 1}
    execute(database, "INSERT INTO users VALUES (1, 'new@x.example', now()); INSERT INTO thumbs VALUES ('t1')")
    keyspace.client.sadd("uploads:1", "f1")
    put(keyspace.client, ANN)
    acme.settle()
    assert below(keyspace.client, ANN) == all_below(ANN)
    assert left(database, "thumbs", "token") == ["t1", "t2", "t3"]
    assert "main.thumbs" in ambiguous(acme, batch)


def test_an_address_that_is_taken_over_takes_what_indexes_name_below_it(
    acme: Installation, database: str, keyspace: Keyspace
) -> None:
    keyspace.client.sadd("box:1@x.example", "p5")
    keyspace.client.hset("pages:p5", "token", "t5")
    keyspace.client.set("image:t5", "x")
    batch = acme.plan("user_id\n1\n", "acme")
    taken_over = "UPDATE users SET email = '1@x.example' WHERE id = 2"
    acme.erase(batch, with_(acme, "main", "erase", lambda: execute(database, taken_over)))
    acme.settle()
    assert keyspace.client.exists("box:1@x.example", "pages:p5", "image:t5") == 3
    assert (below(keyspace.client, ANN), acme.outcomes(batch)) == ([], {"partially-erased": 1})


@pytest.mark.parametrize("whose", ["hers", "his before the plan", "his before the erasure"])
def test_an_address_that_an_index_names_is_followed_below_ones_own_file_alone(
    acme: Installation, database: str, keyspace: Keyspace, whose: str
) -> None:
    keyspace.client.set("contact:f1", "guest@x.example")
    if whose == "his before the plan":
        execute(database, HAND_OVER)
    batch = acme.plan("user_id\n1\n", "acme")
    late = HAND_OVER if whose == "his before the erasure" else "SELECT 1"
    acme.erase(batch, with_(acme, "cache", "count", lambda: execute(database, late)))
    acme.settle()
    assert left(database, "news", "email") == ([] if whose == "hers" else ["guest@x.example"])
    assert acme.outcomes(batch) == {"erased" if whose == "hers" else "partially-erased": 1}


@pytest.mark.parametrize("moment", ["before the plan", "during the erasure"])
def test_what_an_index_of_the_persons_own_names_too_goes(
    acme: Installation, database: str, keyspace: Keyspace, moment: str
) -> None:
    """As a row of one's own beside somebody else's decides for the request."""
    keyspace.client.sadd("uploads:1", "f4")
    keyspace.client.sadd("parts:f4", "p1")
    batch = acme.plan("user_id\n1\n", "acme")
    if moment == "before the plan":
        execute(database, HAND_OVER)
        acme.erase(batch)
    else:
        acme.erase(batch, with_(acme, "cache", "count", lambda: execute(database, HAND_OVER)))
    assert below(keyspace.client, ANN) == ["parts:f1"]
    assert acme.outcomes(batch) == {"partially-erased": 1}
