"""What shared rows of the people of one batch lead to is planned, and under the limits, or is not deleted (ADR 26)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliResult
from tests.support.data_map_text import parsed
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import fresh_database
from tests.support.small_company import installed, succeeded

from expunge_demo.dev_servers import Endpoints

HOMES = """
members: {table: public.members, data_type: gone, owner: {controller: acme},
  found_by: [{column: user_id, identity: user_id}]}
homes: {table: public.homes, data_type: gone, owner: {controller: acme}, sharing: last_owner,
  found_by: [{column: id, of: members.home_id}], yields: {token: {column: code}}}
"""
USERS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
plans: {table: public.plans, data_type: letters, found_by: [{column: code, identity: token}]}
"""
SHARED = """
CREATE TABLE homes (id int PRIMARY KEY, code text UNIQUE, mail text);
CREATE TABLE members (user_id int, home_id int REFERENCES homes, PRIMARY KEY (user_id, home_id));
CREATE INDEX ON members (home_id);
INSERT INTO homes VALUES (1, 'H1'), (2, 'H2'); INSERT INTO members VALUES (1, 1), (2, 1), (3, 2);
"""
TABLES = """
CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3);
CREATE TABLE plans (id int PRIMARY KEY, code text); CREATE INDEX ON plans (code);
INSERT INTO plans SELECT n, 'H' || n % 2 + 1 FROM generate_series(1, 82) n;
"""
PLANS = 41


class Company:
    """One or two databases, a map with a limit of twenty records per person, and commands as people type them."""

    def __init__(self, home: Path, fork_server: ForkServer, urls: dict[str, str], document: dict[str, Any]) -> None:
        self.url = urls["main"]
        named = {name: urls[name] for name in document["stores"]}
        self.cli = installed(home, fork_server, document, named, ACTOR="ann")

    def plan(self, *people: int, chunk: int = 100, args: tuple[str, ...] = ()) -> dict[str, Any]:
        listed = ("user_id\n" + "".join(f"{one}\n" for one in people)).encode()
        at = {"EXPUNGE_CHUNK_SIZE": str(chunk)}
        told = self.cli.run("plan", "-", "-c", "acme", "--json", *args, stdin=listed, settings=at)
        planned: dict[str, Any] = json.loads(succeeded(told))
        return planned

    def erase(self, plan: dict[str, Any]) -> CliResult:
        return self.cli.run("erase", plan["id"], "--confirm", plan["digest"])

    def approve(self, plan: dict[str, Any]) -> None:
        bob = {"EXPUNGE_ACTOR": "bob"}
        succeeded(self.cli.run("approve", plan["id"], "--digest", plan["digest"], settings=bob))

    def status(self, plan: dict[str, Any]) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(succeeded(self.cli.run("status", plan["id"], "--json")))
        return status

    def plans(self, home: int) -> int:
        return sum(code == f"H{home}" for code in left(self.url, "plans", "code"))


def due(plan: dict[str, Any]) -> int:
    return int(plan["stores"]["main"]["collections"]["plans"]["due"])


def company_document(*, apart: bool, yields: str = "") -> dict[str, Any]:
    homes = parsed(HOMES.replace("{column: code}", "{column: code}" + yields))
    document = small_document(USERS)
    if apart:
        document["stores"]["crm"] = {"connector": "postgres", "collections": homes}
    else:
        document["stores"]["main"]["collections"] |= homes
    document["data_types"]["letters"] = dict(
        document["data_types"]["gone"], purpose="q", categories=["d"], rule={"start": "collected", "period": "P2Y"}
    )
    document["limits"] = {"rows_per_person": 20}
    return document


@pytest.fixture(params=[False, True], ids=["one database", "two databases"])
def company(
    request: pytest.FixtureRequest, database: str, servers: Endpoints, tmp_path: Path, fork_server: ForkServer
) -> Iterator[Company]:
    """Ann and Bob (1, 2) have the first home together, Carl (3) the second one; plans name the home they are of."""
    apart: bool = request.param
    with fresh_database(servers.postgres_url) as other:
        urls = {"main": database, "crm": other}
        execute(urls["crm" if apart else "main"], SHARED)
        execute(database, TABLES)
        yield Company(tmp_path, fork_server, urls, company_document(apart=apart))


@pytest.mark.parametrize("chunk", [100, 1], ids=["one chunk", "two chunks"])
def test_what_a_row_of_two_who_both_go_leads_to_is_planned(company: Company, chunk: int) -> None:
    alone = company.plan(3)
    assert (due(alone), alone["state"]) == (PLANS, "awaiting-approval")
    plan = company.plan(1, 2, chunk=chunk)
    assert (due(plan), plan["state"]) == (2 * PLANS, "awaiting-approval"), (
        "each of them, as of any row that people share"
    )
    assert plan["max_records_per_person"] == alone["max_records_per_person"]
    assert company.erase(plan).code == 11
    assert company.plans(1) == PLANS
    company.approve(plan)
    succeeded(company.erase(plan))
    assert (company.plans(1), company.plans(2)) == (0, PLANS)
    outcomes = company.status(plan)["outcomes"]  # of one of whom the home was retained when the other still had it
    assert outcomes == {"erased": 2} or (chunk == 1 and outcomes == {"erased": 1, "partially-erased": 1})


def test_with_one_of_two_owners_it_stays(company: Company) -> None:
    plan = company.plan(1, 3)
    assert due(plan) == PLANS
    company.approve(plan)
    succeeded(company.erase(plan))
    assert (company.plans(1), company.plans(2)) == (PLANS, 0)


@pytest.mark.parametrize("chunk", [100, 1], ids=["one chunk", "two chunks"])
def test_where_the_shared_row_was_not_asked_for_nothing_is_planned_and_nothing_deleted(
    company: Company, chunk: int
) -> None:
    """While the home is there, and both are its owners, neither is told of what its code leads to."""
    plan = company.plan(1, 2, chunk=chunk, args=("--data-type", "letters"))
    assert (due(plan), plan["exceeded"]) == (0, [])
    company.erase(plan)
    assert company.plans(1) == PLANS
