"""`expunge cancel` and `expunge end` in every state of a person, typed and called: stores, keys and statements (ADR 8).

What refuses here are the stores themselves: a trigger, a right that was taken away, a legal hold on an object. Killed
anywhere in the middle: `tests/chaos`, of which `test_kill_sample` kills a sample.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import open_api
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.cancellation import cancel, end, keys_left, refused, residual
from tests.support.cli import CliRunner
from tests.support.end_states import (
    STATES,
    assert_by_the_rule,
    entries,
    left,
    refused_at_settling,
    refused_at_the_first_call,
    refused_half_way,
)
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import assert_chain_intact
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import batch_control, operator_cancel
from expunge_orchestrator.json_views import batch_view
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

# The two ways --------------------------------------------------------------------------------------------------------

Way = Callable[[str, Batch], str]
"""Do a verb; answers `done`, or `nobody` where it was refused because it would be nobody's end."""


@contextmanager
def typed(calltrack: CompanyStack, home: Path, fork_server: ForkServer) -> Iterator[tuple[Installation, Way]]:
    with open_api(calltrack, home) as api:
        cli = CliRunner(home, calltrack.environment(api.installation.home), fork_server)

        def do(verb: str, batch: Batch) -> str:
            confirm = ["--confirm", batch.plan_digest] if verb == "end" else []
            answer = cli.run(verb, batch.uid, *confirm, "--json")
            assert answer.code in {0, 11}, answer
            return {0: "done", 11: "nobody"}[answer.code]

        yield api.installation, do


@contextmanager
def called(calltrack: CompanyStack, home: Path, _: ForkServer) -> Iterator[tuple[Installation, Way]]:
    with open_api(calltrack, home) as api:
        operator = api.key(Role.OPERATOR)

        def do(verb: str, batch: Batch) -> str:
            confirm = {"json": {"digest": batch.plan_digest}} if verb == "end" else {}
            answer = api.client.post(f"/v1/batches/{batch.uid}/{verb}", headers=operator, **confirm)  # type: ignore[arg-type]
            if answer.status_code == 409:
                assert answer.json()["type"].endswith("/waits-for-somebody"), answer.text
                return "nobody"
            assert answer.status_code == 200, answer.text
            api.work()
            return "done"

        yield api.installation, do


# The matrix ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [typed, called])
@pytest.mark.parametrize("verb", ["cancel", "end"])
@pytest.mark.parametrize("name", STATES)
def test_stores_keys_and_statements_are_what_the_rule_says(  # noqa: PLR0917 - fixtures
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    fork_server: ForkServer,
    name: str,
    verb: str,
    way: Callable[..., AbstractContextManager[tuple[Installation, Way]]],
) -> None:
    state = STATES[name]
    person = state.made(inspector)
    with way(calltrack, tmp_path, fork_server) as (installation, do):
        with state.prepare(installation, inspector, person) as batch:
            was, had, known = inspector.contents(), left(person, inspector), entries(installation, batch)
            assert installation.events(batch) == ([state.events] if state.events else [])
            answer = do(verb, batch)
            assert changed(was, inspector.contents()) == {}, "neither erases anything"
            told = batch_view(installation.workspace, installation.again(batch))
            if verb != state.verb:
                assert (answer, told["state"]) == ("nobody", state.state)
                assert installation.events(batch) == ([state.events] if state.events else [])
                assert (keys_left(installation, batch), residual(installation)) == (1, [])
                return
            assert answer == "done"
            assert_by_the_rule(installation, state, batch, had, known)
            assert do(verb, batch) == ("done" if verb == "cancel" else "nobody"), "again"
        later = installation.plan(person.csv)
        assert installation.erase(later).state is BatchState.ERASED, installation.failures(later)
        assert left(person, inspector) == {}
        assert residual(installation) == []


# Who is who ----------------------------------------------------------------------------------------------------------


def test_of_several_each_by_their_own_state(installation: Installation, inspector: StoreInspector) -> None:
    """One is erased, one held, one refused: each verb does its own, and everybody else is as without it."""
    crowd = make_crowd(inspector, 4)
    hold = place(installation, [key("user_id", crowd.ids[1])])
    batch = installation.plan(crowd.csv)
    with poisoned(inspector, [crowd.ids[2]]):
        assert installation.erase(batch).state is BatchState.FAILED
        assert end(installation, batch).state is BatchState.ON_HOLD
        assert installation.outcomes(batch) == {"erased": 2, "on-hold": 1, "partially-erased": 1}
        assert operator_cancel.cancel(installation.workspace.ledger, batch, "ops")
        assert installation.again(batch).state is BatchState.CANCELLING
        installation.settle()
    told = batch_view(installation.workspace, installation.again(batch))
    assert (told["state"], told["settled"], told["left_in_part"]) == ("settled", 2, 1)
    settled = ["accepted", "erased", "settled"]
    assert installation.events(batch) == [
        settled,
        ["accepted", "on-hold", "cancelled"],
        ["accepted", "partially-erased"],
        settled,
    ]
    assert crowd.messages(inspector) == crowd.ids[1:3]
    assert_chain_intact(installation, batch)
    lift(installation, hold)


def test_a_place_that_cannot_be_looked_at_is_not_ended(installation: Installation, inspector: StoreInspector) -> None:
    """The end fails and names the store; `retry` of it erases again."""
    ann = make_holder(inspector)
    with refused_half_way(installation, inspector, ann) as batch:
        had = left(ann, inspector)
        blind = FaultyConnector(installation.workspace.stores["cache"], verify=refused)
        assert end(installation, batch, installation.with_stores({"cache": blind})).state is BatchState.FAILED  # type: ignore[dict-item]
        assert "verify:cache" in installation.failures(batch)
        assert installation.events(batch) == [["accepted"]]
        assert (keys_left(installation, batch), residual(installation)) == (1, [])
        assert left(ann, inspector) == had
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert left(ann, inspector) == {}


@pytest.mark.parametrize("state", [refused_half_way, refused_at_settling])
def test_who_has_nothing_due_left_ends_as_anybody(
    installation: Installation,
    inspector: StoreInspector,
    state: Callable[[Installation, StoreInspector, SeededPerson], AbstractContextManager[Batch]],
) -> None:
    """What was refused went by itself before the end looked, so nothing of it is stated as erased."""
    ann = make_holder(inspector)
    with state(installation, inspector, ann) as batch:
        settling = "erased" in installation.events(batch)[0]
    with nullcontext() if settling else inspector.redis() as client:
        if client is None:
            inspector.sql("DELETE FROM messages WHERE user_id = %s", ann.id)
        else:
            client.delete(*(name for name, member in ann.keys.values() if member is None))
            client.zrem("online", str(ann.id))
    assert end(installation, batch).state is (BatchState.SETTLED if settling else BatchState.ERASED)
    assert residual(installation) == []
    installation.settle()
    assert installation.events(batch) == [["accepted", "erased", "settled"]]
    assert keys_left(installation, batch) == 0


def test_who_ends_as_anybody_is_erased_again_as_anybody(installation: Installation, inspector: StoreInspector) -> None:
    """The end was for what a store refused, not for what comes before the settling check."""
    ann = make_holder(inspector)
    with refused_half_way(installation, inspector, ann) as batch:
        pass
    with inspector.redis() as client:
        client.delete(*(name for name, member in ann.keys.values() if member is None))
        client.zrem("online", str(ann.id))
    assert end(installation, batch).state is BatchState.ERASED
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    installation.settle()
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert (left(ann, inspector), residual(installation)) == ({}, [])


@pytest.mark.parametrize("way", [typed, called])
@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state.verb == "end"])
def test_a_paused_batch_is_ended_as_one_at_work(  # noqa: PLR0917 - fixtures
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    fork_server: ForkServer,
    name: str,
    way: Callable[..., AbstractContextManager[tuple[Installation, Way]]],
) -> None:
    """Nobody has to resume it, which would erase; once nothing is left to do it is not paused any more."""
    state = STATES[name]
    person = state.made(inspector)
    with (
        way(calltrack, tmp_path, fork_server) as (installation, do),
        state.prepare(installation, inspector, person) as batch,
    ):
        batch_control.pause(installation.workspace.ledger, batch, "ops")
        was, had, known = inspector.contents(), left(person, inspector), entries(installation, batch)
        assert do("end", batch) == "done"
        assert changed(was, inspector.contents()) == {}
        assert_by_the_rule(installation, state, batch, had, known)
        assert do("end", batch) == "nobody", "again"


def test_of_a_paused_batch_nobody_else_goes_on(inspector: StoreInspector, tmp_path: Path) -> None:
    """Who is not stuck waits for the one who paused it, and is erased then."""
    crowd = make_crowd(inspector, 2)
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", chunk_size=1) as installation:
        batch = installation.plan(crowd.csv)
        with poisoned(inspector, crowd.ids[:1]):
            assert installation.erase(batch).state is BatchState.FAILED
            batch_control.pause(installation.workspace.ledger, batch, "ops")
            assert end(installation, batch).state is BatchState.PAUSED
            assert installation.events(batch) == [["accepted", "partially-erased"], ["accepted", "erased"]]
        installation.settle()
        assert installation.again(batch).state is BatchState.PAUSED
        batch_control.resume(installation.workspace, batch, "ops")
        installation.settle()
        assert installation.again(batch).state is BatchState.SETTLED
        assert installation.events(batch) == [["accepted", "partially-erased"], ["accepted", "erased", "settled"]]


def test_a_hold_that_comes_while_the_end_looks_parks_the_person(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Lifted, the person is erased from again: the end was for what a store refused."""
    ann = make_holder(inspector)
    placed = []
    with refused_half_way(installation, inspector, ann) as batch:
        hold = lambda: placed.append(place(installation, [key("user_id", ann.id)]))  # noqa: E731
        looking = before_call(installation.workspace.stores["main"], "verify", hold)
        assert end(installation, batch, installation.with_stores({"main": looking})).state is BatchState.ON_HOLD  # type: ignore[dict-item]
    assert installation.events(batch) == [["accepted", "on-hold"]]
    lift(installation, placed[0])
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert left(ann, inspector) == {}


def test_a_pause_does_not_stop_an_end(installation: Installation, inspector: StoreInspector) -> None:
    """Nothing is erased by it, and it may be asked for of a paused batch."""
    ann = make_holder(inspector)
    ledger = installation.workspace.ledger
    with refused_half_way(installation, inspector, ann) as batch:
        stop = lambda: batch_control.pause(ledger, batch, "ops")  # noqa: E731
        looking = before_call(installation.workspace.stores["main"], "verify", stop)
        assert end(installation, batch, installation.with_stores({"main": looking})).state is BatchState.SETTLED  # type: ignore[dict-item]
    assert left(ann, inspector), "the store would not refuse any more"
    assert installation.events(batch) == [["accepted", "partially-erased"]]


# Killed in the middle ------------------------------------------------------------------------------------------------


class KilledError(BaseException):
    """As a process that is killed."""


def killed(*_: object) -> None:
    raise KilledError


def test_a_killed_run_that_is_paused_is_cancelled(installation: Installation, inspector: StoreInspector) -> None:
    """Of the two, one was handed to a store: the step that was running ends with its process, and the other goes."""
    ann = make_holder(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n999999999\n")
    dying = FaultyConnector(installation.workspace.stores["main"], erase=killed)
    with pytest.raises(KilledError):
        installation.erase(batch, installation.with_stores({"main": dying}))  # type: ignore[dict-item]
    had = left(ann, inspector)
    batch_control.pause(installation.workspace.ledger, batch, "ops")
    assert cancel(installation, batch).state is BatchState.PAUSED
    assert installation.events(batch) == [["accepted"], ["accepted", "cancelled"]]
    assert (keys_left(installation, batch), left(ann, inspector)) == (1, had)
    resumed = batch_control.resume(installation.workspace, batch, "ops")
    assert installation.erase(resumed).state is BatchState.ERASED, installation.failures(batch)
    assert left(ann, inspector) == {}


def test_a_killed_end_is_typed_again(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer
) -> None:
    ann = make_holder(inspector)
    cli = CliRunner(installation.home, installation.calltrack.environment(installation.home), fork_server)
    with refused_half_way(installation, inspector, ann) as batch:
        dying = FaultyConnector(installation.workspace.stores["main"], verify=killed)
        with pytest.raises(KilledError):
            end(installation, batch, installation.with_stores({"main": dying}))  # type: ignore[dict-item]
        typed = ["end", batch.uid, "--confirm", batch.plan_digest]
        batch_control.pause(installation.workspace.ledger, batch, "ops")
        assert cli.run(*typed).code == 0
        assert installation.events(batch) == [["accepted", "partially-erased"]]
        assert cli.run(*typed).code == 11


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_shows_what_is_left_and_asks(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer
) -> None:
    crowd = make_crowd(inspector, 2)
    hold = place(installation, [key("user_id", crowd.ids[1])])
    batch = installation.plan(crowd.csv)
    environment = {**installation.calltrack.environment(installation.home), "EXPUNGE_ACTOR": "ann"}
    cli = CliRunner(installation.home, environment, fork_server)
    with poisoned(inspector, crowd.ids[:1]):
        failed = cli.run("erase", batch.uid, "--confirm", batch.plan_digest)
        assert f"expunge end {batch.uid}" in failed.output
        asked = cli.run("end", batch.uid)
        assert asked.code == 7
        assert "main.messages" in asked.output
        assert f"--confirm {batch.plan_digest}" in asked.output
        assert cli.run("end", batch.uid, "--confirm", "0" * 64).code == 7
        assert installation.events(batch)[0] == ["accepted"]
        done = cli.run("end", batch.uid, "--confirm", batch.plan_digest, "--json")
        assert done.code == 0, done
        told = json.loads(done.out)
        assert (told["state"], told["left_in_part"]) == ("on-hold", 1)
        assert "main.messages" in cli.run("status", batch.uid).output
    with reading(installation.workspace.ledger) as connection:
        assert connection.scalar(sa.select(tables.batch.c.changed_by)) == "ann"
    lift(installation, hold)
    rest = cli.run("erase", batch.uid)
    assert (rest.code, "1 person ended by an operator" in rest.output) == (1, True), rest


def test_an_end_over_the_api_is_confirmed(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> None:
    ann = make_holder(inspector)
    with open_api(calltrack, tmp_path) as api, refused_at_the_first_call(api.installation, inspector, ann) as batch:
        at, operator = f"/v1/batches/{batch.uid}/end", api.key(Role.OPERATOR)
        assert api.client.post(at, headers=operator).status_code == 422
        refused_ = api.client.post(at, json={"digest": "0" * 64}, headers=operator)
        assert (refused_.status_code, refused_.json()["type"].rsplit("/", 1)[1]) == (409, "not-confirmed")
        requester = api.key(Role.REQUESTER)
        assert api.client.post(at, json={"digest": batch.plan_digest}, headers=requester).status_code == 403
        assert api.installation.events(batch) == [["accepted"]]
