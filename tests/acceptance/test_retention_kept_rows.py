"""What must stay does: under a hold that comes while a sweep is at work, and in a partition of which the rest goes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import installed, succeeded

_CALLS = """
calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}
notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}
"""
_HELD_MIDWAY = """
CREATE TABLE calls (id int PRIMARY KEY, person int, made date);
CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls);
CREATE INDEX ON notes (call);
INSERT INTO calls SELECT n, n % 3, date '2015-01-01' FROM generate_series(1, 3000) n;
INSERT INTO notes SELECT n, n FROM generate_series(1, 3000) n;
"""
_PAUSES = """
def pauses():
    import time
    from pathlib import Path
    from expunge_connectors.postgres.ages import table_slices
    from expunge_connectors.postgres.ages.age_sweep import AgeSweep
    table_slices._MOST = table_slices._LEAST = 1
    taken, pieces = AgeSweep._piece, []
    def piece(self, *words):
        pieces.append(taken(self, *words))
        if len(pieces) == 3:
            Path("paused").touch()
            while Path("paused").exists():
                time.sleep(0.01)
        return pieces[-1]
    AgeSweep._piece = piece
pauses()
"""
_CALLS_OF_YEARS = """
calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}
bills: {table: public.bills, start: billed, data_type: kept, found_by: [{column: call, of: calls.id}]}
guests: {table: public.guests, start: joined, found_by: [{column: person, identity: user_id}]}
"""
# Of each ten calls one is on a bill that a law keeps, one has a guest of this year, and one is of a held person. Half
# of those of the last partition are due.
_PARTITIONS = """
CREATE TABLE calls (id int PRIMARY KEY, person int, made date) PARTITION BY RANGE (id);
CREATE TABLE calls_2014 PARTITION OF calls FOR VALUES FROM (1) TO (1001);
CREATE TABLE calls_2015 PARTITION OF calls FOR VALUES FROM (1001) TO (2001);
CREATE TABLE calls_late PARTITION OF calls FOR VALUES FROM (2001) TO (3001);
CREATE TABLE bills (id int PRIMARY KEY, call int, billed date);
CREATE TABLE guests (person int, call int REFERENCES calls, joined date);
INSERT INTO calls SELECT n, 100 + n % 7, date '2014-01-01' + n % 365 FROM generate_series(1, 1000) n;
INSERT INTO calls SELECT n, CASE WHEN n % 10 = 3 THEN 5 ELSE 100 END, date '2015-01-01' + n % 365
  FROM generate_series(1001, 2000) n;
INSERT INTO calls SELECT n, CASE WHEN n % 10 = 3 THEN 5 ELSE 100 END, CASE n % 2 WHEN 0 THEN current_date
  ELSE date '2016-01-01' END FROM generate_series(2001, 3000) n;
INSERT INTO bills SELECT id, id, current_date FROM calls WHERE id > 1000 AND id % 10 = 1;
INSERT INTO guests SELECT 7, id, current_date FROM calls WHERE id > 1000 AND id % 10 = 2;
"""


def made(home: Path, fork_server: ForkServer, database: str, collections: str) -> CliRunner:
    return installed(home, fork_server, small_document(collections, user_id="integer/2"), {"main": database})


def told(cli: CliRunner, *words: str, code: str = "") -> Any:
    return json.loads(succeeded(cli.run("retention", *words, "--json", code=code)))


def armed(cli: CliRunner) -> None:
    plan = told(cli, "plan")
    told(cli, "arm", plan["id"], "--confirm", plan["digest"])


def hold(cli: CliRunner, person: int) -> None:
    succeeded(
        cli.run("holds", "place", "-", "--ground", "Court order 4 C 17/26", stdin=f"user_id\n{person}\n".encode())
    )


@pytest.mark.parametrize("of", ["a person", "the data type"])
def test_a_hold_that_comes_while_it_sweeps_keeps_all_from_the_next_piece_on(
    database: str, tmp_path: Path, fork_server: ForkServer, of: str
) -> None:
    execute(database, _HELD_MIDWAY)
    cli = made(tmp_path, fork_server, database, _CALLS)
    armed(cli)
    pause = tmp_path / "paused"
    with ThreadPoolExecutor(1) as beside:
        sweep = beside.submit(told, cli, "run", "--busy", "1", code=_PAUSES)
        while not pause.exists() and not sweep.done():
            time.sleep(0.01)
        rows = execute(database, "SELECT id, person FROM calls ORDER BY id")
        if of == "a person":
            hold(cli, 1)
        else:
            succeeded(cli.run("holds", "place", "--data-type", "gone", "--ground", "Court order 4 C 17/26"))
        pause.unlink()
        swept = sweep.result()
    assert 0 < len(rows) < 3000
    stay = [number for number, person in rows if of == "the data type" or person == 1]
    assert left(database, "calls") == left(database, "notes") == stay
    [place] = swept["places"]
    assert (swept["state"], place["gone"]["calls"]) == ("done", 3000 - len(stay))
    assert place["left"] == place["held"] == len(stay)
    report = told(cli, "report")
    assert report["backlog"] == 0, "what a hold keeps could not go"
    assert [(one["left"], one["held"]) for one in report["places"]] == [(len(stay), len(stay))]


def test_of_a_mixed_partition_only_what_is_due_goes(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    """The one of which everything is due is empty afterwards, and there; from the others goes what nothing keeps."""
    execute(database, _PARTITIONS)
    cli = made(tmp_path, fork_server, database, _CALLS_OF_YEARS)
    hold(cli, 5)
    stay = [number for number in range(1001, 3001) if number % 10 in {1, 2, 3} or (number > 2000 and number % 2 == 0)]
    others = {table: execute(database, f"SELECT * FROM {table} ORDER BY 2") for table in ("bills", "guests")}
    armed(cli)
    swept = told(cli, "run", "--busy", "1")
    assert left(database, "calls") == stay
    assert left(database, "calls_2014") == []
    assert {table: execute(database, f"SELECT * FROM {table} ORDER BY 2") for table in others} == others
    places = {one["collection"]: one for one in swept["places"]}
    assert places["calls"]["gone"] == {"calls": 3000 - len(stay)}
    due = [number for number in stay if number <= 2000 or number % 2]
    assert (places["calls"]["left"], places["calls"]["held"]) == (len(due), len([one for one in due if one % 10 == 3]))
    assert told(cli, "report")["backlog"] == 0
