"""`expunge check --sample` as it is typed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.contract_maps import MAIN, data_map
from tests.support.data_map_text import document_of, write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute, populate
from tests.support.redis.keyspace import DATA
from tests.support.servers import Keyspace

from expunge_connectors.contract import Severity
from expunge_connectors.redis import RedisSpec
from expunge_orchestrator.data_map_check import sample_all


def environment() -> dict[str, str]:
    """What a command finds around it, without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")} | {
        "PYTHONPATH": ":".join(sys.path)
    }


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """The example company's database with a table that the map does not name."""
    populate(database)
    execute(database, "CREATE TABLE strays (body text); INSERT INTO strays VALUES ('ann@mail.example'), ('x')")
    document = document_of()
    document["stores"] = {"main": document["stores"]["main"]}
    document["backups"] = {"none": "The test needs none", "approved_by": "Whoever wrote the test"}
    del document["self_service"]  # it names data types of the stores that are left out
    write_document(tmp_path / "datamap.yaml", document)
    return CliRunner(tmp_path, environment() | {"EXPUNGE_STORES__MAIN__URL": database}, fork_server)


def test_samples_are_looked_at_only_when_asked_for(cli: CliRunner) -> None:
    assert "unmapped-identifiers" not in cli.run("check").output
    answer = cli.run("check", "--sample")
    assert answer.code == 0, "a warning does not block"
    assert "public.strays.body seems to hold e-mail addresses in 50 % of 2 rows" in answer.output
    assert "ann@" not in answer.output


def test_for_machines(cli: CliRunner) -> None:
    document = json.loads(cli.run("check", "--sample", "--rows", "1", "--json").out)
    assert document["sample"] == {"rows": 1}
    assert "of 1 rows" in next(one["message"] for one in document["findings"] if one["code"] == "unmapped-identifiers")
    assert json.loads(cli.run("check", "--json").out)["sample"] is None


def test_a_size_without_a_sample_is_a_mistake(cli: CliRunner) -> None:
    answer = cli.run("check", "--rows", "5")
    assert answer.code == 2
    assert "--sample" in answer.output


def test_a_connector_that_cannot_search_leaves_it_unknown() -> None:
    [found] = sample_all(data_map({"other": MAIN}), {"other": object()}, 10)  # type: ignore[dict-item] - no method is needed for this
    assert (found.severity, found.code, found.store) == (Severity.INFO, "sweep-unread", "other")


def test_names_as_they_were_typed_are_an_error_of_the_sample_that_blocks_nothing(
    keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer
) -> None:
    mail = {"key": "mail:{email}", "type": "string", "undated": "erase", **DATA}
    spec = RedisSpec.model_validate({"connector": "redis", "collections": {"mail": mail}})
    written = data_map({"cache": spec}).model_dump(mode="json", exclude_unset=True, exclude_none=True)
    write_document(tmp_path / "datamap.yaml", written)
    cli = CliRunner(tmp_path, environment() | {"EXPUNGE_STORES__CACHE__URL": keyspace.url}, fork_server)
    cli.run("adopt", "cache")
    keyspace.client.set("mail:Ada@X.example", "x")
    answer = cli.run("check")
    assert answer.code == 0
    assert "(spelling-unknown)" in answer.output
    answer = cli.run("check", "--sample")
    assert answer.code == 5
    assert "1 of 1 names" in answer.output
    assert "1 error" in answer.output
    assert "nothing blocks them" in answer.output
    assert "ada@" not in answer.output.lower()
