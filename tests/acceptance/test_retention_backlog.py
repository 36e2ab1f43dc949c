"""A backlog drains in nightly windows while more comes due: on which day it is gone is said, and so it happens."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed
from tests.support.sweep_nights import armed_at_night, at_night, told_at_night

_CALLS = "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}"
# Two dozen rows a block. What is due, for years; and for each of the next eight weeks' days what comes due on it.
_SCHEMA = """
CREATE TABLE calls (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, person int, made date,
  said text DEFAULT repeat('x', 300));
INSERT INTO calls (person, made) SELECT n, date '2015-01-01' + n % 2000 FROM generate_series(1, {backlog}) n;
INSERT INTO calls (person, made)
  SELECT n, ((now() AT TIME ZONE 'UTC')::date + day - interval '1 year')::date
    FROM generate_series(1, 56) day, generate_series(1, {intake}) n;
"""
_SMALL_PIECES = """
from expunge_connectors.postgres.ages import table_slices
table_slices._MOST = table_slices._LEAST = 1
"""
_SECONDS = 6.0
"""Each row takes: six hundred go in an hour."""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    return installed(tmp_path, fork_server, small_document(_CALLS, user_id="integer/2"), {"main": database})


def drained(cli: CliRunner, database: str, rates: list[float]) -> tuple[int, list[int]]:
    """Sweep for an hour each night, at that multiple of the rate; (nights that it took, nights as each one said)."""
    armed_at_night(cli, 0, "--at-most", "100000")
    [(first,)] = execute(database, "SELECT (now() AT TIME ZONE 'UTC')::date + 1")
    said: list[int] = []
    for night, rate in enumerate(rates):
        told_at_night(cli, night, "run", "--minutes", "60", "--busy", "1", seconds=_SECONDS / rate, code=_SMALL_PIECES)
        window = told_at_night(cli, night, "report")["windows"][-1]
        due = f"made + interval '1 year' <= date '{first}' + {night}"
        [(left,)] = execute(database, f"SELECT count(*) FROM calls WHERE {due}")
        assert window["backlog"] == left
        if not left:
            return night, said
        said.append((date.fromisoformat(window["empty_on"]) - first).days)
    raise AssertionError("it did not drain")


@pytest.mark.parametrize(("backlog", "intake"), [(2_500, 100), pytest.param(10_000, 200, marks=pytest.mark.heavy)])
def test_at_a_fixed_rate_it_is_gone_on_the_day_that_was_said(
    cli: CliRunner, database: str, backlog: int, intake: int
) -> None:
    execute(database, _SCHEMA.format(backlog=backlog, intake=intake))
    nights, said = drained(cli, database, [1.0] * 40)
    assert nights > 3
    assert all(abs(one - nights) <= 0.1 * nights for one in said)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(3))
def test_unpaced_it_is_gone_near_the_day_that_was_said(cli: CliRunner, database: str, seed: int) -> None:
    """Each night goes at a rate of its own."""
    execute(database, _SCHEMA.format(backlog=6_000, intake=100))
    draw = random.Random(seed)
    nights, said = drained(cli, database, [draw.uniform(0.8, 1.25) for _ in range(40)])
    assert nights > 6
    assert all(abs(one - nights) <= 0.3 * nights for one in said)


def test_what_comes_due_faster_than_it_goes_is_told(cli: CliRunner, database: str) -> None:
    """A thousand come due each day, and six hundred go in the hour of each night."""
    execute(database, _SCHEMA.format(backlog=1_000, intake=1_000))
    armed_at_night(cli, 0, "--at-most", "1000000")
    told_at_night(cli, 0, "run", "--minutes", "60", "--busy", "1", seconds=_SECONDS, code=_SMALL_PIECES)
    for words in (("report",), ("plan",)):
        forecast = told_at_night(cli, 0, *words)["forecast"]
        assert (forecast["keeps_up"], forecast["empty_on"]) == (False, None)
    assert "does not keep up" in at_night(cli, 0, "report").output
