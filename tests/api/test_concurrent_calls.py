"""Races, on both kinds of ledger: real threads, exactly one outcome each, and never a 500."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.exc import DBAPIError
from tests.support.api import GRACE, ApiHarness, once, open_api
from tests.support.concurrent_calls import T, at_once, posting
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack
from tests.support.people import make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import TransientError
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import batch_lifecycle, start_preconditions
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import audit, request, request_open
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests import request_retry, scheduler
from expunge_orchestrator.workspace import Workspace

OWN = "/v1/me/erasure_requests"
ACCOUNT = {"scope": "account"}


@dataclass(frozen=True, slots=True)
class Planned:
    """A batch: where it is, its plan's digest as a body, and who may start it."""

    url: str
    digest: dict[str, str]
    operator: dict[str, str]


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: pytest.FixtureRequest, calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    more: dict[str, Any] = {}
    if request.param == "postgres":
        more = {"ledger_url": request.getfixturevalue("postgres_ledger")}
    with open_api(calltrack, tmp_path, **more) as made:
        yield made


def rows(api: ApiHarness, *where: sa.ColumnElement[bool]) -> int:
    with reading(api.installation.workspace.ledger) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(request).where(*where)).scalar_one()


def batches(api: ApiHarness) -> int:
    with reading(api.installation.workspace.ledger) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(tables.batch)).scalar_one()


@pytest.mark.parametrize("different", [0, 1])
def test_two_creates_of_a_person(api: ApiHarness, different: int) -> None:
    """With the same Idempotency-Key, and with different ones."""
    (holder,) = api.installation.calltrack.take_holders()
    keys = [f"k-{number * different}" for number in range(6)]
    jobs = [posting(api, OWN, {**api.person(user_id=holder), "Idempotency-Key": key}, ACCOUNT) for key in keys]
    answers = at_once(*jobs)
    assert sorted(one.status_code for one in answers) == [200] * 5 + [201], [one.text for one in answers]
    assert len({one.json()["id"] for one in answers}) == 1
    (told,) = {str(one.json()["follow_up_token"]) for one in answers}
    assert told.startswith("fu_")
    assert rows(api) == 1


def test_one_token_for_two_calls(api: ApiHarness) -> None:
    """Whoever caught a token cannot use it for something else, not even at the same moment."""
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(OWN, json=ACCOUNT, headers=once(api.person(user_id=holder))).json()["id"]
    stolen = api.person(user_id=holder)
    answers = at_once(
        posting(api, f"{OWN}/{made}/cancel", stolen),
        lambda: api.client.get(OWN, headers=stolen),
        posting(api, OWN, {**stolen, "Idempotency-Key": "another"}, ACCOUNT),
    )
    assert sorted(one.status_code for one in answers) == [200, 401, 401], [one.text for one in answers]
    refused = {one.json()["type"].rsplit("/", 1)[1] for one in answers if one.status_code == 401}
    assert refused == {"token-replayed"}


def test_two_creates_of_a_controller(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[3].id
    caller = api.installation.calltrack.company.callers_of(client)[0]
    wish = {"controller": f"client:{client}", "identifiers": {"caller_id": str(caller)}}
    headers = once(api.key(Role.REQUESTER))
    answers = at_once(*[posting(api, "/v1/erasure_requests", headers, wish)] * 6)
    assert sorted(one.status_code for one in answers) == [200] * 5 + [201], [one.text for one in answers]
    assert len({one.json()["id"] for one in answers}) == 1
    assert rows(api) == 1


def test_one_list_twice(api: ApiHarness) -> None:
    """At three processes at once: in one of them the second list of an actor is refused while the first is planned."""
    client = api.installation.calltrack.company.clients[3].id
    csv = f"caller_id\n{api.installation.calltrack.company.callers_of(client)[1]}\n"
    headers = {**once(api.key(Role.OPERATOR)), "Content-Type": "text/csv"}
    with ExitStack() as stack:
        states = [build_state(api.installation.workspace, api.clock) for _ in range(3)]
        clients = [stack.enter_context(TestClient(build(one), raise_server_exceptions=False)) for one in states]
        post = lambda one: one.post(  # noqa: E731
            "/v1/batches", params={"controller": f"client:{client}"}, content=csv, headers=headers
        )
        for one in clients:  # models of a route are built at its first call, and pydantic warns where two do it at once
            assert one.post("/v1/batches", params={"controller": "x"}, headers=once(headers)).status_code == 422
        answers = at_once(*[partial(post, one) for one in clients])
    assert sorted(one.status_code for one in answers) == [200, 200, 201], [one.text for one in answers]
    assert len({one.json()["id"] for one in answers}) == 1
    assert batches(api) == 1


@pytest.fixture
def four_eyes(api: ApiHarness) -> Planned:
    """A list of one, planned, where the map lets nobody be erased without a second pair of eyes."""
    workspace = api.installation.workspace
    limits = workspace.data_map.limits.model_copy(update={"people": 0})
    object.__setattr__(workspace, "data_map", workspace.data_map.model_copy(update={"limits": limits}))
    client, operator = api.installation.calltrack.company.clients[3].id, api.key(Role.OPERATOR)
    csv = f"caller_id\n{api.installation.calltrack.company.callers_of(client)[2]}\n"
    made = api.client.post(
        "/v1/batches",
        params={"controller": f"client:{client}"},
        content=csv,
        headers={**once(operator), "Content-Type": "text/csv"},
    ).json()
    assert made["state"] == "awaiting-approval"
    return Planned(f"/v1/batches/{made['id']}", {"digest": made["digest"]}, operator)


def approvals(api: ApiHarness) -> tuple[list[str], list[str]]:
    """Who approved, as the ledger has it, and as the audit trail does."""
    with reading(api.installation.workspace.ledger) as connection:
        told = sa.select(audit.c.actor).where(audit.c.action == "batch.approve", audit.c.result == "done")
        return list(connection.scalars(sa.select(tables.approval.c.approver))), list(connection.scalars(told))


def test_approved_twice_by_one(api: ApiHarness, four_eyes: Planned) -> None:
    """At once, and once more afterwards: it is said again, and nothing is written again."""
    approver = api.key(Role.APPROVER)
    approve = posting(api, f"{four_eyes.url}/approve", approver, four_eyes.digest)
    answers = [*at_once(*[approve] * 4), approve()]
    assert [(one.status_code, one.json()["state"]) for one in answers] == [(200, "planned")] * 5
    rows_, trail = approvals(api)
    assert (len(rows_), trail) == (1, rows_)
    start = posting(api, f"{four_eyes.url}/start", four_eyes.operator, four_eyes.digest)
    assert start().status_code == 202
    assert (approve().status_code, approve().json()["state"]) == (200, "executing")
    other = api.client.post(f"{four_eyes.url}/approve", json={"digest": "0" * 64}, headers=approver)
    assert other.status_code == 409


def test_approved_by_four_at_once(api: ApiHarness, four_eyes: Planned) -> None:
    """One of them did; the others are told that nobody is waited for. Nobody reads 200 who is not in the ledger."""
    approvers = [api.key(Role.APPROVER) for _ in range(4)]
    jobs = [posting(api, f"{four_eyes.url}/approve", one, four_eyes.digest) for one in approvers]
    answers = at_once(*jobs)
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409], [one.text for one in answers]
    assert {one.json()["type"].rsplit("/", 1)[1] for one in answers if one.status_code == 409} == {"not-possible-now"}
    rows_, trail = approvals(api)
    assert (len(rows_), trail) == (1, rows_)
    assert [job().status_code for job in jobs] == [one.status_code for one in answers]
    assert approvals(api) == (rows_, trail)


def test_approved_while_it_is_withdrawn(api: ApiHarness, four_eyes: Planned) -> None:
    """Withdrawn it is in the end; nobody is told that they approved it who came too late for that."""
    approve = posting(api, f"{four_eyes.url}/approve", api.key(Role.APPROVER), four_eyes.digest)
    approved, withdrawn = at_once(approve, posting(api, f"{four_eyes.url}/cancel", four_eyes.operator))
    assert withdrawn.status_code == 200, withdrawn.text
    assert approved.status_code == (200 if approvals(api)[0] else 409)
    api.work()
    assert api.client.get(four_eyes.url, headers=four_eyes.operator).json()["state"] == "cancelled"
    assert approve().status_code == 409


def test_undone_while_it_begins(api: ApiHarness) -> None:
    """Undo and start, ten people at once: whoever reads `cancelled` is kept, whoever reads `too-late` is not."""
    holders = api.installation.calltrack.take_holders(6)
    made = [api.client.post(OWN, json=ACCOUNT, headers=once(api.person(user_id=one))).json()["id"] for one in holders]
    api.at += GRACE
    undo = [
        posting(api, f"{OWN}/{uid}/cancel", api.person(user_id=one)) for one, uid in zip(holders, made, strict=True)
    ]
    answers = at_once(*undo, lambda: scheduler.start_due(api.installation.workspace, api.at))[:-1]
    api.work()
    for holder, uid, answer in zip(holders, made, answers, strict=True):
        assert isinstance(answer, Response)
        told = api.client.get(f"{OWN}/{uid}", headers=api.person(user_id=holder)).json()
        if answer.status_code == 200:
            assert (told["state"], told["batch_id"]) == ("cancelled", None)
        else:
            assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (409, "too-late")
            assert told["state"] == "partially-erased"
    assert batches(api) == sum(one.status_code == 409 for one in answers if isinstance(one, Response))


def test_two_cancels_and_a_denial(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[3].id
    operator = api.key(Role.OPERATOR)
    for number in range(3):
        caller = api.installation.calltrack.company.callers_of(client)[5 + number]
        wish = {"controller": f"client:{client}", "identifiers": {"caller_id": str(caller)}}
        uid = api.client.post("/v1/erasure_requests", json=wish, headers=once(operator)).json()["id"]
        answers = at_once(
            posting(api, f"/v1/erasure_requests/{uid}/cancel", operator),
            posting(api, f"/v1/erasure_requests/{uid}/cancel", operator),
            posting(api, f"/v1/erasure_requests/{uid}/deny", operator, {"reason": "excessive"}),
        )
        state = api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["state"]
        expected = [200, 200, 409] if state == "cancelled" else [409, 409, 200]
        assert [one.status_code for one in answers] == expected, [one.text for one in answers]


def test_two_workers(api: ApiHarness) -> None:
    """Each request becomes one batch, and nothing is told as a failure."""
    holders = api.installation.calltrack.take_holders(3)
    for one in holders:
        wish = {**ACCOUNT, "waive_grace": True}
        assert api.client.post(OWN, json=wish, headers=once(api.person(user_id=one))).status_code == 201
    begun = at_once(*[lambda: scheduler.start_due(api.installation.workspace, api.at)] * 2)
    assert sum(begun) == 3
    assert batches(api) == 3
    assert rows(api, request.c.failure.is_not(None)) == 0
    api.work()
    assert rows(api, request.c.batch_id.is_not(None)) == 3


@pytest.mark.parametrize("moment", ["begin", "resolve", "count", "erase"])
def test_held_while_it_begins(api: ApiHarness, inspector: StoreInspector, moment: str) -> None:
    """Either the hold came first and nothing of them is gone, or the answer says that it came too late, and all is.

    What is asked for lies in one store: there is one erasing step, and either it began or it did not. The step ends
    after the hold was answered, so that too late is what runs, and not what is over.
    """
    ann, operator, workspace = make_holder(inspector), api.key(Role.OPERATOR), api.installation.workspace
    had, due = ann.left(inspector), {"main.messages"}
    wish = {"controller": ann.controller, "identifiers": {"user_id": str(ann.id)}, "data_types": ["messages"]}
    made = api.client.post("/v1/erasure_requests", json=wish, headers=once(operator))
    assert made.status_code == 201, made.text
    uid = made.json()["id"]
    hold = {"controller": ann.controller, "people": [{"user_id": str(ann.id)}], "ground": "4 C 17/26"}
    now, answered = threading.Event(), threading.Event()
    main = workspace.stores["main"]

    def reaching(verb: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if verb == moment:
                now.set()
            if verb == "erase":
                assert answered.wait(60)
            return getattr(main, verb)(*arguments, **named)

        return call

    def counsel() -> Response:
        assert now.wait(60)
        try:
            return posting(api, "/v1/legal_holds", operator, hold)()
        finally:
            answered.set()

    def work() -> None:
        if moment == "begin":
            now.set()
        assert scheduler.start_due(workspace, api.at) == 1
        gated = FaultyConnector(main, **{verb: reaching(verb) for verb in ("resolve", "count", "erase")})
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(api.installation.with_stores({"main": gated}), writer, RunObserver())  # type: ignore[dict-item]

    placed, _ = at_once(counsel, work)
    assert isinstance(placed, Response)
    assert placed.status_code == 201, placed.text
    told = api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()
    left = ann.left(inspector)
    outcome = (told["state"], placed.json()["too_late"], {name for name in had if left[name] != had[name]})
    assert outcome in [("on-hold", {}, set()), ("erased", {told["batch_id"]: 1}, due)]
    if moment == "erase":
        assert outcome[0] == "erased"
    assert api.client.post(f"/v1/legal_holds/{placed.json()['id']}/lift", headers=operator).status_code == 200
    api.work()
    assert api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["state"] == "erased"
    assert {name: number for name, number in ann.left(inspector).items() if number} == {
        name: number for name, number in had.items() if name not in due
    }


def test_killed_between_fence_and_plan_and_begin(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a death leaves between two transactions is taken up by the next start, once."""
    (holder,) = api.installation.calltrack.take_holders()
    wish = {**ACCOUNT, "waive_grace": True}
    uid = api.client.post(OWN, json=wish, headers=once(api.person(user_id=holder))).json()["id"]
    workspace = api.installation.workspace
    assert scheduler.lock_due(workspace, api.at) == 1

    class DeathError(BaseException):
        """As kill -9: nothing below catches it."""

    def dies(*_: object) -> None:
        raise DeathError

    late = api.client.post(f"{OWN}/{uid}/cancel", headers=api.person(user_id=holder))
    assert late.status_code == 409
    with monkeypatch.context() as patched:
        patched.setattr("expunge_orchestrator.requests.scheduler.batch_lifecycle.start", dies)
        with pytest.raises(DeathError):
            scheduler.start_due(workspace, api.at)
    assert (batches(api), rows(api, request.c.state == "started")) == (1, 1)
    assert scheduler.start_due(workspace, api.at) == 1
    assert scheduler.start_due(workspace, api.at) == 0
    api.work()
    assert batches(api) == 1
    told = api.client.get(f"{OWN}/{uid}", headers=api.person(user_id=holder)).json()
    assert told["state"] == "partially-erased"
    api.settle()
    with reading(workspace.ledger) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(request_open)).scalar_one() == 0


def test_one_that_cannot_be_planned_keeps_nobody_waiting(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that runs into a defect."""
    first, second = api.installation.calltrack.take_holders(2)
    wish = {**ACCOUNT, "waive_grace": True}
    made = [
        api.client.post(OWN, json=wish, headers=once(api.person(user_id=one))).json()["id"] for one in (first, second)
    ]
    plan = scheduler._plan

    def defective(workspace: Workspace, wanted: Request, at: datetime) -> str:
        if wanted.uid == made[0]:
            raise RuntimeError("ann.secret@mail.example")
        return plan(workspace, wanted, at)

    monkeypatch.setattr(scheduler, "_plan", defective)
    api.work()
    told = [
        api.client.get(f"{OWN}/{uid}", headers=api.person(user_id=one)).json()
        for one, uid in zip((first, second), made, strict=True)
    ]
    assert [one["state"] for one in told] == ["planning", "partially-erased"]
    assert told[0]["failure"] == "A defect of Expunge (RuntimeError)."


@pytest.mark.parametrize("void", [False, True])
def test_a_plan_is_cancelled_while_it_is_retried(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch, *, void: bool
) -> None:
    """One that could not be begun, and is void or not. Whoever reads that it is withdrawn is right, whoever reads that
    it goes on was no later than that; the first one's cancel comes in the midst of the retry."""
    operator, workspace = api.key(Role.OPERATOR), api.installation.workspace
    people = [make_caller(inspector) for _ in range(4)]
    had = [one.left(inspector) for one in people]
    wishes = [{"controller": one.controller, "identifiers": {"caller_id": str(one.id)}} for one in people]
    made = [api.client.post("/v1/erasure_requests", json=one, headers=once(operator)).json()["id"] for one in wishes]
    with monkeypatch.context() as patched:
        patched.setattr("expunge_orchestrator.requests.scheduler.batch_lifecycle.start", unreachable)
        scheduler.start_due(workspace, api.at)
    plans = [api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()["batch_id"] for uid in made]
    if void:
        with workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.batch).values(map_digest="0" * 64))
    jobs = [
        (
            posting(api, f"/v1/erasure_requests/{uid}/retry", operator),
            posting(api, f"/v1/batches/{plan}/cancel", operator),
        )
        for uid, plan in zip(made, plans, strict=True)
    ]
    where, name = (planner, "create_plan") if void else (start_preconditions, "planned_ground")
    answers = [[*in_the_midst(monkeypatch, where, name, *jobs[0])], *(at_once(*one) for one in jobs[1:-1])]
    answers.append([job() for job in jobs[-1]])
    api.work()
    for ann, uid, plan, was, (retried, withdrawn) in zip(people, made, plans, had, answers, strict=True):
        told = api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json()
        assert {retried.status_code, withdrawn.status_code} <= {200, 409}, (retried.text, withdrawn.text)
        if withdrawn.status_code == 200:
            assert (told["state"], told["batch_id"], ann.left(inspector)) == ("cancelled", plan, was)
        else:
            assert (retried.status_code, told["state"]) == (200, "erased")
            assert not any(ann.left(inspector).values())
        begun = [(one["action"], one["target"]) for one in trail(api) if one["result"] == "done"]
        assert begun.count(("erasure_request.retry", uid)) == (retried.status_code == 200)
        assert begun.count(("batch.cancel", plan)) == (withdrawn.status_code == 200)
    assert [one.status_code for one in answers[0]] == [409, 200]
    assert [one.status_code for one in answers[-1]] == [200, 409 if void else 200], "it is another plan that runs"


def unreachable(*_: object, **__: object) -> None:
    raise TransientError("The store cannot be reached.")


def trail(api: ApiHarness) -> list[dict[str, Any]]:
    return list(api.client.get("/v1/audit_log", headers=api.key(Role.AUDITOR)).json()["items"])


def in_the_midst(
    monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, call: Callable[[], T], other: Callable[[], T]
) -> tuple[T, T]:
    """Make a call, and the other one where the first comes to this."""
    meant, heard, coming = getattr(where, name), [], [other]

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        if coming:  # the other one may come to this too
            heard.append(coming.pop()())
        return meant(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(where, name, meanwhile)
        answer = call()
    (told,) = heard
    return answer, told


def test_what_is_held_or_failed_is_stopped_while_it_is_retried(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a cancel, a pause or the same call: whoever was first is told 200, the retry 409, and it is not noted."""
    cases = [(held, verb) for held in (True, False) for verb in ("cancel", "pause", "retry")]
    batches = [held_no_more(api, inspector) if held else failed(api, inspector) for held, _ in cases]
    before = len(trail(api))
    for url, (held, verb) in zip(batches, cases, strict=True):
        jobs = [posting(api, f"{url}/{one}", api.key(Role.OPERATOR)) for one in ("retry", verb)]
        lost, won = in_the_midst(monkeypatch, batch_lifecycle, "start", *jobs)
        assert (lost.status_code, won.status_code) == (409, 200), (held, verb, lost.text, won.text)
        if verb == "retry":
            assert won.json()["state"] == "executing"
    noted = [(one["action"], one["target"]) for one in trail(api)[before:]]
    assert noted == [(f"batch.{verb}", url.rpartition("/")[2]) for url, (_, verb) in zip(batches, cases, strict=True)]


def test_a_request_is_planned_while_it_is_retried(
    api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, operator = make_caller(inspector), api.key(Role.OPERATOR)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    uid = api.client.post("/v1/erasure_requests", json=wish, headers=once(operator)).json()["id"]
    with monkeypatch.context() as patched:
        patched.setattr(planner, "create_plan", unreachable)
        scheduler.start_due(api.installation.workspace, api.at)
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).values(not_before=None))
    late, begun = in_the_midst(
        monkeypatch,
        request_retry,
        "retry_request",
        lambda: api.client.post(f"/v1/erasure_requests/{uid}/retry", headers=operator).status_code,
        lambda: scheduler.start_due(api.installation.workspace, api.at),
    )
    assert (late, begun) == (409, 1)
    assert not [one for one in trail(api) if (one["action"], one["result"]) == ("erasure_request.retry", "done")]


def begun(api: ApiHarness, inspector: StoreInspector) -> str:
    """Where a batch of one is that was begun, and of which no step has run."""
    ann, operator = make_caller(inspector), api.key(Role.OPERATOR)
    query = {"controller": ann.controller}
    made = api.client.post("/v1/batches", params=query, content=ann.csv, headers=once(operator)).json()
    url = f"/v1/batches/{made['id']}"
    assert api.client.post(f"{url}/start", json={"digest": made["digest"]}, headers=operator).status_code == 202
    return url


def failed(api: ApiHarness, inspector: StoreInspector) -> str:
    """A batch all of which failed."""
    url = begun(api, inspector)
    stand(api, url, "failed", held=None)
    return url


def held_no_more(api: ApiHarness, inspector: StoreInspector) -> str:
    """A batch that a hold kept, which is lifted; nobody looked since."""
    url = begun(api, inspector)
    stand(api, url, "held", held=["hd_lifted"])
    return url


def stand(api: ApiHarness, url: str, state: str, held: list[str] | None) -> None:
    """Put all chunks of a batch into a state."""
    with api.installation.workspace.ledger.begin() as connection:
        number = batch_by_uid(connection, url.rpartition("/")[2]).id
        connection.execute(sa.update(tables.chunk).where(tables.chunk.c.batch_id == number).values(state=state))
        connection.execute(sa.update(tables.item).where(tables.item.c.batch_id == number).values(held=held))
        batch_lifecycle.sync_state(connection, [number])


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_trail_cannot_be_changed(api: ApiHarness, statement: str) -> None:
    api.client.get("/v1/audit_log", headers=api.key(Role.OPERATOR))
    with pytest.raises(DBAPIError), api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.text(statement))
    with reading(api.installation.workspace.ledger) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one() == 1
