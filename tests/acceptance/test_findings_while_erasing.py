"""What `erase` would refuse keeps a begun batch waiting, by whatever way it is carried on: an error of `check`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import assert_chain_intact
from tests.support.store_inspector import StoreInspector

from expunge_connectors.defects import DefectError
from expunge_connectors.errors import ConnectorError, TerminalError, TransientError
from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import batch_lifecycle, erasing_findings, operator_cancel, operator_end
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("fresh_inspections")

LETTERS = """
      letters:
        table: public.letters
        data_type: messages
        owner: {controller: calltrack}
        undated: erase
        found_by: [{column: user_id, of: user_profiles.user_id}]
      pages:
        table: public.pages
        data_type: messages
        owner: {controller: calltrack}
        undated: erase
        found_by: [{column: letter, of: letters.number}]
"""
TABLES = f"""
CREATE TABLE letters (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, user_id bigint NOT NULL REFERENCES user_profiles (user_id),
  number text CONSTRAINT letters_number UNIQUE
);
CREATE INDEX letters_user ON letters (user_id);
CREATE TABLE pages (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, letter text, said text);
CREATE INDEX pages_letter ON pages (letter);
GRANT SELECT, DELETE ON letters, pages TO {ROLE};
"""


@pytest.fixture(autouse=True)
def letters(installation: Installation, inspector: StoreInspector) -> Iterator[None]:
    """Letters with a number of their own, and pages that are found by it."""
    inspector.sql(TABLES)
    text = Path(installation.settings.data_map).read_text("utf-8")
    other = installation.home / "datamap.yaml"
    other.write_text(text.replace("      user_addresses:", f"{LETTERS[1:]}      user_addresses:", 1), "utf-8")
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": other})
    yield
    installation.close()
    inspector.sql("DROP TABLE pages, letters")


def make_writer(inspector: StoreInspector) -> SeededPerson:
    """A person with a letter and a page of it."""
    made = make_holder(inspector)
    inspector.sql("INSERT INTO letters (user_id, number) VALUES (%s, %s)", made.id, f"N{made.id}")
    inspector.sql("INSERT INTO pages (letter) VALUES (%s)", f"N{made.id}")
    return made


def deploy(inspector: StoreInspector, ann: SeededPerson, bob: SeededPerson) -> None:
    """Numbers are no longer unique: Bob has Ann's, and a page of his goes by it."""
    inspector.sql("ALTER TABLE letters DROP CONSTRAINT letters_number")
    inspector.sql("UPDATE letters SET number = %s WHERE user_id = %s", f"N{ann.id}", bob.id)
    inspector.sql("INSERT INTO pages (letter, said) VALUES (%s, 'by Bob')", f"N{ann.id}")


def mend(inspector: StoreInspector, bob: SeededPerson) -> None:
    """Numbers are unique again."""
    inspector.sql("UPDATE pages SET letter = %s WHERE said = 'by Bob'", f"N{bob.id}")
    inspector.sql("UPDATE letters SET number = %s WHERE user_id = %s", f"N{bob.id}", bob.id)
    inspector.sql("ALTER TABLE letters ADD CONSTRAINT letters_number UNIQUE (number)")


def pages(inspector: StoreInspector) -> int:
    return int(inspector.one("SELECT count(*) FROM pages WHERE said = 'by Bob'"))


def run_on(installation: Installation, workspace: Workspace | None = None) -> None:
    """What `run-due` does with begun batches, and a service after a minute."""
    chosen = workspace or installation.workspace
    erasing_findings.take_up(chosen)
    with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
        run(chosen, writer, RunObserver())


def stopped(installation: Installation, inspector: StoreInspector, after: str) -> tuple[Batch, SeededPerson]:
    """A batch of Ann's that stopped after the step that follows this one, and Bob, whom only a deployment drags in."""
    ann, bob = make_writer(inspector), make_writer(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n")
    batch_lifecycle.start(installation.workspace, batch)
    done: list[str] = []
    chosen = installation.workspace
    with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
        run(chosen, writer, RunObserver(lambda _, step: done.append(step), told_to_stop=lambda: after in done))
    deploy(inspector, ann, bob)
    installation.close()
    return batch, bob


@pytest.mark.parametrize("after", ["accept", "resolve"])
def test_a_stopped_batch_waits_while_check_shows_an_error(
    installation: Installation, inspector: StoreInspector, after: str
) -> None:
    batch, bob = stopped(installation, inspector, after)
    for _ in range(2):
        run_on(installation)
        assert installation.again(batch).state is BatchState.EXECUTING
        assert installation.failures(batch).startswith("waits: check shows 1 error.")
    with pytest.raises(FindingsError):
        installation.erase(batch)
    attach(installation.workspace, batch)  # beside a service: it does not wait for ever
    assert pages(inspector) == 1
    assert inspector.one("SELECT count(*) FROM letters") == 2
    mend(inspector, bob)
    installation.close()
    run_on(installation)
    assert installation.again(batch).state is BatchState.ERASED, installation.failures(batch)
    assert pages(inspector) == 1
    assert inspector.one("SELECT count(*) FROM letters") == 1
    assert_chain_intact(installation, batch)


@pytest.mark.parametrize(
    "error",
    [
        DefectError("The connector of main has a defect: inspect raised KeyError."),
        TransientError("store main: a statement took too long."),
        TerminalError("store main: permission denied."),
    ],
    ids=["a defect", "too slow", "no right"],
)
def test_nothing_is_erased_where_an_inspection_fails(
    installation: Installation, inspector: StoreInspector, error: ConnectorError
) -> None:
    """A store that is down says so by itself when it is asked to erase; this one would erase, whatever is wrong."""
    batch, bob = stopped(installation, inspector, "resolve")

    def fails() -> None:
        raise error

    broken = FaultyConnector(installation.workspace.stores["main"], inspect=fails)
    run_on(installation, installation.with_stores({"main": broken}))  # type: ignore[dict-item]
    assert (inspector.one("SELECT count(*) FROM letters"), pages(inspector)) == (2, 1)
    assert error.message in installation.failures(batch)
    mend(inspector, bob)
    run_on(installation)
    assert installation.again(batch).state is BatchState.ERASED


def test_a_store_that_was_down_is_looked_at_before_it_is_erased_from(
    installation: Installation, inspector: StoreInspector
) -> None:
    """It is restarted, with the deployment; the step waited for it less than an inspection is good for."""
    batch, _ = stopped(installation, inspector, "resolve")
    main = installation.workspace.stores["main"]

    def until_a_step_failed(verb: str) -> Callable[[], Any]:
        def call() -> Any:
            with reading(installation.workspace.ledger) as connection:
                attempts = connection.scalar(sa.select(sa.func.max(tables.chunk.c.attempts)))
            if not attempts:
                raise TransientError("store main: no connection.")
            return getattr(main, verb)()

        return call

    restarted = FaultyConnector(main, **{verb: until_a_step_failed(verb) for verb in ("inspect", "identity")})
    run_on(installation, installation.with_stores({"main": restarted}))  # type: ignore[dict-item]
    assert (inspector.one("SELECT count(*) FROM letters"), pages(inspector)) == (2, 1)
    assert installation.failures(batch).startswith("waits: check shows 1 error.")


def test_a_store_that_answers_again_just_after_the_look_is_looked_at_before_it_is_erased_from(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _ = stopped(installation, inspector, "resolve")
    main, down = installation.workspace.stores["main"], [True]

    def inspect() -> Any:
        if down[0]:
            raise TransientError("store main: no connection.")
        return main.inspect()

    def identity() -> Any:
        if down[0]:
            down[0] = False  # the last call that it does not answer
            raise TransientError("store main: no connection.")
        return main.identity()

    restarted = FaultyConnector(main, inspect=inspect, identity=identity)
    run_on(installation, installation.with_stores({"main": restarted}))  # type: ignore[dict-item]
    assert (inspector.one("SELECT count(*) FROM letters"), pages(inspector)) == (2, 1)
    assert installation.failures(batch).startswith("waits: check shows 1 error.")


@pytest.mark.parametrize("silent", [False, True], ids=["all answer", "another store is down"])
@pytest.mark.parametrize("error", ["of the map", "of the installation"])
def test_what_is_wrong_beside_the_stores_stops_it_too(
    installation: Installation, inspector: StoreInspector, error: str, *, silent: bool
) -> None:
    """Nobody says where copies are; or the keys lie in the log's directory."""
    ann = make_writer(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n")
    batch_lifecycle.start(installation.workspace, batch)
    installation.close()
    if error == "of the map":
        found = Path(installation.settings.data_map)
        document = {key: one for key, one in yaml.safe_load(found.read_text("utf-8")).items() if key != "backups"}
        for store in document["stores"].values():
            store.pop("backups", None)
        found.write_text(yaml.safe_dump(document), "utf-8")
        stores = {name: one for name, one in installation.settings.stores.items() if name != "dumps"}
        changed: dict[str, Any] = {"stores": stores}
    else:
        changed = {"keys_dir": installation.settings.log / "keys", "allow_keys_beside_ledger": False}
        shutil.copytree(installation.settings.keys, changed["keys_dir"])
    installation.settings = installation.settings.model_copy(update=changed)
    with pytest.raises(FindingsError):
        installation.workspace.refuse_errors()

    def no() -> None:
        raise TransientError("store cache: no connection.")

    cache = FaultyConnector(installation.workspace.stores["cache"], inspect=no, identity=no, now=no)
    run_on(installation, installation.with_stores({"cache": cache}) if silent else None)  # type: ignore[dict-item]
    assert inspector.one("SELECT count(*) FROM letters") == 1
    assert installation.again(batch).state is not BatchState.ERASED


def test_a_place_of_copies_that_is_down_stops_no_erasing(installation: Installation, inspector: StoreInspector) -> None:
    """Nothing is erased there; and nothing is stated about copies before all places were listed."""
    batch, bob = stopped(installation, inspector, "resolve")

    def no(*_: object) -> None:
        raise TransientError("store dumps: no connection.")

    def silent(workspace: Workspace) -> Workspace:
        dumps = FaultyConnector(workspace.backups["dumps"], inspect=no, copies=no, identity=no)  # type: ignore[arg-type]
        return replace(workspace, backups={**workspace.backups, "dumps": dumps})  # type: ignore[dict-item]

    run_on(installation, silent(installation.workspace))
    assert installation.failures(batch).startswith("waits: check shows 1 error."), "of the stores all is looked at"
    assert pages(inspector) == 1
    mend(inspector, bob)
    installation.close()
    down = silent(installation.workspace)
    run_on(installation, down)
    assert inspector.one("SELECT count(*) FROM letters") == 1
    assert installation.failures(batch).startswith("conclude: store dumps: no connection.")
    assert installation.events(batch) == [["accepted"]]
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    installation.settle()
    assert installation.events(batch) == [["accepted", "erased", "settled"]]
    assert_chain_intact(installation, batch)


def test_an_error_that_comes_within_a_run_stops_the_next_erasing_step(
    installation: Installation, inspector: StoreInspector
) -> None:
    installation.settings = installation.settings.model_copy(update={"inspection_holds": timedelta(0)})
    ann, bob = make_writer(inspector), make_writer(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n")
    batch_lifecycle.start(installation.workspace, batch)
    chosen = installation.workspace

    def deployed(_chunk: int, step: str) -> None:
        if step == "recount":
            deploy(inspector, ann, bob)

    with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
        run(chosen, writer, RunObserver(deployed))
    assert installation.again(batch).state is BatchState.EXECUTING
    assert installation.failures(batch).startswith("waits: check shows 1 error.")
    assert pages(inspector) == 1
    assert inspector.one("SELECT count(*) FROM letters") == 2


def test_who_comes_off_hold_waits_as_well(installation: Installation, inspector: StoreInspector) -> None:
    ann, bob = make_writer(inspector), make_writer(inspector)
    placed = place(installation, [key("user_id", ann.id)])
    batch = installation.plan(f"user_id\n{ann.id}\n")
    assert installation.erase(batch).state is BatchState.ON_HOLD
    deploy(inspector, ann, bob)
    installation.close()
    lift(installation, placed)
    run_on(installation)
    assert installation.again(batch).state is BatchState.EXECUTING
    assert pages(inspector) == 1


def test_who_waits_can_be_withdrawn_or_ended(installation: Installation, inspector: StoreInspector) -> None:
    untouched, _ = stopped(installation, inspector, "resolve")
    run_on(installation)
    operator_cancel.cancel(installation.workspace.ledger, installation.again(untouched), "ops")
    run_on(installation)
    assert installation.again(untouched).state is BatchState.CANCELLED
    inspector.sql("DELETE FROM pages; DELETE FROM letters")
    inspector.sql("ALTER TABLE letters ADD CONSTRAINT letters_number UNIQUE (number)")
    installation.close()
    touched, _ = stopped(installation, inspector, "erase:main")
    run_on(installation)
    assert installation.failures(touched).startswith("waits: check shows 1 error.")
    assert operator_end.end(installation.workspace, installation.again(touched), "ops")
    run_on(installation)
    assert installation.again(touched).state is BatchState.SETTLED, installation.failures(touched)
    assert pages(inspector) == 1
    assert_chain_intact(installation, touched)


def test_run_due_says_that_batches_wait(
    installation: Installation, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> None:
    batch, bob = stopped(installation, inspector, "resolve")
    environment = {
        **installation.calltrack.environment(installation.home),
        "EXPUNGE_DATA_MAP": str(installation.settings.data_map),
        "EXPUNGE_INSPECTION_HOLDS": "PT1M",
    }
    cli = CliRunner(tmp_path, environment, fork_server)
    for _ in range(2):
        answer = cli.run("run-due", "--json")
        assert answer.code == 5
        assert json.loads(answer.out)["batches_waiting_for_check"] == [batch.uid]
    answer = cli.run("run-due")
    assert batch.uid in answer.out
    mend(inspector, bob)
    answer = cli.run("run-due", "--json")
    assert (answer.code, json.loads(answer.out)["batches_waiting_for_check"]) == (0, [])
    assert installation.again(batch).state is BatchState.ERASED
    assert pages(inspector) == 1
