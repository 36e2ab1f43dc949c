"""`expunge retention drift`: stores that keep data for longer than the map declares, told with what ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import lift, place
from tests.support.installation import Installation
from tests.support.store_inspector import StoreInspector, changed

DRIFT = 16


@pytest.fixture
def cli(installation: Installation, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    return CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)


def told(cli: CliRunner) -> dict[str, Any]:
    done = cli.run("retention", "drift", "--json")
    assert done.code == DRIFT, done.output
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_drift_is_told_and_nothing_is_changed(
    cli: CliRunner, inspector: StoreInspector, installation: Installation
) -> None:
    with inspector.redis() as client:
        client.hset("cache:caller:987654321", "name", "x")
    before = inspector.contents()
    found = told(cli)
    by_place = {f"{one['store']}.{one['collection']}": one for one in found["drifts"]}
    assert by_place["cache.caller_cache"]["records"] >= 1
    assert by_place["cache.caller_cache"]["declared"] == "P2Y"
    exports = next(one for name, one in by_place.items() if name.endswith(".exports"))
    assert "users/" in exports["fix"]
    assert "relationship_ended" in found["unjudged"]["cache.sessions"]
    assert "main.users" in found["unjudged"]
    assert "main.calls" not in found["unjudged"], "what is due there, a sweep deletes"
    assert "start" in found["unjudged"]["main.access_log"]
    assert {one["kind"] for one in found["drifts"]} == {"too long"}
    assert "987654321" not in json.dumps(found), "no name of a key"
    shown = cli.run("retention", "drift")
    assert shown.code == DRIFT
    assert by_place["cache.caller_cache"]["fix"] in shown.out, "as it is, to be copied"
    assert exports["fix"] in shown.out
    assert changed(before, inspector.contents()) == {}
    hold = place(installation, data_type="calls")
    held = {one["collection"]: one for one in told(cli)["drifts"]}
    assert held["caller_cache"]["fix"] is None
    assert held["exports"]["fix"] is not None
    assert held["web_access_log"]["fix"] is None, "a log names whom a hold keeps, and nobody looks into it"
    lift(installation, hold)
