"""A hold whose names are not in the map (any more) would hold nothing: that blocks, instead of passing unseen."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from tests.acceptance.desk import Desk
from tests.acceptance.people import make_holder
from tests.acceptance.probe import Probe
from tests.acceptance.test_holds import GROUND, due, key, lift, place
from tests.fixtures.calltrack import Office

from expunge_orchestrator.errors import FindingsError


@pytest.fixture(scope="module")
def desk(workshop: Office, tmp_path_factory: pytest.TempPathFactory, forker: subprocess.Popen[str]) -> Desk:
    environment = {**workshop.town.environment(workshop.home), "EXPUNGE_ACTOR": "counsel"}
    return Desk(tmp_path_factory.mktemp("desk"), environment, forker)


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ({"data_type": "zyqv"}, "a data type"),
        ({"controller": "zyqv"}, "a controller"),
        ({"people": [key("zyqv", 17)]}, "an identity"),
    ],
)
def test_a_hold_that_the_map_does_not_know_blocks(
    workshop: Office, desk: Desk, probe: Probe, named: dict[str, Any], kind: str
) -> None:
    """As it stands in the ledger after a name was changed in the map."""
    ann = make_holder(probe)
    batch = workshop.plan(ann.csv)
    had = due(ann, probe)
    placed = place(workshop, **named, undisclosed=True)
    checked = desk.run("check", "--json")
    assert checked.code == FindingsError.exit_code
    (found,) = [one for one in json.loads(checked.out)["findings"] if one["severity"] == "error"]
    assert (found["code"], found["store"]) == ("hold-unmapped", "ledger")
    assert f"names {kind} that" in found["message"]
    for word in ("zyqv", GROUND, placed.hold.uid, "undisclosed"):
        assert word not in checked.told
    for answer in (
        desk.run("plan", "-", "-c", "calltrack", stdin=ann.csv.encode()),
        desk.run("erase", batch.uid, "--confirm", batch.plan_digest),
        desk.run("tick"),
    ):
        assert answer.code == FindingsError.exit_code, answer
        assert f"names {kind} that" in answer.told
    assert due(ann, probe) == had
    (listed,) = json.loads(desk.run("holds", "list", "--json").out)["holds"]
    assert listed["notInMap"] == ["zyqv"]
    assert "zyqv" in desk.run("holds", "list").told
    lift(workshop, placed)
    assert desk.run("check").code == 0
    assert desk.run("erase", batch.uid, "--confirm", batch.plan_digest).code == 0
