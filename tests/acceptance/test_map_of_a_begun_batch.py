"""A begun batch is carried out only while the data map decides what it did when it was planned (ADR 27)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cancellation import cancel, end
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import PlanChangedError
from expunge_orchestrator.execution import batch_lifecycle, erasing_findings
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import batch_status
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")

Change = Callable[[dict[str, Any]], None]
"""Edits a data map, as a document."""

TABLES = f"""
CREATE TABLE letters (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, user_id bigint REFERENCES user_profiles (user_id),
  about bigint, said text
);
CREATE INDEX letters_user ON letters (user_id);
CREATE INDEX letters_about ON letters (about);
GRANT SELECT, DELETE ON letters TO {ROLE};
"""
POST = f"""
CREATE TABLE post (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, user_id bigint, mail text);
CREATE INDEX post_user ON post (user_id);
CREATE INDEX post_mail ON post (mail);
GRANT SELECT, DELETE ON post TO {ROLE};
"""
BY_WRITER = {"column": "user_id", "of": "user_profiles.user_id"}
BY_SUBJECT = {"column": "about", "of": "user_profiles.user_id"}
LETTERS = {
    "table": "public.letters",
    "data_type": "messages",
    "owner": {"controller": "calltrack"},
    "undated": "erase",
    "found_by": [BY_WRITER],
}


def use(installation: Installation, name: str, change: Change) -> None:
    """The next process reads a map that was edited like this."""
    document = document_of(installation.settings.data_map)
    change(document)
    path = write_document(installation.home / f"{name}.yaml", document)
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": path})


def put_back(installation: Installation) -> None:
    installation.close()
    planned = installation.home / "planned.yaml"
    installation.settings = installation.settings.model_copy(update={"data_map": planned})


def tables(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["stores"]["main"]["collections"]
    return found


@pytest.fixture(autouse=True)
def letters(installation: Installation, inspector: StoreInspector) -> Iterator[None]:
    """Letters that people write, about themselves or others."""
    inspector.sql(TABLES)

    def mapped(document: dict[str, Any]) -> None:
        tables(document)["letters"] = copy.deepcopy(LETTERS)

    use(installation, "planned", mapped)
    yield
    installation.close()
    inspector.sql("DROP TABLE IF EXISTS letters, post")


def other_link(document: dict[str, Any]) -> None:
    tables(document)["letters"]["found_by"] = [BY_SUBJECT]


def retained(document: dict[str, Any]) -> None:
    """Of a data type that stays, and still in nobody's way."""
    document["data_types"]["messages"] |= {"purpose": "Something else"}
    document["identities"]["email"] |= {"recycled": True}


def of_another_type(document: dict[str, Any]) -> None:
    tables(document)["letters"]["data_type"] = "exports"


def gone(document: dict[str, Any]) -> None:
    del tables(document)["letters"]
    document["stores"]["main"].setdefault("unmapped_ok", []).append(
        {"place": "public.letters", "reason": "none of ours", "approved_by": "A. Officer"}
    )


def reworded(document: dict[str, Any]) -> None:
    document["data_types"]["messages"]["purpose"] = "Messages, in other words"
    document["controllers"]["calltrack"]["name"] = "Another name"
    tables(document)["letters"]["triggers_ok"] = []


def make_writer(inspector: StoreInspector) -> SeededPerson:
    made = make_holder(inspector)
    inspector.sql("INSERT INTO letters (user_id) VALUES (%s)", made.id)
    return made


def stopped(
    installation: Installation, inspector: StoreInspector, after: str, data_types: list[str] | None = None
) -> tuple[Batch, SeededPerson]:
    """A batch of Ann's that stopped after the step that follows this one, and a letter of Bob's about her."""
    ann, bob = make_writer(inspector), make_holder(inspector)
    inspector.sql("INSERT INTO letters (user_id, about, said) VALUES (%s, %s, 'by Bob')", bob.id, ann.id)
    batch = installation.plan(f"user_id\n{ann.id}\n", data_types=data_types)
    batch_lifecycle.start(installation.workspace, batch)
    done: list[str] = []
    chosen = installation.workspace
    with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
        run(chosen, writer, RunObserver(lambda _, step: done.append(step), told_to_stop=lambda: after in done))
    return batch, ann


def run_on(installation: Installation) -> None:
    """What `run-due` does with begun batches, and a service after a minute."""
    erasing_findings.take_up(installation.workspace)
    installation.settle()


def left(inspector: StoreInspector) -> list[str | None]:
    return [said for (said,) in inspector.sql("SELECT said FROM letters ORDER BY id")]


@pytest.mark.parametrize("after", ["accept", "resolve", "erase:main"])
@pytest.mark.parametrize(("change", "named"), [(other_link, "main.letters"), (gone, "main.letters (gone)")])
def test_what_was_begun_waits_while_the_map_decides_otherwise(
    installation: Installation, inspector: StoreInspector, after: str, change: Change, named: str
) -> None:
    batch, ann = stopped(installation, inspector, after)
    before = left(inspector)
    use(installation, "edited", change)
    for _ in range(2):
        run_on(installation)
        assert installation.again(batch).state is BatchState.EXECUTING
        assert f"waits: the data map decides otherwise than when this was planned, of {named}." in (
            installation.failures(batch)
        )
    with pytest.raises(PlanChangedError, match="decides otherwise") as refused:
        installation.erase(batch)
    assert named in refused.value.message
    assert left(inspector) == before
    put_back(installation)
    run_on(installation)
    assert installation.again(batch).state in {BatchState.ERASED, BatchState.SETTLED}, installation.failures(batch)
    assert left(inspector) == ["by Bob"]
    assert not any(ann.left(inspector).values())
    assert_chain_intact(installation, batch)


def test_an_identity_that_means_another_thing_is_named(installation: Installation, inspector: StoreInspector) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    use(installation, "edited", retained)
    run_on(installation)
    assert "of identity email." in installation.failures(batch)


def test_a_settling_check_waits_too(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_writer(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n")
    assert installation.erase(batch).state is BatchState.ERASED
    inspector.sql("INSERT INTO user_profiles VALUES (%s, 'Europe/Berlin', '{}')", ann.id)
    inspector.sql("INSERT INTO letters (user_id, said) VALUES (%s, 'late')", ann.id)
    use(installation, "edited", other_link)
    for _ in range(2):
        run_on(installation)
        assert installation.events(batch) == [["accepted", "erased"]]
        assert "waits: the data map decides otherwise" in installation.failures(batch)
    put_back(installation)
    run_on(installation)
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert left(inspector) == []


def test_other_words_keep_nobody_waiting(installation: Installation, inspector: StoreInspector) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    use(installation, "edited", reworded)
    run_on(installation)
    assert installation.again(batch).state in {BatchState.ERASED, BatchState.SETTLED}, installation.failures(batch)


@pytest.mark.parametrize("by", ["erase", "run-due"])
def test_a_new_collection_takes_no_part(installation: Installation, inspector: StoreInspector, by: str) -> None:
    batch, ann = stopped(installation, inspector, "resolve")
    inspector.sql(POST)
    inspector.sql("INSERT INTO post (user_id) VALUES (%s)", ann.id)

    def more(document: dict[str, Any]) -> None:
        link = {"column": "user_id", "identity": "user_id"}
        tables(document)["post"] = LETTERS | {"table": "public.post", "found_by": [link]}

    use(installation, "edited", more)
    if by == "erase":
        installation.erase(batch)
    run_on(installation)
    assert installation.again(batch).state in {BatchState.ERASED, BatchState.SETTLED}, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM post") == 1
    (said,) = statements_of(installation, batch, "erased")
    assert "main.post" not in lines_of(said.body)


def test_a_new_collection_that_leads_to_planned_ones_keeps_them_waiting(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    inspector.sql(POST)

    def more(document: dict[str, Any]) -> None:
        link = {"column": "user_id", "identity": "user_id"}
        told = {"table": "public.post", "found_by": [link], "yields": {"email": "mail"}}
        tables(document)["post"] = LETTERS | told

    use(installation, "edited", more)
    run_on(installation)
    assert "of main.post (new)." in installation.failures(batch)


def test_a_renamed_table_that_the_map_follows_keeps_nobody_waiting(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    inspector.sql("ALTER TABLE letters RENAME TO post")

    def followed(document: dict[str, Any]) -> None:
        tables(document)["letters"]["table"] = "public.post"

    use(installation, "edited", followed)
    run_on(installation)
    assert installation.again(batch).state in {BatchState.ERASED, BatchState.SETTLED}, installation.failures(batch)
    assert inspector.sql("SELECT said FROM post") == [("by Bob",)]


def test_who_waits_is_withdrawn(installation: Installation, inspector: StoreInspector) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    use(installation, "edited", other_link)
    run_on(installation)
    assert cancel(installation, batch).state is BatchState.CANCELLED


@pytest.mark.parametrize("change", [of_another_type, gone])
def test_a_limited_request_that_is_withdrawn_cites_the_types_of_its_plan(
    installation: Installation, inspector: StoreInspector, change: Change
) -> None:
    batch, _ = stopped(installation, inspector, "resolve", ["messages"])
    use(installation, "edited", change)
    assert cancel(installation, batch).state is BatchState.CANCELLED
    assert installation.events(batch) == [["accepted", "cancelled"]]
    assert_chain_intact(installation, batch)


def test_who_waits_is_ended_and_what_nobody_can_look_into_is_left(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _ = stopped(installation, inspector, "erase:main")
    use(installation, "edited", other_link)
    run_on(installation)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    lines = lines_of(said.body)
    assert lines["main.letters"][0] == "left"
    assert [name for name, (outcome, *_) in lines.items() if outcome == "left" and name.startswith("main.")] == [
        "main.letters"
    ]
    assert "not looked at any more" in str(said.body["reason"])
    assert_chain_intact(installation, batch)


def test_run_due_and_status_say_so(
    installation: Installation, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    use(installation, "edited", other_link)

    def cli() -> CliRunner:
        environment = installation.calltrack.environment(installation.home)
        return CliRunner(tmp_path, environment | {"EXPUNGE_DATA_MAP": str(installation.settings.data_map)}, fork_server)

    answer = cli().run("run-due", "--json")
    assert answer.code == 5
    assert json.loads(answer.out)["batches_waiting_for_map"] == [batch.uid]
    assert json.loads(answer.out)["batches_waiting_for_check"] == []
    answer = cli().run("run-due")
    assert batch.uid in answer.out
    assert "the plan's map" in " ".join(answer.err.split())
    answer = cli().run("status", batch.uid)
    assert "main.letters" in answer.out
    with reading(installation.workspace.ledger) as connection:
        assert batch_status.chunk_states(connection, batch)
    put_back(installation)
    answer = cli().run("run-due", "--json")
    assert (answer.code, json.loads(answer.out)["batches_waiting_for_map"]) == (0, [])
