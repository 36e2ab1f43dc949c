"""What a law keeps stays told as that beside what people share in one collection, and its keys are kept (ADR 8, 26)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.cancellation import residual
from tests.support.data_map_text import write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.statements import grounds_of, lines_of, statements_of

COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
owners: {table: public.owners, found_by: [{column: user_id, of: users.id}]}
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
invoices: {table: public.invoices, data_type: kept, start: issued,
  found_by: [{column: user_id, of: users.id}, {column: account_id, of: accounts.id}]}
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE owners (user_id int REFERENCES users, account_id int REFERENCES accounts);
CREATE TABLE invoices (id int PRIMARY KEY, user_id int, account_id int, issued date NOT NULL DEFAULT '2026-01-01');
INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(1, 2) n;
INSERT INTO accounts VALUES (1); INSERT INTO owners VALUES (1, 1), (2, 1);
"""
HERS, JOINT = "INSERT INTO invoices VALUES (1, 1, NULL)", "INSERT INTO invoices VALUES (2, NULL, 1)"
LAW, THEIRS = "law", "Other people's right"


@pytest.fixture
def acme(database: str, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    execute(database, SCHEMA)
    write_document(tmp_path / "datamap.yaml", small_document(COLLECTIONS))
    stores = {"main": {"url": SecretStr(database)}}
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml", stores=stores) as made:
        yield made


@pytest.mark.parametrize("there", [[HERS, JOINT], [JOINT]], ids=["hers and a joint one", "a joint one alone"])
def test_an_invoice_below_an_account_of_two_makes_none_of_hers_theirs(
    acme: Installation, database: str, there: list[str]
) -> None:
    """All were told as shared, which go with the last owner, and no key was kept: asked again, it was not found."""
    execute(database, "; ".join(there))
    first = acme.plan("user_id\n1\n", "acme")
    acme.erase(first)
    acme.settle()
    (said,) = statements_of(acme, first, "partially-erased")
    ground, until = grounds_of(said.body)["main.invoices"]
    assert ground.endswith(f": {LAW}; {ground[ground.index(THEIRS) :]}")
    assert until is None
    assert residual(acme) == [[("main", "invoices")]]
    second = acme.plan("email\n1@x.example\n", "acme")
    acme.erase(second)
    (said,) = statements_of(acme, second, "partially-erased")
    assert lines_of(said.body)["main.invoices"][0] == "left"
    assert left(database, "invoices") == [1, 2][-len(there) :]
