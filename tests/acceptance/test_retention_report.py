"""What an auditor is told of a period: how much was due and went, why the rest is left, what was wrong and how long."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed, succeeded
from tests.support.sweep_nights import armed_at_night, at_night, told_at_night

from expunge_connectors.errors import TerminalError

_COLLECTIONS = """
calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}
notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}
bills: {table: public.bills, start: billed, data_type: kept, found_by: [{column: call, of: calls.id}]}
"""
# Of a thousand calls one in ten is on a bill that a law keeps, and one in ten is of a held person.
_SCHEMA = """
CREATE TABLE calls (id int PRIMARY KEY, person int, made date);
CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls);
CREATE TABLE bills (id int PRIMARY KEY, call int, billed date);
INSERT INTO calls SELECT n, CASE n % 10 WHEN 3 THEN 5 ELSE 100 END, date '2015-01-01' FROM generate_series(1, 1000) n;
INSERT INTO calls VALUES (2000, 9, NULL);
INSERT INTO notes SELECT n, n FROM generate_series(1, 1000) n;
INSERT INTO bills SELECT n, n, current_date FROM generate_series(1, 1000) n WHERE n % 10 = 1;
"""
_REFUSED = """
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connector import PostgresStore
def refuse(*_, error=TerminalError):
    raise error("store main, collection calls: refused.")
PostgresStore.delete_due = refuse
"""
_TOO_SHORT = """
from expunge_connectors.postgres.connector import PostgresStore
PostgresStore.delete_due = lambda *_: False
"""
_ALARM, _BLOCKED, _KILL = 15, 11, -9


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, _SCHEMA)
    return installed(tmp_path, fork_server, small_document(_COLLECTIONS, user_id="integer/2"), {"main": database})


def alarms(cli: CliRunner, night: int, *, sounds: bool) -> list[tuple[str, str, str | None]]:
    """(kind, since, until) of each; the report ends with 15 if one has not ended."""
    answer = at_night(cli, night, "report", "--json", hour=5)
    assert answer.code == (_ALARM if sounds else 0), answer.output
    report = json.loads(answer.out)
    assert [one for one in report["alarms"] if one["until"] is None] == report["sounding"]
    assert bool(report["sounding"]) == sounds
    return [(one["kind"], one["since"], one["until"]) for one in report["alarms"]]


def begun(cli: CliRunner, night: int) -> list[str]:
    answer = at_night(cli, night, "report", "--json", hour=5)
    return [one["begun_at"] for one in json.loads(answer.out)["windows"]]


def test_what_is_left_is_told_with_the_reason(cli: CliRunner) -> None:
    succeeded(cli.run("holds", "place", "-", "--ground", "Court order 4 C 17/26", stdin=b"user_id\n5\n"))
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    told_at_night(cli, 1, "run", "--busy", "1")
    report = told_at_night(cli, 1, "report")
    calls = next(one for one in report["places"] if one["collection"] == "calls")
    counted = {name: calls[name] for name in ("due", "gone", "along", "left", "held", "needed", "other", "undated")}
    assert counted == {
        "due": 1000, "gone": 800, "along": 800, "left": 200, "held": 100, "needed": 100, "other": 0, "undated": 1,
    }  # fmt: skip
    assert (calls["oldest_left"], calls["needed_by"]) == ("2015-01-01", ["bills"])
    assert {one["data_type"]: (one["due"], one["gone"], one["left"]) for one in report["types"]} == {
        "gone": (1000, 800, 200),
        "kept": (0, 0, 0),
    }
    assert [[(one["data_type"], one["gone"]) for one in sweep["types"]] for sweep in report["sweeps"]] == [
        [("gone", 800), ("kept", 0)],
        [("gone", 0), ("kept", 0)],
    ]
    assert [(one["gone"], one["left"]) for one in report["history"]["gone"]] == [(800, 0), (0, 0)]
    assert report["history"]["gone"][0]["came_due"] is None
    assert report["alarms"] == []
    shown = at_night(cli, 1, "report").output
    assert "800 records deleted by age, and 800 with them" in shown
    assert "main.calls: 1 record without a start." in shown


def test_the_spreadsheet_has_a_line_for_each_place(cli: CliRunner) -> None:
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    year = told_at_night(cli, 0, "report")["period"]
    rows = list(csv.DictReader(io.StringIO(succeeded(at_night(cli, 0, "report", "--period", year, "--csv")))))
    assert [(one["place"], one["due"], one["gone"], one["left"], one["needed"], one["needed by"]) for one in rows] == [
        ("main.bills", "0", "0", "0", "0", ""),
        ("main.calls", "1000", "900", "100", "100", "bills"),
    ]
    assert {one["without a start"] for one in rows} == {"0", "1"}


def test_a_night_without_a_run_is_an_alarm_until_somebody_runs_it(cli: CliRunner) -> None:
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    assert alarms(cli, 0, sounds=False) == []
    [(kind, since, until)] = alarms(cli, 3, sounds=True)
    assert (kind, until) == ("no-run", None)
    told_at_night(cli, 4, "run", "--busy", "1")
    [ended] = alarms(cli, 4, sounds=False)
    assert ended == ("no-run", since, begun(cli, 4)[1])
    told_at_night(cli, 5, "run", "--busy", "1")
    assert alarms(cli, 5, sounds=False) == [ended], "it is told for the whole period"


def test_a_stop_is_an_alarm_until_a_sweep_begins(cli: CliRunner, database: str) -> None:
    armed_at_night(cli, 0)
    execute(database, "INSERT INTO calls SELECT n, n, date '2015-01-01' FROM generate_series(3001, 6000) n")
    assert at_night(cli, 0, "run", "--busy", "1").code == _BLOCKED
    [(kind, since, until)] = alarms(cli, 0, sounds=True)
    assert (kind, until) == ("stopped", None)
    assert at_night(cli, 1, "run", "--busy", "1").code == _BLOCKED
    assert ("stopped", since, None) in alarms(cli, 1, sounds=True)
    armed_at_night(cli, 2)
    assert ("stopped", since, None) in alarms(cli, 1, sounds=True), "leave alone lets nothing go"
    told_at_night(cli, 2, "run", "--busy", "1")
    [(_, _, ended)] = [one for one in alarms(cli, 2, sounds=False) if one[0] == "stopped"]
    assert ended is not None
    assert ended > since


def test_a_run_in_which_nothing_went_is_an_alarm_until_something_goes(cli: CliRunner) -> None:
    armed_at_night(cli, 0)
    assert at_night(cli, 0, "run", "--busy", "1", code=_REFUSED).code == TerminalError.exit_code
    [(kind, since, until)] = alarms(cli, 0, sounds=True)
    assert (kind, until) == ("nothing-went", None)
    late = at_night(cli, 1, "run", "--busy", "1", "--minutes", "5", code=_TOO_SHORT)
    assert late.code == _ALARM, "its time was over before anything went"
    assert alarms(cli, 1, sounds=True) == [("nothing-went", since, None)]
    told_at_night(cli, 2, "run", "--busy", "1")
    [(_, _, ended)] = alarms(cli, 2, sounds=False)
    assert ended is not None


def test_each_forecast_stands_beside_what_happened(cli: CliRunner, database: str) -> None:
    """A hundred and fifty go in each hour at night: what the first one forecasts is held against the last one."""
    execute(database, "DROP TABLE bills; CREATE TABLE bills (id int, call int, billed date)")
    armed_at_night(cli, 0)
    small = "from expunge_connectors.postgres.ages import table_slices\ntable_slices._MOST = table_slices._LEAST = 1\n"
    execute(database, "ALTER TABLE calls ADD said text DEFAULT repeat('x', 700)")
    windows: list[dict[str, Any]] = []
    for night in range(9):
        told_at_night(cli, night, "run", "--busy", "1", "--minutes", "60", seconds=24.0, code=small)
        windows = told_at_night(cli, night, "report")["windows"]
        if windows[-1]["backlog"] == 0:
            break
    assert len(windows) > 3
    emptied = windows[-1]["day"]
    assert [one["emptied_on"] for one in windows] == [*[emptied] * (len(windows) - 1), None]
    assert all(abs(one["days_late"]) <= 1 for one in windows[:-1])
    assert f"(was gone on {emptied})" in at_night(cli, len(windows) - 1, "report").output


def test_the_page_is_written_beside_what_is_printed(cli: CliRunner) -> None:
    """It has the numbers of the report, and nothing from outside; an alarm does not keep it from being written."""
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    late = at_night(cli, 3, "report", "--page", "retention.html", "--json", hour=9)
    assert late.code == _ALARM
    told, html = json.loads(late.out), (cli.directory / "retention.html").read_text()
    assert f"Deletion by age, {told['period']}" in html
    assert "An alarm sounds: deletion is behind" in html
    assert "900 records went by age" in html
    assert told["sweeps"][0]["series"]["acme"] in html
    assert "<svg" in html
    assert "<script" not in html
    assert cli.run("retention", "report", "--page", "not/there/x.html").code not in {0, 70}
