"""What Prometheus is told of deletion by age: the numbers of the report, and each alarm while it sounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed, succeeded
from tests.support.sweep_nights import armed_at_night, at_night, told_at_night

from expunge_orchestrator.api import metrics
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.runner_lock import sweep_lock

_COLLECTIONS = """
calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}
bills: {table: public.bills, start: billed, data_type: kept, found_by: [{column: call, of: calls.id}]}
"""
_SCHEMA = """
CREATE TABLE calls (id int PRIMARY KEY, person int, made date, said text DEFAULT repeat('x', 700));
CREATE TABLE bills (id int PRIMARY KEY, call int, billed date);
INSERT INTO calls SELECT n, CASE n % 10 WHEN 3 THEN 5 ELSE 100 END, date '2015-01-01' FROM generate_series(1, 1000) n;
INSERT INTO bills SELECT n, n, current_date FROM generate_series(1, 1000) n WHERE n % 10 = 1;
"""
_SMALL_PIECES = """
from expunge_connectors.postgres.ages import table_slices
table_slices._MOST = table_slices._LEAST = 1
"""
_KILLED = """
def killed():
    import os
    from expunge_connectors.postgres.ages.age_sweep import AgeSweep
    taken = AgeSweep._piece
    def piece(self, *words):
        taken(self, *words)
        os.kill(os.getpid(), 9)
    AgeSweep._piece = piece
killed()
"""
_KILL = -9


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, _SCHEMA)
    return installed(tmp_path, fork_server, small_document(_COLLECTIONS, user_id="integer/2"), {"main": database})


def told(cli: CliRunner, night: int, hour: int = 5) -> dict[str, float]:
    """Name, with its labels' values -> number, at that hour of a night (`sweep_nights`)."""
    at = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=night + 1)
    ledger = open_ledger(cli.ledger)
    text = generate_latest(metrics._of_ledger(ledger, at)).decode()
    ledger.dispose()
    return {
        " ".join([one.name.removeprefix("expunge_retention_"), *one.labels.values()]): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("expunge_retention_")
    }


def sounding(numbers: dict[str, float]) -> set[str]:
    return {name.removeprefix("alarm ") for name, value in numbers.items() if name.startswith("alarm ") and value}


def test_before_anything_was_measured_nothing_is_made_up(cli: CliRunner) -> None:
    numbers = told(cli, 0)
    assert numbers == {
        "armed": 0.0,
        "alarm no-run": 0.0,
        "alarm killed": 0.0,
        "alarm stopped": 0.0,
        "alarm nothing-went": 0.0,
    }


def test_they_are_the_numbers_of_the_report(cli: CliRunner) -> None:
    succeeded(cli.run("holds", "place", "-", "--ground", "Court order 4 C 17/26", stdin=b"user_id\n5\n"))
    armed_at_night(cli, 0)
    run = ("run", "--busy", "1", "--minutes", "60")
    told_at_night(cli, 0, *run, seconds=24.0, code=_SMALL_PIECES)
    numbers, report = told(cli, 0), told_at_night(cli, 0, "report")
    assert numbers["armed"] == 1.0
    assert numbers["backlog_records gone"] == report["backlog"] > 0
    assert numbers["backlog_records kept"] == 0.0
    assert numbers["keeps_up"] == 1.0
    first = datetime.now(UTC).date() + timedelta(days=1)
    assert (first + timedelta(days=numbers["days_left"])).isoformat() == report["forecast"]["empty_on"]
    assert numbers["sweep_records gone due"] == 1000.0
    assert numbers["sweep_records gone deleted"] == report["gone"] > 0
    assert "sweep_records gone left" not in numbers, "nobody has looked yet"
    for night in range(1, 9):
        told_at_night(cli, night, *run, seconds=24.0, code=_SMALL_PIECES)
        numbers = told(cli, night)
        if not numbers["backlog_records gone"]:
            break
    assert (numbers["backlog_records gone"], numbers["days_left"]) == (0.0, 0.0)
    reasons = ("left", "held", "needed", "other")
    assert [numbers[f"sweep_records gone {one}"] for one in reasons] == [200.0, 100.0, 100.0, 0.0]
    assert sounding(numbers) == set()


def test_an_alarm_is_there_while_it_sounds(cli: CliRunner, database: str) -> None:
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    assert sounding(told(cli, 0)) == set()
    assert sounding(told(cli, 2)) == {"no-run"}
    execute(database, "INSERT INTO calls SELECT n, n, date '2015-01-01' FROM generate_series(3001, 6000) n")
    at_night(cli, 2, "run", "--busy", "1")
    assert sounding(told(cli, 2)) == {"no-run", "stopped"}
    armed_at_night(cli, 3)
    assert at_night(cli, 3, "run", "--busy", "1", code=_KILLED).code == _KILL
    assert sounding(told(cli, 3)) == {"killed"}
    ledger = open_ledger(cli.ledger)
    with sweep_lock(ledger):
        assert sounding(told(cli, 3)) == set(), "it is at work"
    ledger.dispose()
    told_at_night(cli, 4, "run", "--busy", "1")
    assert sounding(told(cli, 4)) == set()


def test_whoever_asks_keeps_no_run_from_beginning(cli: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody holds the lock of sweeps to ask, where no run is open."""
    armed_at_night(cli, 0)
    told_at_night(cli, 0, "run", "--busy", "1")
    monkeypatch.setattr("expunge_orchestrator.retention.retention_alarms.sweeping", None)
    assert sounding(told(cli, 0)) == set()
