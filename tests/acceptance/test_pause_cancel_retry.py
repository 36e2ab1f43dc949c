"""Pause, resume, retry, cancel: the running step ends, and what is said afterwards is what is so."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.cancellation import ACTOR, cancel, secrets_left
from tests.support.cli import Desk
from tests.support.faulty_connector import Instead, before
from tests.support.installation import Office, founded
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import Probe, changed

from expunge_config.errors import UsageError
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.presentation import batch_view

# Pause ---------------------------------------------------------------------------------------------------------------


def test_a_pause_lets_the_running_step_end_and_no_other_begin(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv)
    ledger = office.workspace.ledger
    main = before(office.workspace.stores["main"], "erase", lambda: batch_control.pause(ledger, batch, ACTOR))
    ended = office.erase(batch, office.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.PAUSED
    left = holder.left(probe)
    assert not any(number for name, number in left.items() if name.startswith("main."))
    assert all(number for name, number in left.items() if not name.startswith("main."))
    with pytest.raises(BatchBlockedError, match="paused"):
        office.erase(batch)
    office.settle()
    assert office.again(batch).state is BatchState.PAUSED
    resumed = batch_control.resume(ledger, batch, ACTOR)
    assert office.erase(resumed).state is BatchState.ERASED
    assert not any(holder.left(probe).values())
    assert office.events(batch) == [["accepted", "erased"]]


def test_a_paused_batch_does_not_settle(office: Office, probe: Probe) -> None:
    batch = office.plan(make_holder(probe).csv)
    office.erase(batch)
    batch_control.pause(office.workspace.ledger, batch, ACTOR)
    office.settle()
    assert office.again(batch).state is BatchState.PAUSED
    assert secrets_left(office, batch) == 1
    resumed = batch_control.resume(office.workspace.ledger, batch, ACTOR)
    assert resumed.state is BatchState.ERASED
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED


def test_what_is_not_begun_or_is_over_is_not_paused(office: Office, probe: Probe) -> None:
    batch = office.plan(make_holder(probe).csv)
    with pytest.raises(UsageError, match="planned"):
        batch_control.pause(office.workspace.ledger, batch, ACTOR)
    with pytest.raises(UsageError, match="not paused"):
        batch_control.resume(office.workspace.ledger, batch, ACTOR)
    office.erase(batch)
    office.settle()
    with pytest.raises(UsageError, match="settled"):
        batch_control.pause(office.workspace.ledger, batch, ACTOR)


# Cancel --------------------------------------------------------------------------------------------------------------


def test_a_plan_is_cancelled_before_anything_was_touched(office: Office, probe: Probe) -> None:
    crowd = make_crowd(probe, 3)
    batch = office.plan(crowd.csv)
    was = probe.contents()
    assert cancel(office, batch).state is BatchState.CANCELLED
    assert changed(was, probe.contents()) == {}
    assert office.events(batch) == [["accepted", "cancelled"]] * 3
    assert office.outcomes(batch) == {"cancelled": 3}
    assert secrets_left(office, batch) == 0
    for one in statements_of(office, batch, "cancelled"):
        assert one.final
        assert one.body["outcome"] == "cancelled"
        assert "stores" not in one.body
    assert_chain_intact(office, batch)
    assert not batch_control.cancel(office.workspace.ledger, batch, ACTOR)


def test_cancelled_half_way_says_what_is_erased_and_what_is_left(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv)
    stores = office.workspace.stores
    half = before(stores["recordings"], "erase", lambda: batch_control.cancel(office.workspace.ledger, batch, ACTOR))
    ended = office.erase(batch, office.with_stores({"recordings": half}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED
    left = holder.left(probe)
    assert not any(number for name, number in left.items() if not name.startswith("cache."))
    assert all(number for name, number in left.items() if name.startswith("cache."))
    assert office.events(batch) == [["accepted", "cancelled"]]
    (said,) = statements_of(office, batch, "cancelled")
    assert said.body["outcome"] == "partially-erased"
    lines = lines_of(said.body)
    assert not said.final
    assert said.open.items == sum(outcome == "left" for outcome, *_ in lines.values()) > 0
    assert lines["main.messages"] == ("erased", 1, 0)
    assert lines["main.users"] == ("tombstoned", 1, 0)
    assert lines["recordings.exports"] == ("erased", 1, 0)
    assert lines["cache.user_cache"] == ("left", 1, 1)
    assert secrets_left(office, batch) == 0
    assert_chain_intact(office, batch)
    office.settle()
    assert office.again(batch).state is BatchState.CANCELLED


def test_whoever_is_erased_by_then_stays_erased_and_settles(probe: Probe, tmp_path: Path) -> None:
    crowd = make_crowd(probe, 3)
    with founded(probe.town, tmp_path / "expunge", chunk_size=1) as office:
        batch = office.plan(crowd.csv)
        with poisoned(probe, [crowd.ids[1]]):
            assert office.erase(batch).state is BatchState.FAILED
        assert cancel(office, batch).state is BatchState.CANCELLED
        done, stuck, other = office.events(batch)
        assert done == other == ["accepted", "erased"]
        assert stuck == ["accepted", "cancelled"]
        (said,) = statements_of(office, batch, "cancelled")
        assert said.body["outcome"] == "cancelled"
        assert lines_of(said.body)["main.messages"] == ("left", 1, 1)
        assert crowd.messages(probe) == [crowd.ids[1]]
        shown = batch_view(office.workspace, office.again(batch))
        assert (shown["state"], shown["settling"], shown["settled"]) == ("cancelled", True, 0)
        office.settle()
        shown = batch_view(office.workspace, office.again(batch))
        assert (shown["state"], shown["settling"], shown["settled"]) == ("cancelled", False, 2)
        assert office.events(batch)[0] == ["accepted", "erased", "settled"]
        with pytest.raises(BatchBlockedError, match="nothing is left"):
            batch_control.cancel(office.workspace.ledger, settled(office, probe), ACTOR)


def settled(office: Office, probe: Probe) -> Batch:
    batch = office.plan(make_holder(probe).csv)
    office.erase(batch)
    office.settle()
    return batch


def test_a_store_that_cannot_be_asked_keeps_a_cancelled_batch_open(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv)

    def refuse() -> None:
        raise TerminalError("store cache: refused for a test.")

    stores = office.workspace.stores
    broken = {
        "main": before(stores["main"], "verify", lambda: batch_control.cancel(office.workspace.ledger, batch, ACTOR)),
        "cache": before(stores["cache"], "verify", refuse),
    }
    assert office.erase(batch, office.with_stores(broken)).state is BatchState.FAILED  # type: ignore[arg-type]
    assert office.events(batch) == [["accepted"]]
    # By then everything was gone: the cancel came for nobody, and the batch is what it would be without it.
    assert office.erase(batch).state is BatchState.ERASED
    assert office.events(batch) == [["accepted", "erased"]]
    with pytest.raises(BatchBlockedError, match="nothing is left"):
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED


def test_a_cancel_that_came_during_the_last_step_came_for_nobody(office: Office, probe: Probe) -> None:
    batch = office.plan(make_holder(probe).csv)
    ledger = office.workspace.ledger
    copies = office.workspace.backups["dumps"].copies

    def late() -> Any:
        batch_control.cancel(ledger, batch, ACTOR)
        return copies()

    dumps: Any = Instead(office.workspace.backups["dumps"], copies=late)  # type: ignore[arg-type]
    ended = office.erase(batch, replace(office.workspace, backups={"dumps": dumps}))
    assert (ended.state, ended.cancelled) == (BatchState.ERASED, False)
    with reading(ledger) as connection, pytest.raises(BatchBlockedError, match="nothing is left"):
        batch_control.refuse_too_late(connection, batch)
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED
    assert office.events(batch) == [["accepted", "erased", "settled"]]


def test_a_batch_whose_people_are_erased_is_not_cancelled(office: Office, probe: Probe) -> None:
    batch = office.plan(make_holder(probe).csv)
    office.erase(batch)
    with pytest.raises(BatchBlockedError, match="nothing is left"):
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
    assert office.again(batch).state is BatchState.ERASED
    batch_control.pause(office.workspace.ledger, batch, ACTOR)
    with pytest.raises(BatchBlockedError, match="nothing is left"):
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
    assert office.again(batch).state is BatchState.PAUSED


# The commands --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(workshop: Office, tmp_path_factory: pytest.TempPathFactory, forker: subprocess.Popen[str]) -> Desk:
    environment = {**workshop.town.environment(workshop.home), "EXPUNGE_ACTOR": "ann"}
    return Desk(tmp_path_factory.mktemp("desk"), environment, forker)


def told_of(office: Office, uid: str) -> list[list[str]]:
    with reading(office.workspace.ledger) as connection:
        return office.events(batch_by_uid(connection, uid))


def test_the_commands_and_their_exit_codes(desk: Desk, workshop: Office, probe: Probe) -> None:
    crowd = make_crowd(probe, 2)
    planned = json.loads(desk.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    uid, digest = planned["batch"], planned["digest"]
    assert desk.run("pause", uid).code == 2
    assert desk.run("resume", uid).code == 2
    assert desk.run("retry", uid).code == 2
    with poisoned(probe, [crowd.ids[0]]):
        failed = desk.run("erase", uid, "--confirm", digest)
        assert failed.code == 1
        assert f"expunge retry {uid}" in failed.told
        assert desk.run("retry", uid).code == 1
    assert desk.run("pause", uid).code == 0
    answer = desk.run("erase", uid)
    assert answer.code == 11
    assert f"expunge resume {uid}" in answer.told
    assert json.loads(desk.run("status", uid, "--json").out)["state"] == "paused"
    again = desk.run("resume", uid, "--json")
    assert again.code == 0, again
    assert desk.run("retry", uid).code == 2
    too_late = desk.run("cancel", uid, "--json")
    assert (too_late.code, too_late.out) == (11, "")
    assert "nothing is left to cancel" in too_late.told
    assert json.loads(desk.run("status", uid, "--json").out)["state"] == "erased"
    other = json.loads(desk.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    cancelled = desk.run("cancel", other["batch"], "--json")
    assert cancelled.code == 0, cancelled
    assert json.loads(cancelled.out)["state"] == "cancelled"
    assert desk.run("erase", other["batch"], "--confirm", other["digest"]).code == 2
    assert told_of(workshop, other["batch"]) == [["accepted", "cancelled"]] * 2
    with reading(workshop.workspace.ledger) as connection:
        assert "ann" in set(connection.scalars(sa.select(tables.batch.c.changed_by)))
