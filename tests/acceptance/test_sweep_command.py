"""`expunge check --sample` as it is typed."""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from tests.acceptance.desk import Desk
from tests.integration.postgres.company import execute, populate

from expunge_connectors.contract import Severity
from expunge_orchestrator.inspecting import sweep_all


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Desk:
    """The example company's database with a table that the map does not name."""
    populate(database)
    execute(database, "CREATE TABLE strays (body text); INSERT INTO strays VALUES ('ann@mail.example'), ('x')")
    document = yaml.safe_load(files("expunge_config.examples.calltrack").joinpath("datamap.yaml").read_text("utf-8"))
    document["stores"] = {"main": document["stores"]["main"]}
    document["backups"] = {}
    del document["self_service"]  # it names data types of the stores that are left out
    (tmp_path / "datamap.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    environment |= {"PYTHONPATH": ":".join(sys.path), "EXPUNGE_STORES__MAIN__URL": database}
    return Desk(tmp_path, environment)


def test_samples_are_looked_at_only_when_asked_for(desk: Desk) -> None:
    assert "unmapped-identifiers" not in desk.run("check").told
    answer = desk.run("check", "--sample")
    assert answer.code == 0, "a warning does not block"
    assert "public.strays.body seems to hold e-mail addresses in 50 % of 2 rows" in answer.told
    assert "ann@" not in answer.told


def test_for_machines(desk: Desk) -> None:
    document = json.loads(desk.run("check", "--sample", "--rows", "1", "--json").out)
    assert document["sample"] == {"rows": 1}
    assert "of 1 rows" in next(one["message"] for one in document["findings"] if one["code"] == "unmapped-identifiers")
    assert json.loads(desk.run("check", "--json").out)["sample"] is None


def test_a_size_without_a_sample_is_a_mistake(desk: Desk) -> None:
    answer = desk.run("check", "--rows", "5")
    assert answer.code == 2
    assert "--sample" in answer.told


def test_a_connector_that_cannot_search_leaves_it_unknown() -> None:
    [found] = sweep_all({"other": object()}, 10)  # type: ignore[dict-item] - no method is needed for this
    assert (found.severity, found.code, found.store) == (Severity.INFO, "sweep-unread", "other")
