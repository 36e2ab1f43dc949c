"""`expunge retention arm`, `run`, `report`: what is due goes, once somebody gave leave, and what is left is stated."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.test_retention_plan import old_caller
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import Installation
from tests.support.receipt_schemas import assert_has_published_form
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.installation_setup import TRUST_FILE

BLOCKED, NOT_CONFIRMED, KILL = 11, 7, -9


@pytest.fixture
def cli(installation: Installation, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    return CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)


def told(cli: CliRunner, *words: str, code: int = 0) -> Any:
    done = cli.run("retention", *words, "--json")
    assert done.code == code, done.output
    return json.loads(done.out)


def arm(cli: CliRunner, *words: str) -> dict[str, Any]:
    plan: dict[str, Any] = told(cli, "plan")
    told(cli, "arm", plan["id"], "--confirm", plan["digest"], *words)
    return plan


def test_nothing_goes_before_somebody_gave_leave(cli: CliRunner, inspector: StoreInspector) -> None:
    old_caller(inspector)
    before = inspector.contents()
    done = cli.run("retention", "run")
    assert done.code == BLOCKED
    assert "not armed" in done.output
    plan = told(cli, "plan")
    assert cli.run("retention", "arm", plan["id"], "--confirm", "0" * 64).code == NOT_CONFIRMED
    assert cli.run("retention", "run").code == BLOCKED
    assert changed(before, inspector.contents()) == {}


def test_what_is_due_goes_and_what_is_left_is_told(cli: CliRunner, inspector: StoreInspector) -> None:
    old_caller(inspector)
    due = {
        table: inspector.one(f"SELECT count(*) FROM {table} WHERE {column} < now() - interval '{years} years'")
        for table, column, years in (("calls", "started_at", 2), ("messages", "created_at", 2))
    }
    young = inspector.one("SELECT count(*) FROM calls WHERE started_at >= now() - interval '2 years'")
    plan = arm(cli)
    swept = told(cli, "run", "--busy", "1")
    assert swept["state"] == "done"
    places = {one["collection"]: one for one in swept["places"]}
    assert places["calls"]["gone"]["calls"] == due["calls"] > 0
    assert places["messages"]["gone"].get("messages", 0) == due["messages"]
    assert places["calls"]["left"] == 0
    assert swept["gone"] == plan["goes"]
    assert inspector.one("SELECT count(*) FROM calls") == young
    assert (
        inspector.one("SELECT count(*) FROM call_notes n LEFT JOIN calls c ON c.id = n.call_id WHERE c.id IS NULL") == 0
    )
    again = told(cli, "run", "--busy", "1")
    assert again["gone"] == 0
    report = told(cli, "report", "--period", str(datetime.now(UTC).year))
    assert report["gone"] == plan["goes"]
    assert len(report["sweeps"]) == 2


def test_a_sweep_is_stated_and_verified_offline(
    cli: CliRunner, installation: Installation, inspector: StoreInspector, tmp_path: Path
) -> None:
    old_caller(inspector)
    arm(cli)
    series = told(cli, "run", "--busy", "1")["series"]
    trust = installation.settings.keys / TRUST_FILE
    assert set(series) == {"calltrack", "client"}
    for one in series.values():
        path = tmp_path / f"{one}.json"
        assert cli.run("receipts", "export", one, "--output", str(path)).code == 0
        assert_has_published_form(path.read_bytes())
        done = cli.run("receipts", "verify", str(path), "--trust", str(trust), "--allow-unanchored")
        assert done.code == 0, done.output
        assert "about a sweep by age" in done.output


def test_more_than_leave_was_given_for_does_not_go(cli: CliRunner, inspector: StoreInspector) -> None:
    """Starts that were set back make a table due that was not: nothing goes, and somebody is asked."""
    old_caller(inspector)
    arm(cli)
    inspector.sql("UPDATE calls SET started_at = now() - interval '4 years'")
    inspector.sql(
        "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at)"
        " SELECT client_id, caller_id, from_number, 9, started_at"
        " FROM (SELECT * FROM calls LIMIT 20) AS c, generate_series(1, 200)"
    )
    before = inspector.contents()
    done = cli.run("retention", "run")
    assert done.code == BLOCKED
    assert "foresaw" in done.output or "leave was given" in done.output
    assert changed(before, inspector.contents()) == {}


def test_much_to_say_of_why_a_store_refuses_stops_no_ledger(cli: CliRunner, inspector: StoreInspector) -> None:
    """Rights that are missing on many tables: more than the ledger keeps of a reason."""
    old_caller(inspector)
    arm(cli)
    refuses = """
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connector import PostgresStore
def refuse(*_, error=TerminalError):
    raise error("store main: " + 400 * "a right, ")
PostgresStore.delete_due = refuse
"""
    done = cli.run("retention", "run", "--busy", "1", code=refuses)
    assert done.code == TerminalError.exit_code, done.output
    assert told(cli, "run", "--busy", "1")["state"] == "done"


def test_a_sweep_is_not_done_while_one_of_its_places_is_refused(cli: CliRunner, inspector: StoreInspector) -> None:
    """The other places go on; what the refused one has is due still, and goes with the next run of this sweep."""
    old_caller(inspector)
    arm(cli)
    due = "SELECT count(*) FROM calls WHERE started_at < now() - interval '2 years'"
    refuses = """
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connector import PostgresStore
PostgresStore.deleted = PostgresStore.delete_due
def refuse(self, collection, *words, error=TerminalError):
    if collection == "calls":
        raise error("store main, collection calls: refused.")
    return self.deleted(collection, *words)
PostgresStore.delete_due = refuse
"""
    refused = cli.run("retention", "run", "--busy", "1", code=refuses)
    assert refused.code == TerminalError.exit_code, refused.output
    assert "collection calls: refused" in refused.output
    left = inspector.one(due)
    assert left > 0
    swept = told(cli, "run", "--busy", "1")
    assert (swept["state"], inspector.one(due)) == ("done", 0)
    [calls] = [one for one in swept["places"] if one["collection"] == "calls"]
    assert (calls["gone"]["calls"], calls["left"]) == (left, 0)
    assert len(told(cli, "report")["sweeps"]) == 1


def test_a_held_callers_calls_stay_by_an_address_alone(
    cli: CliRunner, installation: Installation, inspector: StoreInspector
) -> None:
    """The hold names a phone; the calls name the caller's id."""
    old_caller(inspector)
    phone = inspector.one("SELECT phone FROM callers ORDER BY id DESC LIMIT 1")
    ann = inspector.one("SELECT id FROM callers ORDER BY id DESC LIMIT 1")
    calls = inspector.one("SELECT count(*) FROM calls WHERE caller_id = %s", ann)
    hold = place(installation, [key("phone", phone)])
    arm(cli)
    told(cli, "run", "--busy", "1")
    assert inspector.one("SELECT count(*) FROM calls WHERE caller_id = %s", ann) == calls
    lift(installation, hold)
    arm(cli)
    told(cli, "run", "--busy", "1")
    assert inspector.one("SELECT count(*) FROM calls WHERE caller_id = %s", ann) < calls


def test_what_a_row_names_in_other_stores_goes_before_it(cli: CliRunner, inspector: StoreInspector) -> None:
    """The recording's object, and the caller's key in the cache: nothing would lead there any more."""
    old_caller(inspector)
    before = inspector.contents()
    rows = (
        "SELECT r.object_key FROM recordings r JOIN calls c ON c.id = r.call_id"
        " WHERE c.started_at {} now() - interval '2 years'"
    )
    old, young = ({row[0] for row in inspector.sql(rows.format(how))} for how in ("<", ">="))
    assert old
    arm(cli)
    told(cli, "run", "--busy", "1")
    assert {row[0] for row in inspector.sql("SELECT object_key FROM recordings")} == young
    left = {version[0] for version in inspector.versions("calltrack-recordings")}
    assert not old & left
    assert young <= left
    assert "bucket calltrack-recordings" in changed(before, inspector.contents())


SMALL_PIECES = """
from expunge_connectors.postgres.ages import age_sweep, table_slices
table_slices._MOST = table_slices._LEAST = {blocks}
table_slices.TableSlices.__init__.__defaults__ = ({blocks}, None)
"""
KILLED = {
    "told and not committed": """
from expunge_orchestrator.retention.sweep_run import SweepRun
SweepRun.noted, SweepRun.pieces = SweepRun._note, 0
def note(self, sweep, place, *, seconds=0.0, **values):
    import os
    done = self.noted(sweep, place, seconds=seconds, **values)
    if values.get("piece") and values["piece"]["gone"]:
        type(self).pieces += 1
        if type(self).pieces == 1:
            os.kill(os.getpid(), 9)
    return done
SweepRun._note = note
""",
    "committed and not noted": """
age_sweep.AgeSweep.taken, age_sweep.AgeSweep.pieces = age_sweep.AgeSweep._piece, 0
def piece(self, *words):
    import os
    went = self.taken(*words)
    type(self).pieces += bool(went)
    if type(self).pieces == 1:
        os.kill(os.getpid(), 9)
    return went
age_sweep.AgeSweep._piece = piece
""",
}


@pytest.mark.parametrize("at", KILLED)
def test_killed_it_goes_on_with_the_same_counts(cli: CliRunner, inspector: StoreInspector, at: str) -> None:
    """Whether the last piece was committed is asked of the store: what went is counted once, and nothing is missed."""
    old_caller(inspector)
    inspector.sql(
        "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at)"
        " SELECT client_id, caller_id, from_number, 9, now() - interval '4 years'"
        " FROM (SELECT * FROM calls LIMIT 20) AS c, generate_series(1, 20)"
    )
    due = inspector.one("SELECT count(*) FROM calls WHERE started_at < now() - interval '2 years'")
    arm(cli)
    blocks = inspector.one("SELECT pg_relation_size('calls') / current_setting('block_size')::int")
    small = SMALL_PIECES.format(blocks=blocks // 8 + 1)  # other tests left room in the table
    assert cli.run("retention", "run", "--busy", "1", code=small + KILLED[at]).code == KILL
    assert cli.run("retention", "run", "--busy", "1", code=small).code == 0
    report = told(cli, "report")
    assert {one["collection"]: one["gone"] for one in report["places"]}["calls"] == due
    assert len(report["sweeps"]) == 1


def test_disarmed_while_it_sweeps_it_stops(cli: CliRunner, inspector: StoreInspector) -> None:
    """At its next piece: what is due of the places that come later is there."""
    old_caller(inspector)
    inspector.sql(
        "INSERT INTO messages (user_id, body, created_at)"
        " SELECT id, 'of long ago', now() - interval '3 years' FROM users ORDER BY id LIMIT 1"
    )
    due = {one["collection"] for one in told(cli, "plan")["places"] if one.get("due")}
    assert {"calls", "messages"} <= due
    arm(cli)
    disarms = """
from expunge_connectors.postgres.ages import age_sweep
age_sweep.AgeSweep.taken = age_sweep.AgeSweep._piece
def piece(self, *words):
    from expunge_config.settings import load_settings
    from expunge_orchestrator.clock import now
    from expunge_orchestrator.ledger import sweeps
    from expunge_orchestrator.ledger.database import open_ledger
    went = self.taken(*words)
    if went:
        ledger = open_ledger(load_settings().ledger)
        with ledger.begin() as connection:
            sweeps.disarm(connection, "counsel", now())
        ledger.dispose()
    return went
age_sweep.AgeSweep._piece = piece
"""
    done = cli.run("retention", "run", "--busy", "1", code=disarms)
    assert done.code == BLOCKED, done.output
    assert "disarmed" in done.output
    assert told(cli, "plan")["goes"] > 0
    arm(cli)
    told(cli, "run", "--busy", "1")
    assert told(cli, "plan")["goes"] == 0
    assert inspector.one("SELECT count(*) FROM calls WHERE started_at < now() - interval '2 years'") == 0
