"""Killed at an erasing step before its store was asked: no receipt says that this request erased anything there."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from tests.support.cli import CliResult
from tests.support.faulty_connector import FaultyConnector
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company, only_receipt, succeeded
from tests.support.small_company import statements_of as statements_in
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log

COLLECTIONS = """
users: {table: public.users, data_type: anchor, person: user_id, tombstone: {email: "'u' || id"},
  yields: {user_id: id}, created: created_at, found_by: [{column: id, identity: user_id}]}
letters: {table: public.letters, data_type: letters, created: created_at, found_by: [{column: user_id, of: users.id}]}
"""
_MADE = "created_at timestamptz NOT NULL DEFAULT '2026-01-01'"
TABLES = f"""
ALTER TABLE users ADD email text, ADD {_MADE}; UPDATE users SET email = id || '@x.example';
CREATE TABLE letters (id int PRIMARY KEY, user_id int REFERENCES users, {_MADE}); CREATE INDEX ON letters (user_id);
INSERT INTO letters VALUES (1, 1), (2, 2);
"""
STOPPED = """
from expunge_connectors.errors import TransientError
from expunge_connectors.postgres.erase.eraser import Eraser
def step(*given, step=Eraser.step, error=TransientError):
    step(*given)
    raise error("store main: a conflict.")
Eraser.step = step
"""
ONE_ATTEMPT = {"EXPUNGE_MAX_ATTEMPTS": "1", "EXPUNGE_RETRY_PAUSE": "PT0.02S"}
KILLED_BEFORE_ASKING = """
import os
from expunge_orchestrator.execution.step_context import StepContext
def require(self, *given, os=os, require=StepContext.require_planned_store):
    if "erase" in self.step:
        os.kill(os.getpid(), 9)
    return require(self, *given)
StepContext.require_planned_store = require
"""
ENDS_WITHOUT_NOTE = """
import os
from expunge_orchestrator.execution import runner
def finish(connection, delivery, write, os=os, finish=runner.finish):
    if delivery.name == "{step}":
        {how}
    return finish(connection, delivery, write)
runner.finish = finish
"""


class KilledError(BaseException):
    """As a process that is killed."""


@pytest.fixture
def company(database: str, tmp_path: Path, fork_server: ForkServer) -> Company:
    document = small_document(COLLECTIONS)
    document["data_types"]["letters"] = copy.deepcopy(document["data_types"]["gone"])
    return Company(database, tmp_path, fork_server, document, TABLES)


def assert_killed(command: CliResult) -> None:
    assert command.code == -9, command.output


@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_an_erasing_that_stopped_is_killed_at_its_second_attempt(
    company: Company, database: str, *, held: bool
) -> None:
    """The first one asked the store, which removed nothing; nobody asked it again, nor said what a hold keeps since."""
    plan = company.plan(b"user_id\n1\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"], settings=ONE_ATTEMPT, code=STOPPED)
    if held:
        company.cli.run("holds", "place", "--data-type", "letters", "-c", "acme", "--ground", "law")
    assert_killed(company.cli.run("retry", plan["id"], code=KILLED_BEFORE_ASKING))
    assert left(database, "letters") == [1, 2]
    execute(database, "UPDATE letters SET user_id = 2 WHERE id = 1")
    company.cli.run("run-due")
    company.cli.run("run-due")
    [answer] = [one for one in only_receipt(company.cli) if one.body.get("stores")]
    assert lines_of(answer.body) == {"main.users": ("tombstoned", 1, 0), "main.letters": ("not-found", 0, 0)}


def test_a_process_is_killed_before_it_erases_again(company: Company, database: str) -> None:
    """What came back moves before anybody erases it again: nothing more is gone."""
    plan = company.plan(b"user_id\n1\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"])
    execute(database, "INSERT INTO letters VALUES (3, 1)")
    assert_killed(company.cli.run("run-due", code=KILLED_BEFORE_ASKING))
    assert left(database, "letters") == [2, 3]
    execute(database, "UPDATE letters SET user_id = 2 WHERE id = 3")
    company.cli.run("run-due")
    company.cli.run("run-due")
    assert [one.event for one in only_receipt(company.cli)] == ["accepted", "erased", "settled"]


@pytest.mark.parametrize(
    ("how", "runs_again"),
    [("raise AssertionError", ["retry", "{batch}"]), ("os.kill(os.getpid(), 9)", ["run-due"])],
    ids=["defect", "killed"],
)
@pytest.mark.parametrize("people", [1, 2])
def test_a_step_ends_without_saying_what_its_store_removed(
    company: Company, database: str, how: str, runs_again: list[str], people: int
) -> None:
    """What is gone by then went by this request, also of the people whom a search for one of them set apart."""
    plan = company.plan(b"user_id\n1\n2\n"[: 8 + 2 * people])
    ends = ENDS_WITHOUT_NOTE.format(step="erase:main", how=how)
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"], settings=ONE_ATTEMPT, code=ends)
    assert left(database, "letters") == [1, 2][people:]
    company.cli.run(*(word.format(batch=plan["id"]) for word in runs_again))
    company.cli.run("run-due")
    stated = json.loads(succeeded(company.cli.run("receipts", "list", "--json")))["receipts"]
    assert len(stated) == people
    for one in stated:
        answer = statements_in(company.cli, one["id"])[1]
        assert lines_of(answer.body) == {"main.users": ("tombstoned", 1, 0), "main.letters": ("erased", 1, 0)}


@pytest.mark.parametrize("how", ["raise AssertionError", "os.kill(os.getpid(), 9)"], ids=["defect", "killed"])
def test_an_erasing_of_what_came_back_ends_without_saying_what_its_store_removed(
    company: Company, database: str, how: str
) -> None:
    plan = company.plan(b"user_id\n1\n")
    company.cli.run("erase", plan["id"], "--confirm", plan["digest"])
    execute(database, "INSERT INTO letters VALUES (3, 1)")
    ends = ENDS_WITHOUT_NOTE.format(step="re-erase:main", how=how)
    company.cli.run("run-due", settings=ONE_ATTEMPT, code=ends)
    assert left(database, "letters") == [2]
    company.cli.run("retry", plan["id"])
    company.cli.run("run-due")
    company.cli.run("run-due")
    assert [one.event for one in only_receipt(company.cli)] == ["accepted", "erased", "re-erased", "settled"]


@pytest.mark.parametrize(("asked", "expected"), [(False, ("not-found", 0, 0)), (True, ("erased", 1, 0))])
def test_a_process_is_killed_at_the_second_store(
    installation: Installation, inspector: StoreInspector, *, asked: bool, expected: tuple[str, int, int]
) -> None:
    """The first one was asked for the person; the second one may have erased something only once it was asked, too."""
    ann = make_caller(inspector)
    batch = installation.plan(ann.csv, ann.controller)
    batch_lifecycle.start(installation.workspace, batch)
    cache = installation.workspace.stores["cache"]
    done: list[str] = []

    def killed(*given: object) -> object:
        if asked or "erase:main" in done:
            raise KilledError
        return cache.identity(*given)

    dying = installation.with_stores({"cache": FaultyConnector(cache, **{"erase" if asked else "identity": killed})})
    with pytest.raises(KilledError), open_log(dying.settings, dying.data_map.operator, dying.keys) as writer:
        run(dying, writer, RunObserver(lambda _, step: done.append(step)))
    with inspector.redis() as client:
        for name, member in ann.keys.values():
            if member is None:
                client.delete(name)
    installation.erase(batch)
    installation.settle()
    (answer,) = statements_of(installation, batch, "erased")
    assert_chain_intact(installation, batch)
    assert lines_of(answer.body)["cache.caller_cache"] == expected
