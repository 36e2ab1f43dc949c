"""Holds: whatever is placed before an erasing step begins is kept, what came too late is named, and both are told."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bulk_people import make_crowd
from tests.support.cli import CliRunner
from tests.support.faulty_connector import before_call
from tests.support.fork_server import ForkServer
from tests.support.holds import GROUND, due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_caller, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.hold_placement import PlacementResult
from expunge_orchestrator.json_views import plan_view
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_status import public_state
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_reports import dsse


def told(installation: Installation, batch: Batch) -> str:
    again = installation.again(batch)
    return public_state(again.state, installation.outcomes(batch), undisclosed=again.undisclosed)


@pytest.mark.parametrize("identity", ["user_id", "email", "phone"])
def test_a_held_person_is_not_touched_and_the_others_are(
    installation: Installation, inspector: StoreInspector, identity: str
) -> None:
    """The hold names one identifier, the request another: the tags of all resolved keys are compared."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    value = {"user_id": ann.id, "email": ann.email, "phone": ann.phone}[identity]
    placed = place(installation, [key(identity, value)], until=now().date() + timedelta(days=30))
    had = due(ann, inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    assert batch.plan["on_hold"] == 1
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert due(ann, inspector) == had
    assert due(bob, inspector) == {}
    assert installation.outcomes(batch) == {"erased": 1, "on-hold": 1}
    assert installation.events(batch) == [["accepted", "on-hold"], ["accepted", "erased"]]
    (said,) = statements_of(installation, batch, "on-hold")
    assert said.body["reason"] == GROUND
    assert said.body["until"] == (now().date() + timedelta(days=30)).isoformat()
    assert not said.final
    assert (said.open.items, said.open.expected_by, said.open.copies.count > 0) == (1, None, True)
    lines = lines_of(said.body)
    assert {outcome for outcome, found, _ in lines.values() if found} == {"retained"}
    assert {still for _, _, still in lines.values()} == {0}
    installation.settle()
    assert installation.events(batch)[1] == ["accepted", "erased", "settled"]
    assert lift(installation, placed) == 1
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(ann, inspector) == {}
    assert installation.events(batch)[0] == ["accepted", "on-hold", "erased"]
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED
    assert_chain_intact(installation, batch)


def test_a_hold_outlives_the_keys_of_a_request(installation: Installation, inspector: StoreInspector) -> None:
    """Tags, not identifiers: a hold that was placed before anybody asked holds a request planned later."""
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)])
    first = installation.plan(ann.csv)
    assert installation.erase(first).state is BatchState.ON_HOLD
    again = installation.plan(f"email\n{ann.email}\n")
    assert installation.erase(again).state is BatchState.ON_HOLD
    with installation.workspace.ledger.begin() as connection:
        rows = connection.execute(sa.select(tables.hold, tables.hold_tag).join(tables.hold_tag)).all()
    assert len({row.id for row in rows}) == 1
    assert len([row for row in rows if not row.weak]) == 1
    assert str(ann.id) not in re.findall(r"\w+", str([tuple(row)[1:-3] for row in rows])), "a whole word: tags are hex"


def test_a_hold_that_arrives_half_way_stops_the_rest_and_both_are_told(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    placed: list[PlacementResult] = []
    stores = installation.workspace.stores
    main = before_call(stores["main"], "erase", lambda: placed.append(place(installation, [key("user_id", ann.id)])))
    ended = installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.ON_HOLD
    assert placed[0].running == {batch.uid: 1}  # too late for the step that runs
    left = due(ann, inspector)
    assert left
    assert {name.partition(".")[0] for name in left} == {"recordings", "cache"}
    (said,) = statements_of(installation, batch, "on-hold")
    lines = lines_of(said.body)
    assert lines["main.messages"] == ("erased", 1, 0)
    assert lines["main.users"] == ("tombstoned", 1, 0)
    assert lines["cache.user_cache"] == ("retained", 1, 0)
    assert lines["recordings.exports"] == ("retained", 1, 0)
    lift(installation, placed[0])
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(ann, inspector) == {}
    assert installation.events(batch) == [["accepted", "on-hold", "erased"]]


def test_an_undisclosed_hold_leaves_no_word(installation: Installation, inspector: StoreInspector) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    stores = installation.workspace.stores
    placed: list[PlacementResult] = []
    main = before_call(
        stores["main"], "erase", lambda: placed.append(place(installation, [key("user_id", ann.id)], undisclosed=True))
    )
    installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    assert due(ann, inspector)
    assert installation.events(batch) == [["accepted"], ["accepted", "erased"]]
    assert installation.outcomes(batch) == {"erased": 1, "open": 1}
    assert installation.reasons(batch) == {}
    assert installation.failures(batch) == ""
    assert told(installation, batch) == "executing"
    anew = installation.plan(ann.csv).plan
    assert (anew["on_hold"], anew["concurrent_batches"]) == (0, {batch.uid: 1})
    with reading(installation.workspace.ledger) as connection:
        assert plan_view(connection, installation.again(batch))["state"] == "executing"
    with installation.workspace.ledger.begin() as connection:
        envelopes = connection.scalars(sa.select(tables.statement.c.envelope)).all()
    told_bodies = b"".join(dsse.parse(one).payload for one in envelopes)
    assert b"erased" in told_bodies
    assert b"hold" not in told_bodies
    assert GROUND.encode() not in told_bodies
    lift(installation, placed[0])
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(ann, inspector) == {}
    assert installation.events(batch) == [["accepted", "erased"]] * 2


def test_a_controllers_requests_are_held(installation: Installation, inspector: StoreInspector) -> None:
    ann, caller = make_holder(inspector), make_caller(inspector)
    place(installation, controller="client")
    batch, other = installation.plan(caller.csv, caller.controller), installation.plan(ann.csv)
    had = due(caller, inspector)
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert due(caller, inspector) == had
    assert installation.erase(other).state is BatchState.ERASED


def test_a_hold_that_runs_out_ends_by_itself(
    installation: Installation, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)], until=now().date())
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert hold_enforcement.release(installation.workspace.ledger) == 0
    tomorrow = now() + timedelta(days=1)
    monkeypatch.setattr(legal_holds, "now", lambda: tomorrow)
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(ann, inspector) == {}


def test_who_is_let_go_has_every_round_again(installation: Installation, inspector: StoreInspector) -> None:
    """Alone in a chunk as well as beside others: a record that comes late is erased, however often it was on hold."""
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    for _ in range(2):
        placed = place(installation, [key("user_id", ann.id)])
        assert installation.erase(batch).state is BatchState.ON_HOLD
        assert lift(installation, placed) == 1
    with reading(installation.workspace.ledger) as connection:
        assert connection.scalars(sa.select(tables.chunk.c.repeats)).all() == [0]
    assert installation.erase(batch).state is BatchState.ERASED


def test_one_of_two_holds_is_lifted(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    person, kind = place(installation, [key("user_id", ann.id)]), place(installation, data_type="account")
    batch = installation.plan(ann.csv)
    had = due(ann, inspector)
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert due(ann, inspector) == had
    assert lift(installation, person) == 1
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert due(ann, inspector).keys() == had.keys() - {
        "main.users",
        "main.invoices",
        "main.invoice_lines",
        "main.marketing_optouts",
        "main.messages",
        "recordings.exports",
    }
    lift(installation, kind)
    assert installation.erase(batch).state is BatchState.ERASED
    assert installation.events(batch) == [["accepted", "on-hold", "on-hold", "erased"]]


def test_a_hold_placed_after_everything_is_gone_changes_nothing(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ERASED
    place(installation, [key("user_id", ann.id)])
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED


def test_what_comes_back_to_a_held_person_is_not_erased_at_settling_time(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    assert installation.erase(batch).state is BatchState.ERASED
    placed = place(installation, [key("user_id", ann.id)])
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    installation.settle()
    assert installation.again(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "on-hold"], ["accepted", "erased", "settled"]]
    assert due(ann, inspector) == {"main.messages": 1}
    lift(installation, placed)
    installation.erase(batch)
    assert installation.again(batch).state is BatchState.SETTLED
    assert due(ann, inspector) == {}
    assert installation.events(batch)[0] == ["accepted", "erased", "on-hold", "re-erased", "settled"]


def test_an_undisclosed_hold_of_what_came_back_looks_like_work_in_hand(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Who was told `erased` is not told that it runs again from its beginning: no work in hand does that."""
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ERASED
    place(installation, [key("user_id", ann.id)], undisclosed=True)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    installation.settle()
    assert installation.again(batch).state is BatchState.ON_HOLD, installation.failures(batch)
    assert told(installation, batch) == "executing"


@pytest.mark.parametrize("attempt", range(4))
def test_a_race_between_hold_and_erasure_has_one_outcome(
    installation: Installation, inspector: StoreInspector, attempt: int
) -> None:
    """Either the first erasing step saw the hold, or the hold saw the step and says that it came too late."""
    crowd = make_crowd(inspector, 2)
    batch = installation.plan(crowd.csv)
    placed: list[PlacementResult] = []
    start = threading.Event()

    def counsel() -> None:
        start.wait(10)
        placed.append(place(installation, [key("user_id", crowd.ids[0])]))

    thread = threading.Thread(target=counsel)
    thread.start()
    verb = ("count", "erase", "resolve", "verify")[attempt]
    installation.erase(
        batch, installation.with_stores({"main": before_call(installation.workspace.stores["main"], verb, start.set)})
    )  # type: ignore[dict-item]
    thread.join()
    outcome = installation.outcomes(batch)
    message_left = crowd.messages(inspector) == [crowd.ids[0]]
    if outcome.get("on-hold"):
        assert message_left or placed[0].running == {batch.uid: 1}
    else:
        assert outcome == {"erased": 2}
        assert not message_left
    if not placed[0].running and outcome.get("on-hold"):
        assert message_left


def test_a_cancelled_batch_lets_held_people_go(installation: Installation, inspector: StoreInspector) -> None:
    from tests.support.cancellation import cancel  # noqa: PLC0415

    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)])
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    had = due(ann, inspector)
    assert cancel(installation, batch).state is BatchState.CANCELLED
    assert due(ann, inspector) == had
    (said,) = statements_of(installation, batch, "cancelled")
    assert said.body["outcome"] == "cancelled"


# The commands --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cli(
    module_installation: Installation, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> CliRunner:
    environment = {**module_installation.calltrack.environment(module_installation.home), "EXPUNGE_ACTOR": "counsel"}
    return CliRunner(tmp_path_factory.mktemp("cli"), environment, fork_server)


def run_json(cli: CliRunner, *arguments: str, stdin: bytes = b"") -> Any:
    answer = cli.run(*arguments, "--json", stdin=stdin)
    assert answer.code == 0, answer
    return json.loads(answer.out)


def test_the_commands_and_their_exit_codes(cli: CliRunner, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    placed = run_json(cli, "holds", "place", "-", "--ground", GROUND, stdin=f"email\n{ann.email}\n".encode())
    assert placed["people"] == 1
    assert placed["placed_by"] == "counsel"
    assert placed["too_late"] == {}
    assert placed["unproven"] == 1
    shown = cli.run("holds", "list")
    assert GROUND in shown.output
    assert ann.email not in shown.output
    planned = run_json(cli, "plan", "-", "-c", "calltrack", stdin=ann.csv.encode())
    assert "1 person on hold" in cli.run("status", planned["id"]).output
    was = inspector.contents()
    held = cli.run("erase", planned["id"], "--confirm", planned["digest"])
    assert held.code == 11
    assert "1 person on hold" in held.output
    assert changed(was, inspector.contents()) == {}
    assert cli.run("run-due").code == 0
    assert run_json(cli, "holds", "lift", placed["id"])["released"] == 1
    assert cli.run("run-due").code == 0
    assert run_json(cli, "status", planned["id"])["state"] in {"erased", "settled"}
    assert due(ann, inspector) == {}
    assert run_json(cli, "holds", "list")["legal_holds"] == []
    (lifted,) = run_json(cli, "holds", "list", "--all")["legal_holds"]
    assert lifted["lifted_by"] == "counsel"


def test_lists_of_the_command_line_come_in_pages(cli: CliRunner) -> None:
    holds = [run_json(cli, "holds", "place", "--ground", GROUND, "--data-type", "calls")["id"] for _ in range(3)]
    keys = [run_json(cli, "api-keys", "add", "--role", "auditor")["id"] for _ in range(3)]
    for group, name, made in (("holds", "legal_holds", holds), ("api-keys", "api_keys", keys)):
        first = run_json(cli, group, "list", "--limit", "2")
        assert [one["id"] for one in first[name]] == [made[2], made[1]]
        shown = cli.run(group, "list", "--limit", "2")
        assert f"--cursor {first['next_cursor']}" in shown.output
        rest = run_json(cli, group, "list", "--limit", "2", "--cursor", first["next_cursor"])
        assert ([one["id"] for one in rest[name]], rest["next_cursor"]) == ([made[0]], None)
        assert "--cursor" not in cli.run(group, "list").output
        assert cli.run(group, "list", "--cursor", "zyqv").code == 2
    for uid in holds:
        assert cli.run("holds", "lift", uid).code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["place", "--ground", "x"], 2),
        (["place", "--ground", " ", "--data-type", "calls"], 2),
        (["place", "--ground", "x", "--data-type", "zyqv-4711"], 4),
        (["place", "--ground", "x", "--controller", "zyqv-4711"], 4),
        (["place", "--ground", "x", "--data-type", "calls", "--until", "zyqv-4711"], 2),
        (["place", "--ground", "x", "--data-type", "calls", "--until", "2020-01-01"], 2),
        (["place", "--ground", "x", "--data-type", "messages", "--controller", "client:42"], 4),
        (["place", "--ground", "x", "--controller", "client: 42 "], 4),
        (["place", "--ground", "x", "--controller", "client:042"], 4),
        (["lift", "hd_zyqv4711"], 2),
    ],
)
def test_bad_holds_are_refused(cli: CliRunner, arguments: list[str], code: int) -> None:
    answer = cli.run("holds", *arguments)
    assert answer.code == code, answer
    assert "zyqv" not in answer.output
    assert run_json(cli, "holds", "list")["legal_holds"] == []


def test_a_step_reads_the_holds_that_concern_its_requests_alone(installation: Installation) -> None:
    """Another client's holds, however many there are, cost it nothing."""
    wanted = [
        place(installation, [key("caller_id", 1)]),
        place(installation, [key("caller_id", 2)], controller="client"),
        place(installation, [key("caller_id", 3)], controller="client:42"),
        place(installation, [key("caller_id", 4)], controller="client:42", until=now().date()),
    ]
    others = [place(installation, [key("caller_id", number)], controller="client:43") for number in range(5, 9)]
    others.append(place(installation, [key("caller_id", 9)], until=now().date() - timedelta(days=1)))
    with reading(installation.workspace.ledger) as connection:
        found = legal_holds.in_force(connection, Scope("client", "42"))
        everybodys = legal_holds.in_force(connection)
    assert [one.uid for one in found] == [one.hold.uid for one in wanted]
    assert len(everybodys) == len(wanted) + len(others) - 1


def test_a_hold_on_a_member_is_placed_while_a_store_is_down_and_says_what_was_not_asked(cli: CliRunner) -> None:
    """What cannot be told must not keep counsel from placing it; as soon as it can be, `unchecked` is empty."""
    down = {"EXPUNGE_STORES__MAIN__URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    wish = ("holds", "place", "--ground", GROUND, "--controller")
    answer = cli.run(*wish, "client:042", "--json", settings=down)
    assert answer.code == 0, answer
    placed = json.loads(answer.out)
    assert placed["unchecked"] == ["main"]
    run_json(cli, "holds", "lift", placed["id"])
    shown = cli.run(*wish, "client:42", settings=down)
    assert "could not be asked: main" in shown.output
    (found,) = run_json(cli, "holds", "list")["legal_holds"]
    run_json(cli, "holds", "lift", found["id"])
    for controller in ("client:42", "client", "calltrack"):
        placed = run_json(cli, *wish, controller)
        assert placed["unchecked"] == []
        run_json(cli, "holds", "lift", placed["id"])
