"""Retention is armed, and nobody runs it, or what runs it is killed: `report` ends with 15 within a day."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.small_company import installed
from tests.support.sweep_nights import armed_at_night, at_night, told_at_night

from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.runner_lock import sweep_lock

_CALLS = "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}"
_SCHEMA = """
CREATE TABLE calls (id int PRIMARY KEY, person int, made date);
INSERT INTO calls SELECT n, n, date '2015-01-01' FROM generate_series(1, 1000) n;
"""
_KILLED = """
def killed():
    import os
    from expunge_connectors.postgres.ages import table_slices
    from expunge_connectors.postgres.ages.age_sweep import AgeSweep
    table_slices._MOST = table_slices._LEAST = 1
    taken = AgeSweep._piece
    def piece(self, *words):
        taken(self, *words)
        os.kill(os.getpid(), 9)
    AgeSweep._piece = piece
killed()
"""
_ALARM, _BLOCKED, _KILL = 15, 11, -9


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    execute(database, _SCHEMA)
    return installed(tmp_path, fork_server, small_document(_CALLS, user_id="integer/2"), {"main": database})


def test_a_night_in_which_nobody_ran_is_told_on_that_day(cli: CliRunner) -> None:
    assert at_night(cli, 0, "report", hour=9).code == 0, "nobody armed it"
    armed_at_night(cli, 0)
    assert at_night(cli, 0, "report", hour=9).code == 0
    unheard = at_night(cli, 1, "report", hour=9)
    assert unheard.code == _ALARM
    assert "no run began since" in unheard.output
    told_at_night(cli, 2, "run", "--busy", "1")
    assert at_night(cli, 2, "report", hour=23).code == 0
    assert at_night(cli, 3, "report", hour=9).code == _ALARM


def test_a_backlog_of_many_nights_is_no_alarm(cli: CliRunner, database: str) -> None:
    """The sweep began nights ago, and goes on each night."""
    execute(database, "INSERT INTO calls SELECT n, n, date '2015-01-01' FROM generate_series(1001, 4000) n")
    armed_at_night(cli, 0)
    small = _KILLED.replace("os.kill(os.getpid(), 9)", "return 226")
    for night in range(4):
        told = told_at_night(cli, night, "run", "--busy", "1", "--minutes", "5", seconds=1.0, code=small)
        assert told["state"] == "running"
        assert at_night(cli, night, "report", hour=23).code == 0


def test_a_run_that_was_killed_is_told_at_once(cli: CliRunner, database: str) -> None:
    """As long as no other one has begun; and not while it is at work."""
    armed_at_night(cli, 0)
    assert at_night(cli, 0, "run", "--busy", "1", code=_KILLED).code == _KILL
    assert 0 < execute(database, "SELECT count(*) FROM calls")[0][0] < 1000
    ledger = open_ledger(cli.ledger)
    with sweep_lock(ledger):
        assert at_night(cli, 0, "report", hour=2).code == 0
    ledger.dispose()
    unheard = at_night(cli, 0, "report", hour=2)
    assert unheard.code == _ALARM
    assert "was killed" in unheard.output
    assert "a run that is at work, or was killed" in unheard.output
    assert told_at_night(cli, 1, "run", "--busy", "1")["earlier"][0]["gone"] == 1000
    assert at_night(cli, 1, "report", hour=9).code == 0
    assert execute(database, "SELECT count(*) FROM calls") == [(0,)]


def test_a_run_to_which_leave_is_refused_each_night_is_none(cli: CliRunner, database: str) -> None:
    """More came due than the plan foresaw: nothing is swept, and nobody answers."""
    armed_at_night(cli, 0)
    execute(database, "INSERT INTO calls SELECT n, n, date '2015-01-01' FROM generate_series(1001, 4000) n")
    for night in range(2):
        assert at_night(cli, night, "run", "--busy", "1").code == _BLOCKED
    assert at_night(cli, 1, "report", hour=9).code == _ALARM
