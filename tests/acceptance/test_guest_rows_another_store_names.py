"""An order of nobody's account says by its e-mail whose it is, though an index of another store names it (ADR 18).

`last:{user_id}` in Redis, or a table of a second database, says which orders a user looked at. An order that Cleo made
as a guest is hers by the address in it; found by its number it would go with Ann, so `check` refuses the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.data_map_text import parsed, write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.servers import Keyspace

OWN: dict[str, Any] = {"data_type": "gone", "owner": {"controller": "acme"}}
USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
"""
BY_ACCOUNT, BY_EMAIL = "{column: user_id, of: users.id}", "{column: email, identity: email}"
BY_NUMBER = "{column: num, identity: order_no}"
ANY = ", goes_with_any: {reason: r, approved_by: D}"
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (num text PRIMARY KEY, user_id int, email text, made timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES (1, 'ann@x.example'), (3, 'cleo@x.example');
INSERT INTO orders VALUES ('o1', 1, 'ann@x.example');
"""
GUESTS = "INSERT INTO orders VALUES ('o500', NULL, 'Cleo@x.example')"
NOBODYS = "INSERT INTO orders VALUES ('o500', NULL, 'dora@x.example')"
ANOTHERS = "INSERT INTO orders VALUES ('o500', 3, 'cleo@x.example')"

Company = Callable[..., Installation]


@pytest.fixture
def company(database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path) -> Iterator[Company]:
    """An installation with orders that are found so, and an index in Redis that names them or something else."""
    open_: list[Any] = []

    def made(rows: str, *found_by: str, more: str = "", tells: str = "order_no") -> Installation:
        execute(database, SCHEMA + rows)
        links = ", ".join(found_by)
        orders = f"orders: {{table: public.orders, created: made, found_by: [{links}]{more}}}\n"
        document = small_document(USERS + orders)
        document["identities"] |= {name: {"kind": "internal"} for name in ("order_no", "token")}
        cache = {"last": {"key": "last:{user_id}", "type": "set", "yields": tells, **OWN}}
        document["stores"]["cache"] = {"connector": "redis", "collections": cache}
        write_document(tmp_path / "datamap.yaml", document)
        stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
        home = tmp_path / "expunge"
        installation = fresh_installation(calltrack, home, data_map=tmp_path / "datamap.yaml", stores=stores)
        open_.append(installation)
        return installation.__enter__()

    yield made
    for one in open_:
        one.__exit__(None, None, None)


def several(installation: Installation) -> list[str | None]:
    """The collections of which `check` says that rows name several people."""
    findings = installation.workspace.stores["main"].inspect()
    return [one.collection for one in findings if one.code == "several-people" and one.of_rows]


@pytest.mark.parametrize("links", [(BY_ACCOUNT, BY_EMAIL, BY_NUMBER), (BY_EMAIL, BY_NUMBER)])
def test_check_refuses_a_guests_order_that_another_store_names(company: Company, links: tuple[str, ...]) -> None:
    assert several(company(GUESTS, *links)) == ["orders"]


@pytest.mark.parametrize(
    ("rows", "how"),
    [
        (NOBODYS, {}),
        (ANOTHERS, {}),
        (GUESTS, {"tells": "token"}),
        (GUESTS, {"more": ANY}),
    ],
    ids=["of-no-account", "named-by-a-key", "not-told-elsewhere", "goes-with-any"],
)
def test_check_allows_what_no_other_account_may_hold(company: Company, rows: str, how: dict[str, str]) -> None:
    assert several(company(rows, BY_ACCOUNT, BY_EMAIL, BY_NUMBER, **how)) == []


def test_check_allows_orders_that_are_not_found_by_the_number(company: Company) -> None:
    assert several(company(GUESTS, BY_ACCOUNT, BY_EMAIL, more=", yields: {order_no: num}")) == []


def test_accounts_of_another_database_hold_addresses_too(
    database: str, calltrack: CompanyStack, tmp_path: Path
) -> None:
    """Whose an address is cannot be compared across databases: any guest's order is refused."""
    execute(database, f"{SCHEMA}; CREATE TABLE recent (user_id int PRIMARY KEY, num text); {NOBODYS}")
    recent = "recent: {table: public.recent, found_by: [{column: user_id, of: users.id}], yields: {order_no: num}}\n"
    document = small_document(USERS + recent)
    document["identities"]["order_no"] = {"kind": "internal"}
    orders = parsed(f"orders: {{table: public.orders, created: made, found_by: [{BY_EMAIL}, {BY_NUMBER}]}}")
    orders["orders"] |= OWN
    document["stores"]["second"] = {"connector": "postgres", "collections": orders}
    write_document(tmp_path / "datamap.yaml", document)
    stores: dict[str, Any] = {name: {"url": SecretStr(database)} for name in ("main", "second")}
    home = tmp_path / "expunge"
    with fresh_installation(calltrack, home, data_map=tmp_path / "datamap.yaml", stores=stores) as acme:
        found = [one.collection for one in acme.workspace.stores["second"].inspect() if one.code == "several-people"]
    assert found == ["orders"]
