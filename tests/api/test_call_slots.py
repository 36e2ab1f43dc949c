"""Heavy calls are few at a time, and health is answered whatever others wait for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.requests import Request
from tests.support.api import ApiHarness, listed, once, open_api
from tests.support.api_process import ApiProcess, read, served
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack

from expunge_orchestrator.api import batch_watches, call_context, metrics
from expunge_orchestrator.api.call_slots import (
    LINE,
    TURNS,
    TURNS_OF_ADDRESS,
    TURNS_OF_CLIENT,
    AddressTurns,
    InAddressTurn,
    upload_slots,
)
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.routes import ROUTERS
from expunge_orchestrator.api.routes import batches as batches_route
from expunge_orchestrator.api.routes import locate as locate_route
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import batches, requests
from expunge_orchestrator.planning import planner
from expunge_orchestrator.receipts import receipt_export

SLOTS, SOON = 2, 20.0


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    with open_api(calltrack, tmp_path, api={"uploads": SLOTS, "locates": SLOTS}) as made:
        yield made


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, number: int) -> Iterator[threading.Semaphore]:
    """Whoever calls this waits until the end; so many are waited for."""
    before, there, over = getattr(module, name), threading.Semaphore(0), threading.Event()

    def waits(*given: Any, **named: Any) -> Any:
        there.release()
        assert over.wait(10 * SOON)
        return before(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, waits)
        try:
            yield there
        finally:
            over.set()


def test_an_actor_has_one_and_all_have_few(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, people = listed(api, 0, 2)

    def upload(headers: dict[str, str]) -> Response:
        params = {"controller": controller}
        return api.client.post("/v1/batches", params=params, content=people, headers=once(headers))

    keys = [api.key(Role.OPERATOR) for _ in range(SLOTS + 1)]
    with ThreadPoolExecutor() as pool:
        with held(monkeypatch, planner, "create_plan", SLOTS) as there:
            first: Future[Response] = pool.submit(upload, keys[0])
            assert there.acquire(timeout=SOON)
            assert refused(upload(keys[0]))
            second = pool.submit(upload, keys[1])
            assert there.acquire(timeout=SOON)
            assert refused(upload(keys[2]))
            assert api.client.get("/v1/batches", headers=keys[0]).status_code == 200
        assert (first.result(SOON).status_code, second.result(SOON).status_code) == (201, 201)
    assert [upload(one).status_code for one in keys] == [201] * (SLOTS + 1)


def test_a_client_has_one_however_many_keys_it_has(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, people = listed(api, 2, 1)

    def upload(headers: dict[str, str]) -> Response:
        params = {"controller": controller}
        return api.client.post("/v1/batches", params=params, content=people, headers=once(headers))

    first, second = (api.key(Role.OPERATOR, controllers=(controller,)) for _ in range(2))
    with ThreadPoolExecutor() as pool, held(monkeypatch, planner, "create_plan", 2) as there:
        waiting = [pool.submit(upload, first)]
        assert there.acquire(timeout=SOON)
        assert refused(upload(second))
        waiting.append(pool.submit(upload, api.key(Role.OPERATOR)))
        assert there.acquire(timeout=SOON)
    assert [one.result(SOON).status_code for one in waiting] == [201, 201]
    assert upload(second).status_code == 201


def test_keys_with_a_client_in_common_are_one_clients(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who speaks for several has no further slot with a key for some of them; who speaks for the kind is another."""
    controller, people = listed(api, 2, 1)

    def upload(headers: dict[str, str]) -> Response:
        params = {"controller": controller}
        return api.client.post("/v1/batches", params=params, content=people, headers=once(headers))

    some = [(controller, "client:998"), (controller, "client:998", "client:999"), (controller,)]
    first, *others = (api.key(Role.OPERATOR, controllers=one) for one in some)
    with ThreadPoolExecutor() as pool, held(monkeypatch, planner, "create_plan", 2) as there:
        waiting = [pool.submit(upload, first)]
        assert there.acquire(timeout=SOON)
        assert [refused(upload(one)) for one in others] == [True, True]
        waiting.append(pool.submit(upload, api.key(Role.OPERATOR, controllers=("client",))))
        assert there.acquire(timeout=SOON)
    assert [one.result(SOON).status_code for one in waiting] == [201, 201]
    assert [upload(one).status_code for one in others] == [201, 201]


def test_a_list_is_not_put_together_in_memory(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, people = listed(api, 3, 1)
    key = api.key(Role.OPERATOR)
    monkeypatch.setattr(Request, "body", None)
    answer = api.client.post("/v1/batches", params={"controller": controller}, content=people, headers=once(key))
    assert answer.status_code == 201, answer.text


def test_a_refused_list_gives_its_slot_back(api: ApiHarness) -> None:
    key = api.key(Role.OPERATOR)
    for content in ("", "nobody\n1\n", "caller_id\n", "caller_id\nx\n"):
        params = {"controller": "client:42"}
        answer = api.client.post("/v1/batches", params=params, content=content, headers=once(key))
        assert answer.status_code == 422, answer.text


def test_a_client_locates_one_person_at_a_time(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each searches every store: sixty at once kept everybody's other calls waiting."""
    controller, others = "client:42", "client:43"

    def locates(headers: dict[str, str], whose: str = controller) -> Response:
        sought = {"controller": whose, "identifiers": {"caller_id": "1000000001"}}
        return api.client.post("/v1/locate", json=sought, headers=headers)

    first, second = (api.key(Role.OPERATOR, controllers=(controller,)) for _ in range(2))
    another, staff = api.key(Role.OPERATOR, controllers=(others,)), api.key(Role.OPERATOR)
    with ThreadPoolExecutor() as pool, held(monkeypatch, locate_route, "locate", SLOTS) as there:
        waiting = [pool.submit(locates, first)]
        assert there.acquire(timeout=SOON)
        for key in (first, second):
            assert refused(locates(key), "too-many-locates")
        waiting.append(pool.submit(locates, another, others))
        assert there.acquire(timeout=SOON)
        assert refused(locates(staff), "too-many-locates"), "as many as there are slots"
        assert api.client.get("/v1/batches", headers=first).status_code == 200
        upload = api.client.post(
            "/v1/batches", params={"controller": controller}, content="caller_id\n1000000001\n", headers=once(first)
        )
        assert upload.status_code == 201, "another kind of call"
    assert [one.result(SOON).status_code for one in waiting] == [200, 200]
    assert locates(second).status_code == 200
    unusable = api.client.post("/v1/locate", json={"controller": controller}, headers=first)
    assert unusable.status_code == 422
    assert locates(first).status_code == 200, "a refused call gives its slot back"


def refused(answer: Response, word: str = "too-many-uploads") -> bool:
    assert answer.json()["type"].rsplit("/", 1)[1] == word
    return answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


def test_health_is_answered_while_all_threads_are_taken(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all connections of the ledger's pool."""
    number = 60
    keys = [api.key(Role.OPERATOR) for _ in range(number // TURNS)]
    with ThreadPoolExecutor(number + 2) as pool:
        with held(monkeypatch, batches, "list_page", number) as there:
            waiting = [pool.submit(api.client.get, "/v1/batches", headers=key) for key in keys * TURNS]
            for _ in range(16):
                assert there.acquire(timeout=SOON)
            for path, said in (("/healthz", "ok\n"), ("/readyz", "ready\n")) * 3:
                assert pool.submit(api.client.get, path).result(SOON).text == said
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}


def test_a_few_calls_of_one_caller_are_at_work(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of the caller wait, and nobody else does; all are answered."""
    key, another, number = api.key(Role.OPERATOR), api.key(Role.OPERATOR), 60
    with ThreadPoolExecutor(number + 2) as pool:
        with held(monkeypatch, batches, "list_page", number) as there:
            waiting = [pool.submit(api.client.get, "/v1/batches", headers=key) for _ in range(number)]
            for _ in range(TURNS):
                assert there.acquire(timeout=SOON)
            answer = pool.submit(api.client.get, "/v1/erasure_requests", headers=another)
            assert answer.result(SOON).status_code == 200
            assert not there.acquire(timeout=0.2), "no more than these"
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}


def test_a_few_calls_of_one_client_are_at_work_however_many_keys_it_has(
    api: ApiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [api.key(Role.OPERATOR, controllers=("client:42",)) for _ in range(TURNS_OF_CLIENT + 4)]
    another = api.key(Role.OPERATOR, controllers=("client:43",))
    with ThreadPoolExecutor(len(keys) + 2) as pool:
        with held(monkeypatch, batches, "list_page", len(keys)) as there:
            waiting = [pool.submit(api.client.get, "/v1/batches", headers=key) for key in keys]
            for _ in range(TURNS_OF_CLIENT):
                assert there.acquire(timeout=SOON)
            answer = pool.submit(api.client.get, "/v1/erasure_requests", headers=another)
            assert answer.result(SOON).status_code == 200
            assert not there.acquire(timeout=0.2), "no more than these"
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}


def test_keys_with_a_client_in_common_wait_for_each_other(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agency with keys for each set of its clients had as many lines as there are sets."""
    sets = [
        ("client:45",),
        ("client:45", "client:46"),
        ("client:44", "client:45"),
        ("client:44", "client:45", "client:46"),
    ]
    keys = [api.key(Role.OPERATOR, controllers=one) for one in sets for _ in range(3)]
    others = [api.key(Role.OPERATOR, controllers=one) for one in (("client:43",), ("client",))]
    with ThreadPoolExecutor(len(keys) + 2) as pool:
        with held(monkeypatch, batches, "list_page", len(keys)) as there:
            waiting = [pool.submit(api.client.get, "/v1/batches", headers=key) for key in keys]
            for _ in range(TURNS_OF_CLIENT):
                assert there.acquire(timeout=SOON)
            for another in others:
                answer = pool.submit(api.client.get, "/v1/erasure_requests", headers=another)
                assert answer.result(SOON).status_code == 200
            assert not there.acquire(timeout=0.2), "no more than these"
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}


def test_a_few_refused_calls_of_one_caller_are_at_work(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """For lack of a role, too: each is written to the audit trail."""
    key, another, number = api.key(Role.REQUESTER), api.key(Role.OPERATOR), 20
    with ThreadPoolExecutor(number + 2) as pool:
        with held(monkeypatch, call_context, "_record_refusal", number) as there:
            waiting = [pool.submit(api.client.get, "/v1/audit_log", headers=key) for _ in range(number)]
            for _ in range(TURNS):
                assert there.acquire(timeout=SOON)
            answer = pool.submit(api.client.get, "/v1/erasure_requests", headers=another)
            assert answer.result(SOON).status_code == 200
            assert not there.acquire(timeout=0.2), "no more than these"
        assert {one.result(10 * SOON).status_code for one in waiting} == {403}


def test_public_calls_of_one_address_wait_for_each_other(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    number, key = 20, api.key(Role.OPERATOR)
    app = api.client.app
    assert isinstance(app, FastAPI)
    with ThreadPoolExecutor(number + 3) as pool:
        with held(monkeypatch, receipt_export, "trust_file", number + 1) as there:
            waiting = [pool.submit(api.client.get, "/v1/trust") for _ in range(number)]
            for _ in range(TURNS_OF_ADDRESS):
                assert there.acquire(timeout=SOON)
            assert api.client.get("/v1/batches", headers=key).status_code == 200
            assert api.client.get("/healthz").text == "ok\n"
            assert not there.acquire(timeout=0.2), "no more than these"
            waiting.append(pool.submit(TestClient(app, client=("192.0.2.9", 1)).get, "/v1/trust"))
            assert there.acquire(timeout=SOON), "of another address"
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}


def test_whatever_needs_no_credential_and_takes_a_thread_waits_in_a_line() -> None:
    with_turn = {route.path for router in ROUTERS for route in router.routes if isinstance(route, InAddressTurn)}
    assert with_turn >= {"/v1/trust", "/v1/log/checkpoint", "/v1/log/{tile:path}"}
    for route in (one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)):
        names = {parameter for parameter in signature(route.endpoint).parameters if parameter == "call"}
        assert names or isinstance(route, InAddressTurn) or iscoroutinefunction(route.endpoint), route.path


def test_the_metrics_are_made_once_for_all_who_ask_meanwhile(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once filled the same gauges, and told what was not so."""
    monkeypatch.setattr(metrics, "GOOD_FOR", 600.0)
    number = 20
    with ThreadPoolExecutor(number) as pool:
        with held(monkeypatch, requests, "count_by_state", number) as there:
            waiting = [pool.submit(api.client.get, "/metrics") for _ in range(number)]
            assert there.acquire(timeout=SOON)
            assert not there.acquire(timeout=0.2), "once"
        [told] = {one.result(SOON).text for one in waiting}
        with held(monkeypatch, requests, "count_by_state", number) as there:
            assert api.client.get("/metrics").text == told, "of a moment ago"
            assert not there.acquire(timeout=0)
    assert "expunge_requests_due" in told
    assert "expunge_api_calls" in told


def test_half_a_list_holds_a_slot_of_its_own(calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path) -> None:
    """Over a connection: the rest of the list is not waited for by whoever is refused."""
    with served(calltrack, fork_server, tmp_path, UPLOADS="2") as server, ExitStack() as stack:
        halves = [stack.enter_context(server.connected()) for _ in range(3)]
        for one in halves:
            one.sendall(head_of(server, "operator", 1000) + b"caller_id\n")
            answers = server.call("GET", "/v1/batches", server.key("operator"))
            assert answers.status == 200
        answer = read(halves[1])
        assert (answer.status, json.loads(answer.body)["type"].rsplit("/", 1)[1]) == (429, "too-many-uploads")
        other = stack.enter_context(server.connected())
        other.sendall(head_of(server, "requester", 10) + b"caller_id\n")
        assert read(other).status == 422


def test_a_list_that_trickles_gives_its_slot_to_another_one(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Once it has taken as long as a call may take; its sender is told."""
    with served(calltrack, fork_server, tmp_path, UPLOADS="1", CALL_TIMEOUT="PT10S") as server, ExitStack() as stack:
        half = stack.enter_context(server.connected())
        half.sendall(head_of(server, "operator", 10**7) + b"caller_id\n" + b"\n" * 5_000_000)  # five minutes' share
        assert server.call("GET", "/v1/batches", server.key("operator")).status == 200
        statuses = []
        for _ in range(60):  # a second each: a refusal is held back
            other = stack.enter_context(server.connected())
            other.sendall(head_of(server, "requester", 10) + b"caller_id\n")
            statuses.append(read(other).status)
            if statuses[-1] != 429:
                break
        assert (statuses[0], statuses[-1]) == (429, 422)
        assert read(half).status == 503
        other = stack.enter_context(server.connected())
        other.sendall(head_of(server, "operator", 10) + b"caller_id\n")
        assert read(other).status == 422


def test_a_list_that_is_there_keeps_its_slot() -> None:
    """However long its plan takes; and so does one that has not been coming for long."""

    async def scene() -> None:
        slots = upload_slots(1, patience=0.0)
        with slots.taken(frozenset("a")) as slot:
            await asyncio.sleep(0.01)
            with pytest.raises(ProblemError), slots.taken(frozenset("b")):
                pass
            with slot.coming():
                with pytest.raises(ProblemError), slots.taken(frozenset("a")):
                    pass
                with pytest.raises(ProblemError), replace(slots, patience=60.0).taken(frozenset("b")):
                    pass
        with slots.taken(frozenset("b")):
            pass

    asyncio.run(scene())


def head_of(server: ApiProcess, role: str, length: int) -> bytes:
    told = {**once(server.key(role)), "Content-Type": "text/csv", "Content-Length": str(length), "Host": "x"}
    lines = [f"{name}: {value}" for name, value in told.items()]
    return "\r\n".join(["POST /v1/batches?controller=client:42 HTTP/1.1", *lines, "", ""]).encode()


def test_who_is_not_known_yet_is_not_refused_for_others_of_the_address(api: ApiHarness) -> None:
    """150 wrong keys at once had 429 told to the 151st, which was good. Without a credential it is 429."""
    assert isinstance(api.client.app, FastAPI)
    state, number = api.client.app.state, 3 * LINE

    async def refused_of(turns: AddressTurns) -> int:
        async def call() -> None:
            async with turns.taken("192.0.2.7"):
                await asyncio.sleep(0)

        return sum(
            one is not None for one in await asyncio.gather(*(call() for _ in range(number)), return_exceptions=True)
        )

    assert asyncio.run(refused_of(state.lookups)) == 0
    assert asyncio.run(refused_of(state.public_turns)) == number - LINE - TURNS_OF_ADDRESS


def test_streams_share_their_first_look(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of a batch at rest is nothing but that look: ten of an actor would come again and again."""
    key, another = api.key(Role.OPERATOR), api.key(Role.OPERATOR)
    controller, people = listed(api, 4, 2)
    headers = {**once(key), "Content-Type": "text/csv"}
    made = api.client.post("/v1/batches", params={"controller": controller}, content=people, headers=headers).json()
    number = batch_watches.MOST
    with ThreadPoolExecutor(number + 2) as pool:
        with held(monkeypatch, batches_route, "_progress", number) as there:
            path = f"/v1/batches/{made['id']}/events"
            waiting = [pool.submit(api.client.get, path, headers=key) for _ in range(number)]
            assert there.acquire(timeout=SOON)
            answer = pool.submit(api.client.get, "/v1/erasure_requests", headers=another)
            assert answer.result(SOON).status_code == 200
            assert not there.acquire(timeout=0.2), "one thread for all of them"
        assert {one.result(10 * SOON).status_code for one in waiting} == {200}
