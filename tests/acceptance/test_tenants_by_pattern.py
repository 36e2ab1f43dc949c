"""Equal ids in the schemas of several clients, and a client who comes later: from check to settled (ADR 25)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.postgres.tenants import COLLECTIONS, SHARED, add_tenants, places
from tests.support.public_schemas import Picture, tables
from tests.support.small_company import installed, succeeded


def planned(cli: CliRunner, controller: str) -> CliResult:
    return cli.run("plan", "-", "-c", controller, "--json", stdin=b"user_id\n7\n")


def changed(before: Picture, after: Picture) -> set[str]:
    """The tables of which any row is otherwise."""
    return {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}


def test_each_client_is_erased_in_a_schema_of_its_own(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    execute(database, f"{SHARED} CREATE SCHEMA tenant_empty")
    add_tenants(database, "acme", "bolt", "cusp")
    cli = installed(tmp_path, fork_server, small_document(COLLECTIONS), {"main": database})
    assert "tenant_*: 3 schemas, tenant_cusp, tenant_bolt, tenant_acme made last" in succeeded(cli.run("check"))
    refused = planned(cli, "client:Acme")
    assert (refused.code, "has no schema there" in refused.output) == (4, True)
    hold = ("holds", "place", "--ground", "x", "-c")
    refused = cli.run(*hold, "client:ACME")
    assert (refused.code, "has no schema there" in refused.output) == (4, True)
    placed = json.loads(succeeded(cli.run(*hold, "client:acme", "--json")))
    assert json.loads(succeeded(planned(cli, "client:acme")))["on_hold"] == 1
    succeeded(cli.run("holds", "lift", placed["id"]))
    before = tables(database)
    plan = json.loads(succeeded(planned(cli, "client:acme")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert changed(before, tables(database)) == places("acme")
    execute(database, "INSERT INTO tenant_acme.signatures VALUES (3, 7, 'late')")
    add_tenants(database, "dove")
    before = tables(database)
    succeeded(cli.run("run-due"))
    status = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    assert (status["state"], set(status["outcomes"])) == ("settled", {"erased"})
    assert changed(before, tables(database)) == {"tenant_acme.signatures"}
    assert execute(database, "SELECT array_agg(id) FROM tenant_acme.users") == [([8],)]
    assert execute(database, "SELECT * FROM tenant_acme.signatures") == [(2, 7, None), (3, 7, None)]
    before = tables(database)
    plan = json.loads(succeeded(planned(cli, "client:dove")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert changed(before, tables(database)) == places("dove")
