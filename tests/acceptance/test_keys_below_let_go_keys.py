"""A key that becomes somebody else's takes with it what the person was known by through that key alone (ADR 18).

Carts stand in a database. In Redis `carts:{user}` names carts, `device:{cart}` a device (`push:{device}` hangs on it)
and `contact:{cart}` an address. A second database knows an address and a voucher of each cart. Newsletters and vouchers
stand in the first one. `drafts:{email}` names drafts, and `image:{draft}` leads on to devices. Several names each time:
in what order they are followed decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace

from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
carts: {table: public.carts, found_by: [{column: user_id, of: users.id}], yields: {cart: token}}
vouchers: {table: public.vouchers, found_by: [{column: code, identity: voucher}]}
news: {table: public.news, undated: erase, found_by: [{column: email, identity: email}]}
"""
CHECKOUTS = """
checkouts: {table: public.checkouts, found_by: [{column: token, identity: cart}],
  yields: {email: email, voucher: voucher}}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE carts (token text PRIMARY KEY, user_id int);
CREATE TABLE checkouts (token text PRIMARY KEY, email text, voucher text UNIQUE);
CREATE TABLE vouchers (code text PRIMARY KEY);
CREATE TABLE news (email text PRIMARY KEY);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 2) n;
INSERT INTO carts SELECT 'c' || n, CASE WHEN n < 6 THEN 1 ELSE 2 END FROM generate_series(1, 6) n;
INSERT INTO checkouts SELECT 'c' || n, 'guest' || n || '@x.example', 'v' || n FROM generate_series(1, 6) n;
INSERT INTO vouchers SELECT 'v' || n FROM generate_series(1, 6) n;
INSERT INTO news SELECT 'guest' || n || '@x.example' FROM generate_series(1, 6) n;
INSERT INTO news SELECT 'contact' || n || '@x.example' FROM generate_series(1, 6) n;
"""
OWN: dict[str, Any] = {"data_type": "gone", "owner": {"controller": "acme"}}
CACHE: dict[str, Any] = {
    "indexes": {"key": "carts:{user_id}", "type": "set", "yields": "cart", **OWN},
    "devices": {"key": "device:{cart}", "type": "string", "yields": "device", **OWN},
    "pushes": {"key": "push:{device}", "type": "string", **OWN},
    "contacts": {"key": "contact:{cart}", "type": "string", "yields": "email", **OWN},
    "drafts": {"key": "drafts:{email}", "type": "set", "yields": "draft", "undated": "erase", **OWN},
    "images": {"key": "image:{draft}", "type": "string", "yields": "device", **OWN},
}
KEPT = {"2", "3"}
"""Of the carts that are handed over, the numbers: several, and several stay."""
HAND_OVER = "INSERT INTO carts VALUES ('c2', 2), ('c3', 2) ON CONFLICT (token) DO UPDATE SET user_id = 2"
PASS_ON = "UPDATE users SET email = '1@x.example' WHERE id = 2"


class KilledError(BaseException):
    """As a process that is killed."""


@pytest.fixture
def acme(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    execute(database, SCHEMA)
    client = keyspace.client
    for number in "123456":
        client.sadd("carts:1" if number != "6" else "carts:2", f"c{number}")
        client.set(f"device:c{number}", f"d{number}")
        client.set(f"push:d{number}", "x")
        client.set(f"contact:c{number}", f"contact{number}@x.example")
        client.sadd("drafts:1@x.example", f"r{number}")
        client.set(f"image:r{number}", f"e{number}")
        client.set(f"push:e{number}", "x")
    document = small_document(COLLECTIONS)
    document["identities"] |= {name: {"kind": "internal"} for name in ("cart", "device", "voucher", "draft")}
    document["stores"]["crm"] = small_document(CHECKOUTS)["stores"]["main"]
    document["stores"]["cache"] = {"connector": "redis", "collections": json.loads(json.dumps(CACHE))}
    write_document(tmp_path / "datamap.yaml", document)
    stores = {name: {"url": SecretStr(database)} for name in ("main", "crm")}
    stores["cache"] = {"url": SecretStr(keyspace.url)}
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml", stores=stores) as made:
        yield made


def interrupted(installation: Installation, batch: Batch) -> None:
    """The erasure is killed once everything is resolved, and before anything is gone."""

    def kill() -> None:
        raise KilledError

    store = before_call(installation.workspace.stores["main"], "erase", kill)
    with pytest.raises(KilledError):
        installation.erase(batch, installation.with_stores({"main": store}))  # type: ignore[dict-item]


def ambiguous(installation: Installation, batch: Batch) -> set[str]:
    """The collections of which something is left as ambiguous."""
    with reading(installation.workspace.ledger) as connection:
        found = BatchSums().records(connection, batch).remaining()
    return {name for name, counts in found.items() if counts["ambiguous"]}


def numbers(client: Redis, pattern: str) -> set[str]:
    """The numbers at the end of the names that are left."""
    return {name.decode()[-1] for name in client.keys(pattern)}


def in_table(database: str, table: str, column: str, start: str) -> set[str]:
    found = (str(one).partition("@")[0] for one in left(database, table, column))
    return {name[-1] for name in found if name.startswith(start)}


@pytest.mark.parametrize("indexed", [True, False], ids=["in her index too", "in rows alone"])
@pytest.mark.parametrize("moment", ["after the plan", "after the resolution"])
def test_what_hangs_on_a_cart_that_was_handed_over_stays(
    acme: Installation, database: str, keyspace: Keyspace, moment: str, *, indexed: bool
) -> None:
    if not indexed:
        keyspace.client.delete("carts:1")
    batch = acme.plan("user_id\n1\n", "acme")
    if moment == "after the resolution":
        interrupted(acme, batch)
    execute(database, HAND_OVER)
    acme.erase(batch)
    acme.settle()
    stays = KEPT | {"6"}
    for pattern in ("device:*", "push:d*", "contact:*"):
        assert numbers(keyspace.client, pattern) == stays, pattern
    assert in_table(database, "checkouts", "token", "c") == stays
    assert in_table(database, "vouchers", "code", "v") == stays
    assert in_table(database, "news", "email", "guest") == stays
    assert in_table(database, "news", "email", "contact") == stays
    assert acme.outcomes(batch) == {"partially-erased": 1}
    told = {"main.vouchers", "main.news", "crm.checkouts", "cache.devices", "cache.pushes", "cache.contacts"}
    assert told <= ambiguous(acme, batch)


def test_what_a_cart_of_ones_own_leads_to_as_well_goes(acme: Installation, database: str, keyspace: Keyspace) -> None:
    keyspace.client.set("device:c1", "d2")
    batch = acme.plan("user_id\n1\n", "acme")
    execute(database, HAND_OVER)
    acme.erase(batch)
    assert numbers(keyspace.client, "push:d*") == {"1", "3", "6"}
    assert acme.outcomes(batch) == {"partially-erased": 1}


def test_what_hangs_on_carts_that_nobody_took_goes(acme: Installation, database: str, keyspace: Keyspace) -> None:
    """The application deletes the rows alone: nobody else has what they named."""
    batch = acme.plan("user_id\n1\n", "acme")
    execute(database, "DELETE FROM carts WHERE token IN ('c2', 'c3')")
    keyspace.client.delete("carts:1")
    acme.erase(batch)
    assert numbers(keyspace.client, "push:d*") == in_table(database, "vouchers", "code", "v") == {"6"}
    assert in_table(database, "news", "email", "guest") == in_table(database, "news", "email", "contact") == {"6"}
    assert acme.outcomes(batch) == {"erased": 1}


@pytest.mark.parametrize("hers", ["email = 'a@x.example'", "email = NULL", "email = email"])
@pytest.mark.parametrize("moment", ["after the plan", "after the resolution"])
def test_an_address_that_passes_on_takes_what_its_index_names(
    acme: Installation, database: str, keyspace: Keyspace, hers: str, moment: str
) -> None:
    batch = acme.plan("user_id\n1\n", "acme")
    if moment == "after the resolution":
        interrupted(acme, batch)
    execute(database, f"UPDATE users SET {hers} WHERE id = 1; {PASS_ON}")
    acme.erase(batch)
    acme.settle()
    assert numbers(keyspace.client, "image:*") == numbers(keyspace.client, "push:e*") == set("123456")
    assert numbers(keyspace.client, "push:d*") == {"6"}
    assert acme.outcomes(batch) == {"partially-erased": 1}
    assert {"cache.drafts", "cache.images", "cache.pushes"} <= ambiguous(acme, batch)
