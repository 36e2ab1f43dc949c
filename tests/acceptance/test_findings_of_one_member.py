"""What rows of one member say stops requests of that member, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import Scope, SubjectKey
from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import batch_lifecycle, erasing_findings
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.locate import LocateResult, locate

pytestmark = pytest.mark.usefixtures("fresh_inspections")

OURS, THEIRS = "client:42", "client:43"


MEMOS = """
      memos:
        table: public.memos
        data_type: calls
        owner: {controller: client, inherited: true}
        undated: erase
        found_by: [{column: call_id, of: calls.id}]
"""
TABLE = f"""
CREATE TABLE memos (id bigint PRIMARY KEY, call_id bigint NOT NULL REFERENCES calls, said text);
CREATE INDEX memos_call ON memos (call_id);
GRANT SELECT, DELETE ON memos TO {ROLE};
"""


@pytest.fixture(autouse=True)
def memos(installation: Installation, inspector: StoreInspector) -> Iterator[None]:
    """A table of memos of calls, which has no owner column: whose a memo is its call says."""
    inspector.sql(TABLE)
    text = Path(installation.settings.data_map).read_text("utf-8")
    other = installation.home / "datamap.yaml"
    other.write_text(text.replace("      call_notes:", f"{MEMOS[1:]}      call_notes:", 1), "utf-8")
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": other})
    yield
    inspector.sql("DROP TABLE memos")


def write(inspector: StoreInspector) -> SeededPerson:
    """The number of another caller of client 42 is the whole text of a memo; returns the caller of the call."""
    called, other = make_caller(inspector), make_caller(inspector)
    call = inspector.one("SELECT min(id) FROM calls WHERE caller_id = %s", called.id)
    inspector.sql("INSERT INTO memos VALUES (1, %s, %s)", call, other.phone)
    return called


def run_on(installation: Installation) -> None:
    """What `run-due` does with begun batches, and a service after a minute."""
    chosen = installation.workspace
    erasing_findings.take_up(chosen)
    with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
        run(chosen, writer, RunObserver())


def located(installation: Installation, caller: int, member: str) -> LocateResult:
    sought = [frozenset({SubjectKey("caller_id", str(caller))})]
    return locate(installation.workspace, sought, Scope("client", member)).people[0].answer


def test_a_memo_of_one_client_stops_plans_and_locates_of_that_client_alone(
    installation: Installation, inspector: StoreInspector
) -> None:
    note = write(inspector)
    theirs, holder = make_caller(inspector, client_id=43), make_holder(inspector)
    assert installation.plan(holder.csv).state is BatchState.PLANNED
    assert located(installation, theirs.id, "43") is LocateResult.HELD
    batch = installation.plan(theirs.csv, THEIRS)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    with pytest.raises(FindingsError, match="memos"):
        installation.plan(note.csv, OURS)
    with pytest.raises(FindingsError, match="memos"):
        located(installation, note.id, "42")
    assert inspector.one("SELECT count(*) FROM memos") == 1


def test_a_memo_of_one_client_stops_begun_batches_of_that_client_alone(
    installation: Installation, inspector: StoreInspector
) -> None:
    ours, theirs = make_caller(inspector), make_caller(inspector, client_id=43)
    stopped, goes_on = installation.plan(ours.csv, OURS), installation.plan(theirs.csv, THEIRS)
    for batch in (stopped, goes_on):
        batch_lifecycle.start(installation.workspace, batch)
    write(inspector)
    installation.close()
    run_on(installation)
    assert installation.again(goes_on).state is BatchState.ERASED, installation.failures(goes_on)
    assert installation.again(stopped).state is BatchState.EXECUTING
    assert installation.failures(stopped).startswith("waits: check shows 1 error.")
    assert any(ours.left(inspector).values())
    with pytest.raises(FindingsError):
        installation.erase(stopped)
    inspector.sql("DELETE FROM memos")
    installation.close()
    run_on(installation)
    assert installation.again(stopped).state is BatchState.ERASED, installation.failures(stopped)


def test_an_inspection_is_remembered_for_whom_its_errors_do_not_concern(
    installation: Installation, inspector: StoreInspector, calltrack: CompanyStack
) -> None:
    """A row of one member does not cost everybody else an inspection each; whom it concerns is looked at anew."""
    write(inspector)
    installation.settings = installation.settings.model_copy(update={"inspection_holds": timedelta(hours=1)})
    workspace = installation.workspace
    theirs, ours = Scope("client", "43"), Scope("client", "42")
    calltrack.inspections.fresh = False
    workspace.refuse_errors(theirs)
    at = workspace.inspection._at
    workspace.refuse_errors(theirs)
    assert workspace.inspection._at == at
    with pytest.raises(FindingsError):
        workspace.refuse_errors(ours)
    inspector.sql("DELETE FROM memos")
    workspace.refuse_errors(ours)


def test_check_says_whose_requests_an_error_stops(
    installation: Installation, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> None:
    write(inspector)
    environment = installation.calltrack.environment(installation.home)
    cli = CliRunner(tmp_path, environment | {"EXPUNGE_DATA_MAP": str(installation.settings.data_map)}, fork_server)
    answer = cli.run("check", "--json")
    assert answer.code == 5
    [told] = [one for one in json.loads(answer.out)["findings"] if one["severity"] == "error"]
    assert (told["code"], told["collection"], told["of_rows"], told["scopes"]) == (
        "several-people",
        "memos",
        True,
        [OURS],
    )
    assert "It stops requests of client:42 alone." in " ".join(cli.run("check").out.split())
