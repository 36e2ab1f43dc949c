"""Rows of a second database, found by a key of the first one, name what stands in the first one (ADR 18).

Whose the key is by now the first database says; that what it leads to goes with it, only the second one can tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import CompanyStack, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document

MAIN = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
carts: {table: public.carts, found_by: [{column: user_id, of: users.id}], yields: {cart: token}}
parcels: {table: public.parcels, found_by: [{column: nr, identity: parcel}]}
"""
SHOP = """
orders: {table: public.orders, found_by: [{column: cart, identity: cart}], yields: {parcel: parcel}}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE carts (token text PRIMARY KEY, user_id int);
CREATE TABLE parcels (nr text PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, cart text, parcel text UNIQUE);
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO carts SELECT 'c' || n, n FROM generate_series(1, 3) n;
INSERT INTO parcels SELECT 'p' || n FROM generate_series(1, 3) n;
INSERT INTO orders SELECT n, 'c' || n, 'p' || n FROM generate_series(1, 3) n;
"""


@pytest.mark.parametrize(
    ("meanwhile", "kept"),
    [("UPDATE carts SET user_id = 2 WHERE user_id = 1", ["p1"]), ("SELECT", [])],
    ids=["handed over", "not"],
)
def test_what_it_names_under_a_key_that_was_handed_over_since_stays(
    database: str, calltrack: CompanyStack, tmp_path: Path, meanwhile: str, kept: list[str]
) -> None:
    """Between the resolution and the erasing of the first database."""
    execute(database, SCHEMA)
    document = small_document(MAIN)
    document["identities"] |= {name: {"kind": "internal", "normaliser": "exact/1"} for name in ("cart", "parcel")}
    document["stores"]["shop"] = small_document(SHOP)["stores"]["main"]
    write_document(tmp_path / "datamap.yaml", document)
    stores: dict[str, Any] = {name: {"url": SecretStr(database)} for name in ("main", "shop")}
    places = {"data_map": tmp_path / "datamap.yaml", "stores": stores}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as acme:
        batch = acme.plan("user_id\n1\n", "acme")
        shop = before_call(acme.workspace.stores["shop"], "count", lambda: execute(database, meanwhile))
        acme.erase(batch, acme.with_stores({"shop": shop}))
        assert left(database, "parcels", "nr") == [*kept, "p2", "p3"], acme.failures(batch)
        acme.settle()
        assert left(database, "parcels", "nr") == [*kept, "p2", "p3"]
        assert acme.outcomes(batch) == {"partially-erased" if kept else "erased": 1}
