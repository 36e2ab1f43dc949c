"""A table of which one DELETE, and one count, runs into the statement timeout night after night: a sweep does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed, succeeded

_COLLECTIONS = """
people:
  table: public.people
  data_type: anchor
  start: left_at
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
  tombstone: {name: public.pseudonym(id)}
calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}
"""
# Rows of a kilobyte, so that a few hundred take many blocks. Each that goes, or is looked at, takes its time.
_SCHEMA = """
CREATE FUNCTION pseudonym(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM pg_catalog.pg_sleep({cost}); RETURN 'p' || id; END $$;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_catalog.pg_sleep({cost}); RETURN OLD; END $$;
CREATE TABLE people (id int PRIMARY KEY, name text, left_at date, page text);
CREATE TABLE calls (id int PRIMARY KEY, person int, made date, page text);
INSERT INTO people SELECT n, 'Ann ' || n, date '2001-01-01', repeat('x', 1000) FROM generate_series(1, {rows}) n;
INSERT INTO calls SELECT n, n, date '2001-01-01', repeat('x', 1000) FROM generate_series(1, {rows}) n;
INSERT INTO calls VALUES (0, 1, current_date, '');
CREATE TRIGGER slow BEFORE DELETE ON calls FOR EACH ROW EXECUTE FUNCTION slow();
"""
_SIZES = [
    pytest.param(1, 110, 0.01, id="1 s"),
    pytest.param(5, 1100, 0.005, id="5 s", marks=pytest.mark.heavy),
]


def told(cli: CliRunner, *words: str) -> Any:
    return json.loads(succeeded(cli.run("retention", *words, "--json")))


@pytest.mark.parametrize(("timeout", "rows", "cost"), _SIZES)
def test_no_piece_runs_into_it_and_everything_goes(  # noqa: PLR0917 - fixtures, and how slow it is
    database: str, tmp_path: Path, fork_server: ForkServer, timeout: int, rows: int, cost: float
) -> None:
    execute(database, _SCHEMA.format(rows=rows, cost=cost))
    statements = {
        "deletes": "DELETE FROM calls WHERE made < date '2020-01-01'",
        "counts": "SELECT count(*) FROM people WHERE name IS DISTINCT FROM pseudonym(id)",
    }
    for statement in statements.values():
        with pytest.raises(psycopg.errors.QueryCanceled):
            execute(database, f"SET statement_timeout = '{timeout}s'; {statement}")
    cli = installed(
        tmp_path,
        fork_server,
        small_document(_COLLECTIONS, user_id="integer/2"),
        {"main": database},
        STORES__MAIN__STATEMENT_TIMEOUT=f"{timeout}s",
    )
    plan = told(cli, "plan")
    assert plan["goes"] == 2 * rows
    told(cli, "arm", plan["id"], "--confirm", plan["digest"])
    swept = told(cli, "run", "--busy", "1")
    assert (swept["state"], swept["gone"]) == ("done", 2 * rows)
    assert {one["collection"]: one["left"] for one in swept["places"]} == {"people": 0, "calls": 0}
    assert execute(database, "SELECT id FROM calls") == [(0,)]
    assert execute(database, "SELECT count(*) FROM people WHERE name LIKE 'Ann%'") == [(0,)]
