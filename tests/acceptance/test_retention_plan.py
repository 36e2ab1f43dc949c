"""`expunge retention plan`: what is due by age, beside counts of the database's own. Nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import lift, place
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.clock import now
from expunge_orchestrator.retention import age_plan
from expunge_orchestrator.retention.age_plan import AgePlace

RULES = {
    "invoices": ("issued_at", "10 years"),
    "messages": ("created_at", "2 years"),
    "calls": ("started_at", "2 years"),
}
BY_CACHE = "Stores of this kind are not looked at by age yet"


@pytest.fixture
def cli(installation: Installation, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    return CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)


def old_caller(inspector: StoreInspector) -> None:
    """A caller of three years ago, who rang then and lately."""
    ann = make_caller(inspector)
    inspector.sql("UPDATE callers SET created_at = now() - interval '3 years' WHERE id = %s", ann.id)
    inspector.sql("UPDATE calls SET started_at = now() - interval '3 years' WHERE caller_id = %s", ann.id)
    inspector.sql(
        "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at) VALUES (42, %s, %s, 9, now())",
        ann.id,
        ann.phone,
    )


def plan(cli: CliRunner) -> dict[str, dict[str, Any]]:
    """`store.collection` -> what the command says of it."""
    done = cli.run("retention", "plan", "--json")
    assert done.code == 0, done.output
    return {f"{one['store']}.{one['collection']}": one for one in json.loads(done.out)["places"]}


def test_what_is_due_is_what_the_database_says(cli: CliRunner, inspector: StoreInspector) -> None:
    old_caller(inspector)
    before = inspector.contents()
    found = plan(cli)
    for table, (column, period) in RULES.items():
        due = f"({column} AT TIME ZONE 'UTC' + interval '{period}')::date <= (now() AT TIME ZONE 'UTC')::date"
        told = found[f"main.{table}"]
        assert told["records"] == inspector.one(f"SELECT count(*) FROM {table}")
        assert told["due"] == inspector.one(f"SELECT count(*) FROM {table} WHERE {due}")
    assert found["main.calls"]["due"] > 0
    assert found["main.transcripts"]["goes_with"] == "calls"
    assert found["main.user_profiles"]["no_age"].startswith("No `start`")
    assert found["cache.user_cache"]["no_age"] == BY_CACHE
    assert "main.access_log" not in found
    assert changed(before, inspector.contents()) == {}


def test_it_is_told_to_people_as_well(cli: CliRunner, inspector: StoreInspector) -> None:
    old_caller(inspector)
    done = cli.run("retention", "plan")
    assert done.code == 0, done.output
    assert "would go by age" in done.out
    assert "main.calls: call_notes, recordings, transcripts go with it." in done.out
    assert f"{BY_CACHE}." in done.out
    assert " for calls" in done.out, "a caller is needed by a call that is younger"


def test_a_hold_on_a_data_type_or_a_controller_keeps_all_of_it(
    installation: Installation, inspector: StoreInspector
) -> None:
    old_caller(inspector)

    def places() -> dict[str, AgePlace]:
        found = age_plan.age_plan(installation.workspace, now().date(), lambda: None)
        assert found.goes == sum(one.goes for one in found.places)
        return {one.collection: one for one in found.places if one.store == "main"}

    assert places()["calls"].goes > 0
    for wanted, held in (
        ({"data_type": "calls"}, {"calls", "callers"}),
        ({"controller": "client"}, {"calls", "callers", "leads"}),
    ):
        hold = place(installation, **wanted)
        found = places()
        assert {name for name, one in found.items() if one.held and one.goes == 0} >= held
        assert not found["messages"].held
        lift(installation, hold)
    hold = place(installation, controller="client:42")
    assert not places()["calls"].held, "of one client's records it keeps some"
    assert age_plan.age_plan(installation.workspace, now().date(), lambda: None).holds_on_some == 1
    lift(installation, hold)
    assert places()["calls"].goes > 0
