"""Pause, resume, retry, cancel: the running step ends, and what is said afterwards is what is so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.cancellation import ACTOR, cancel, secrets_left
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import Installation, fresh_installation
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_config.errors import UsageError
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_control, batch_lifecycle, operator_cancel
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.json_views import batch_view
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.receipts import statement_issuer
from expunge_reports.errors import ContradictionError

# Pause ---------------------------------------------------------------------------------------------------------------


def test_a_pause_lets_the_running_step_end_and_no_other_begin(
    installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv)
    ledger = installation.workspace.ledger
    main = before_call(
        installation.workspace.stores["main"], "erase", lambda: batch_control.pause(ledger, batch, ACTOR)
    )
    ended = installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.PAUSED
    left = holder.left(inspector)
    assert not any(number for name, number in left.items() if name.startswith("main."))
    assert all(number for name, number in left.items() if not name.startswith("main."))
    with pytest.raises(BatchBlockedError, match="paused"):
        installation.erase(batch)
    installation.settle()
    assert installation.again(batch).state is BatchState.PAUSED
    resumed = batch_control.resume(installation.workspace, batch, ACTOR)
    assert installation.erase(resumed).state is BatchState.ERASED
    assert not any(holder.left(inspector).values())
    assert installation.events(batch) == [["accepted", "erased"]]


def test_a_paused_batch_does_not_settle(installation: Installation, inspector: StoreInspector) -> None:
    batch = installation.plan(make_holder(inspector).csv)
    installation.erase(batch)
    batch_control.pause(installation.workspace.ledger, batch, ACTOR)
    installation.settle()
    assert installation.again(batch).state is BatchState.PAUSED
    assert secrets_left(installation, batch) == 1
    resumed = batch_control.resume(installation.workspace, batch, ACTOR)
    assert resumed.state is BatchState.ERASED
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED


def test_what_is_not_begun_or_is_over_is_not_paused(installation: Installation, inspector: StoreInspector) -> None:
    batch = installation.plan(make_holder(inspector).csv)
    with pytest.raises(UsageError, match="planned"):
        batch_control.pause(installation.workspace.ledger, batch, ACTOR)
    with pytest.raises(UsageError, match="not paused"):
        batch_control.resume(installation.workspace, batch, ACTOR)
    installation.erase(batch)
    installation.settle()
    with pytest.raises(UsageError, match="settled"):
        batch_control.pause(installation.workspace.ledger, batch, ACTOR)


# Cancel --------------------------------------------------------------------------------------------------------------


def test_a_plan_is_cancelled_before_anything_was_touched(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)
    was = inspector.contents()
    assert cancel(installation, batch).state is BatchState.CANCELLED
    assert changed(was, inspector.contents()) == {}
    assert installation.events(batch) == [["accepted", "cancelled"]] * 3
    assert installation.outcomes(batch) == {"cancelled": 3}
    assert secrets_left(installation, batch) == 0
    for one in statements_of(installation, batch, "cancelled"):
        assert one.final
        assert one.body["outcome"] == "cancelled"
        assert "stores" not in one.body
    assert_chain_intact(installation, batch)
    assert not operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)


def test_who_was_touched_is_finished(installation: Installation, inspector: StoreInspector) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv)
    told: list[str] = []

    def too_late() -> None:
        with pytest.raises(BatchBlockedError, match="can be withdrawn") as caught:
            operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
        told.append(str(caught.value.remedy))

    half = before_call(installation.workspace.stores["recordings"], "erase", too_late)
    ended = installation.erase(batch, installation.with_stores({"recordings": half}))  # type: ignore[dict-item]
    assert (ended.state, ended.cancelled) == (BatchState.ERASED, False)
    assert "expunge end" in told[0]
    assert not any(holder.left(inspector).values())
    assert installation.events(batch) == [["accepted", "erased"]]


@pytest.mark.parametrize("then", ["goes on", "fails"])
def test_a_cancel_while_a_step_runs(installation: Installation, inspector: StoreInspector, then: str) -> None:
    """The step ends, or fails; no store was asked to erase, so everybody is withdrawn."""
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)

    def cancelled() -> None:
        assert operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
        assert installation.again(batch).state is BatchState.CANCELLING
        if then == "fails":
            raise TerminalError("store main: refused for a test.")

    main = before_call(installation.workspace.stores["main"], "count", cancelled)
    was = inspector.contents()
    ended = installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, installation.failures(batch)
    assert changed(was, inspector.contents()) == {}
    assert installation.events(batch) == [["accepted", "cancelled"]] * 3
    assert secrets_left(installation, batch) == 0


def test_everybody_else_is_as_if_there_had_been_no_cancel(inspector: StoreInspector, tmp_path: Path) -> None:
    crowd = make_crowd(inspector, 3)
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", chunk_size=1) as installation:
        hold = place(installation, [key("user_id", crowd.ids[2])])
        batch = installation.plan(crowd.csv)
        with poisoned(inspector, [crowd.ids[1]]):
            assert installation.erase(batch).state is BatchState.FAILED
        assert cancel(installation, batch).state is BatchState.FAILED
        done, stuck, held = installation.events(batch)
        assert (done, stuck) == (["accepted", "erased"], ["accepted"])
        assert held == ["accepted", "on-hold", "cancelled"]
        shown = batch_view(installation.workspace, installation.again(batch))
        assert (shown["state"], shown["outcomes"]) == ("failed", {"cancelled": 1, "erased": 1, "failed": 1})
        assert not operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
        installation.settle()
        assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
        installation.settle()
        shown = batch_view(installation.workspace, installation.again(batch))
        assert (shown["state"], shown["settling"], shown["settled"]) == ("settled", False, 2)
        assert crowd.messages(inspector) == [crowd.ids[2]]
        lift(installation, hold)


@pytest.mark.parametrize("others", ["finished", "none"])
def test_a_paused_batch_is_cancelled(inspector: StoreInspector, tmp_path: Path, others: str) -> None:
    """Who can be withdrawn is; who was touched waits for the word of whoever paused it."""
    first, second = make_holder(inspector), make_holder(inspector)
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", chunk_size=1) as installation:
        ledger = installation.workspace.ledger
        batch = installation.plan(f"user_id\n{first.id}\n{second.id}\n")
        verb = "erase" if others == "finished" else "count"
        main = before_call(
            installation.workspace.stores["main"], verb, lambda: batch_control.pause(ledger, batch, ACTOR)
        )
        workspace = installation.with_stores({"main": main})  # type: ignore[dict-item]
        batch_lifecycle.start(workspace, batch)
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(workspace, writer, RunObserver(), workers=1)
        assert installation.again(batch).state is BatchState.PAUSED
        ended = cancel(installation, batch)
        if others == "none":
            assert ended.state is BatchState.CANCELLED
            assert all(second.left(inspector).values())
            return
        assert ended.state is BatchState.PAUSED
        assert installation.events(batch) == [["accepted"], ["accepted", "cancelled"]]
        resumed = batch_control.resume(installation.workspace, batch, ACTOR)
        assert installation.erase(resumed).state is BatchState.ERASED, installation.failures(batch)
        assert not any(first.left(inspector).values())
        assert all(second.left(inspector).values())


def test_a_cancel_that_came_during_the_last_step_came_for_nobody(
    installation: Installation, inspector: StoreInspector
) -> None:
    """No store was asked to erase, and the step that was running stated the end: nothing was found."""
    batch = installation.plan("user_id\n999999999\n")
    ledger = installation.workspace.ledger
    copies = installation.workspace.backups["dumps"].copies

    def late() -> Any:
        operator_cancel.cancel(ledger, batch, ACTOR)
        return copies()

    dumps: Any = FaultyConnector(installation.workspace.backups["dumps"], copies=late)  # type: ignore[arg-type]
    ended = installation.erase(batch, replace(installation.workspace, backups={"dumps": dumps}))
    assert (ended.state, ended.cancelled) == (BatchState.ERASED, False)
    with reading(ledger) as connection, pytest.raises(BatchBlockedError, match="can be withdrawn"):
        operator_cancel.refuse_too_late(connection, batch)
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED
    assert installation.events(batch) == [["accepted", "not-found", "settled"]]


def test_a_batch_whose_people_are_erased_is_not_cancelled(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = installation.plan(make_holder(inspector).csv)
    installation.erase(batch)
    with pytest.raises(BatchBlockedError, match="can be withdrawn"):
        operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
    assert installation.again(batch).state is BatchState.ERASED
    batch_control.pause(installation.workspace.ledger, batch, ACTOR)
    with pytest.raises(BatchBlockedError, match="can be withdrawn"):
        operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
    assert installation.again(batch).state is BatchState.PAUSED


# The commands --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cli(
    module_installation: Installation, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> CliRunner:
    environment = {**module_installation.calltrack.environment(module_installation.home), "EXPUNGE_ACTOR": "ann"}
    return CliRunner(tmp_path_factory.mktemp("cli"), environment, fork_server)


def told_of(installation: Installation, uid: str) -> list[list[str]]:
    with reading(installation.workspace.ledger) as connection:
        return installation.events(batch_by_uid(connection, uid))


def test_the_commands_and_their_exit_codes(
    cli: CliRunner, module_installation: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 2)
    planned = json.loads(cli.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    uid, digest = planned["id"], planned["digest"]
    assert cli.run("pause", uid).code == 2
    assert cli.run("resume", uid).code == 2
    assert cli.run("retry", uid).code == 2
    with poisoned(inspector, [crowd.ids[0]]):
        failed = cli.run("erase", uid, "--confirm", digest)
        assert failed.code == 1
        assert f"expunge retry {uid}" in failed.output
        assert cli.run("retry", uid).code == 1
    assert cli.run("pause", uid).code == 0
    answer = cli.run("erase", uid)
    assert answer.code == 11
    assert f"expunge resume {uid}" in answer.output
    assert json.loads(cli.run("status", uid, "--json").out)["state"] == "paused"
    again = cli.run("resume", uid, "--json")
    assert again.code == 0, again
    assert cli.run("retry", uid).code == 2
    too_late = cli.run("cancel", uid, "--json")
    assert (too_late.code, too_late.out) == (11, "")
    assert "can be withdrawn" in too_late.output
    assert json.loads(cli.run("status", uid, "--json").out)["state"] == "erased"
    other = json.loads(cli.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    cancelled = cli.run("cancel", other["id"], "--json")
    assert cancelled.code == 0, cancelled
    assert json.loads(cancelled.out)["state"] == "cancelled"
    assert cli.run("erase", other["id"], "--confirm", other["digest"]).code == 2
    assert told_of(module_installation, other["id"]) == [["accepted", "cancelled"]] * 2
    with reading(module_installation.workspace.ledger) as connection:
        assert "ann" in set(connection.scalars(sa.select(tables.batch.c.changed_by)))


def test_people_are_withdrawn_whose_store_the_map_has_no_more(
    installation: Installation, inspector: StoreInspector
) -> None:
    """What was planned for it is stated as the plan has it."""
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv)
    ledger, workspace = installation.workspace.ledger, installation.workspace
    main = before_call(workspace.stores["main"], "resolve", lambda: batch_control.pause(ledger, batch, ACTOR))
    installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    kept = {name: one for name, one in workspace.data_map.stores.items() if name != "cache"}
    without = replace(
        workspace,
        data_map=workspace.data_map.model_copy(update={"stores": kept}),
        stores={name: one for name, one in workspace.stores.items() if name != "cache"},
    )
    operator_cancel.cancel(ledger, installation.again(batch), ACTOR)
    attach(without, installation.again(batch), only=batch.id)
    assert installation.again(batch).state is BatchState.CANCELLED
    assert installation.events(batch)[0][-1] == "cancelled"
    assert_chain_intact(installation, batch)


def test_a_statement_that_is_refused_fails_its_own_chunk(
    installation: Installation, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, it is told, and another batch goes on."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    first = installation.plan(ann.csv)

    def refused(*_: object) -> None:
        raise ContradictionError("main.users: sum-wrong")

    with monkeypatch.context() as broken:
        broken.setattr(statement_issuer, "issue", refused)
        installation.erase(first)
    with reading(installation.workspace.ledger) as connection:
        (failure,) = connection.scalars(sa.select(tables.chunk.c.failure).where(tables.chunk.c.batch_id == first.id))
    assert failure is not None
    second = installation.plan(bob.csv)
    assert installation.erase(second).state is BatchState.ERASED
    assert not any(bob.left(inspector).values())
