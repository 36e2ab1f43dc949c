"""Watching a batch over a socket: it ends, also where nobody works on the batch, and goes on where it ended."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock, create_autospec

import pytest
import uvicorn
from tests.support.api import ApiHarness, listed, once, open_api
from tests.support.installation import CompanyStack

from expunge_connectors.contract import Scope
from expunge_orchestrator.api import batch_watches, event_stream
from expunge_orchestrator.api.answer_streams import Listener
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.routes import batches as batches_routes
from expunge_orchestrator.api.schemas.batches import Batch
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading

Event = dict[str, str]


@contextmanager
def listening(api: ApiHarness) -> Iterator[str]:
    """The API of this installation on a socket, without a worker."""
    server = uvicorn.Server(
        uvicorn.Config(
            build(build_state(api.installation.workspace, api.clock)), port=0, log_level="error", access_log=False
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)


def begun(api: ApiHarness, first: int) -> str:
    """A batch that is begun, and on which nobody works."""
    operator = api.key(Role.OPERATOR)
    controller, text = listed(api, first, 1)
    headers = {**once(operator), "Content-Type": "text/csv"}
    made = api.client.post("/v1/batches", params={"controller": controller}, content=text, headers=headers).json()
    with reading(api.installation.workspace.ledger) as connection:
        batch = batch_by_uid(connection, made["id"])
    batch_lifecycle.start(api.installation.workspace, batch)
    return batch.uid


def watched(client: str, api: ApiHarness, uid: str, last: str | None = None) -> tuple[int, list[Event]]:
    """Status and the blocks of one answer, read to its end."""
    headers = {**api.key(Role.OPERATOR), **({} if last is None else {"Last-Event-ID": last})}
    asked = urllib.request.Request(f"{client}/v1/batches/{uid}/events", headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        text = answer.read().decode()
    blocks = []
    for block in text.split("\n\n")[:-1]:
        parts = (line.partition(":") for line in block.split("\n"))
        blocks.append({name or "comment": value.strip() for name, _, value in parts})
    return answer.status, blocks


def test_without_a_worker_it_ends_and_goes_on_where_it_ended(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "BEAT", 0.3)
    monkeypatch.setattr(batch_watches, "EVERY", 0.1)
    with open_api(calltrack, tmp_path, api={"events_for": timedelta(seconds=1)}) as api, listening(api) as client:
        uid = begun(api, 20)
        status, first = watched(client, api, uid)
        assert (status, first[0]) == (200, {"retry": str(event_stream.AGAIN_MS)})
        progress = [one for one in first if one.get("event") == "progress"]
        assert len(progress) == 1, "nothing changed after it"
        assert json.loads(progress[0]["data"])["state"] == "executing"
        assert {"comment": "still here"} in first, "a silent connection is kept open"
        assert not any(one.get("event") == "end" for one in first)
        _, second = watched(client, api, uid, progress[0]["id"])
        assert not any("data" in one for one in second), "what the client has is not told again"
        api.work()
        _, third = watched(client, api, uid, progress[0]["id"])
        assert [one["event"] for one in third if "event" in one] == ["end"]
        assert json.loads(third[-1]["data"])["state"] == "erased"
        assert watched(client, api, uid, third[-1]["id"]) == (204, []), "nobody comes again for nothing"
        _, unknown = watched(client, api, uid, "of-another-time")
        assert unknown[-1]["event"] == "end"


CONTROLLER = Scope("client:1")


def progress(name: object) -> batch_watches.Progress:
    return batch_watches.Progress(CONTROLLER, "{}", str(name), runs=True)


def test_all_who_watch_share_one_look() -> None:
    """Also where one of them goes; and what was seen when nobody watched is not kept."""
    looks = 0

    def ask() -> batch_watches.Progress:
        nonlocal looks
        looks += 1
        return progress(looks)

    async def watch() -> None:
        watches, watched = batch_watches.BatchWatches(), partial(batch_watches.WatchedBatch, ask, lambda: False)
        with ExitStack() as stack:
            batches = [
                stack.enter_context(watches.watching(f"ak_{number % 60}", "bt_1", watched)) for number in range(600)
            ]
            first, *others = [asyncio.create_task(batch.look()) for batch in batches]
            await asyncio.sleep(0)
            first.cancel()
            assert {seen.name for seen in await asyncio.gather(*others)} == {"2"}, "they came after it began"
            assert (await batches[0].look()).name == "3", "one that has ended is older than who asks now"
            with watches.watching("ak_60", "bt_2", watched) as other:
                assert (await other.look()).name == "4"
        with watches.watching("ak_1", "bt_1", watched) as again:
            assert again.newest is None

    asyncio.run(watch())


@dataclass
class Sleeper:
    """A watch that sleeps for a minute at the most."""

    batch: batch_watches.WatchedBatch
    slept: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(60) as patience:
                with self.batch.waking(patience):
                    self.slept.set()
                    await asyncio.Event().wait()


@pytest.mark.parametrize("what", ["changes", "fails", "ends"])
def test_watches_sleep_until_there_is_something_to_say(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_watches, "EVERY", 0.01)
    looks, looked, happens = 0, threading.Semaphore(0), False

    def ask() -> batch_watches.Progress:
        nonlocal looks
        looks += 1
        looked.release()
        if happens and what == "fails":
            raise ConnectionError
        return progress(happens and what)

    async def watch() -> None:
        nonlocal happens
        watched = partial(batch_watches.WatchedBatch, ask, lambda: happens and what == "ends")
        with batch_watches.BatchWatches().watching("ak_1", "bt_1", watched) as batch:
            await batch.look()
            sleepers = [Sleeper(batch) for _ in range(3)]
            asleep = [asyncio.create_task(one.sleep()) for one in sleepers]
            for one in sleepers:
                await one.slept.wait()
            for _ in range(4):
                assert await asyncio.to_thread(looked.acquire, timeout=60)
            assert not any(one.done() for one in asleep), "nothing happened, and a watch woke"
            happens = True
            async with asyncio.timeout(30):
                await asyncio.gather(*asleep)
            assert isinstance(batch.failed, ConnectionError) == (what == "fails")
        seen = looks
        await asyncio.sleep(0.05)
        assert looks == seen, "nobody watches, and the ledger is asked"

    asyncio.run(watch())


def test_a_change_that_a_newcomer_sees_first_wakes_the_others() -> None:
    """With hundreds who come again every few minutes nearly every change is seen so."""
    name = "before"

    async def watch() -> None:
        nonlocal name
        batch = batch_watches.WatchedBatch(lambda: progress(name), lambda: False)
        await batch.look()
        sleeper = Sleeper(batch)
        asleep = asyncio.create_task(sleeper.sleep())
        await sleeper.slept.wait()
        name = "after"
        await batch.look()
        async with asyncio.timeout(batch_watches.EVERY / 5):
            await asleep
        batch.left()

    asyncio.run(watch())


def test_a_look_that_succeeds_again_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_watches, "EVERY", 0.01)
    broken, number = True, 0

    def ask() -> batch_watches.Progress:
        nonlocal number
        number += 1
        if broken:
            raise ConnectionError
        return progress(number)

    async def watch() -> None:
        nonlocal broken
        watched = partial(batch_watches.WatchedBatch, ask, lambda: False)
        with batch_watches.BatchWatches().watching("ak_1", "bt_1", watched) as batch:
            with pytest.raises(ConnectionError):
                await batch.look()
            await Sleeper(batch).sleep()  # is woken at once: there is something to say
            broken = False
            await batch.look()
            assert batch.failed is None
            async with asyncio.timeout(30):
                await Sleeper(batch).sleep()

    asyncio.run(watch())


class SlowReader:
    """A client that takes a comment so late that the batch has changed meanwhile, and leaves when it knows of that."""

    def __init__(self, batch: batch_watches.WatchedBatch) -> None:
        self.batch = batch
        self.steps: list[str] = []

    async def tell(self, text: str) -> None:
        self.steps.append(text)
        if text.startswith(":"):
            await self.batch.look()

    async def leaves_within(self, _seconds: float, _waking: object) -> bool:
        await asyncio.sleep(0.01)
        self.steps.append("sleeps")
        return any("after" in step for step in self.steps)


def test_a_change_beside_a_comment_is_told_before_the_next_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody slept who could have been woken by it, and the next sleep lasts until the next comment."""
    monkeypatch.setattr(event_stream, "BEAT", 0.05)
    name = "before"

    async def watch() -> list[str]:
        nonlocal name
        batch = batch_watches.WatchedBatch(lambda: progress(name), lambda: False)
        stream = event_stream.BatchEventStream(await batch.look(), batch, lambda: False, 60)
        name, reader = "after", SlowReader(batch)
        await stream.send_to(cast("Listener", reader))
        return reader.steps

    steps = asyncio.run(watch())
    assert steps[steps.index(": still here\n\n") + 1].startswith("id: after\n")


def test_what_all_are_told_is_written_once(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each look at the ledger, not for each who watches: there may be hundreds."""
    written = create_autospec(Batch.model_dump_json, side_effect=Batch.model_dump_json)
    looks = Mock(side_effect=batches_routes.shown)
    monkeypatch.setattr(Batch, "model_dump_json", written)
    monkeypatch.setattr(batches_routes, "shown", looks)
    monkeypatch.setattr(batch_watches, "EVERY", 0.1)
    with open_api(calltrack, tmp_path, api={"events_for": timedelta(seconds=1)}) as api, listening(api) as client:
        uid = begun(api, 28)
        with ThreadPoolExecutor() as pool:
            assert {status for status, _ in pool.map(lambda _: watched(client, api, uid), range(8))} == {200}
    assert looks.call_count > 2
    assert written.call_count <= looks.call_count


def test_a_shared_look_is_newer_than_what_its_watcher_has_seen() -> None:
    """One that began before is slow: a batch that runs was paused for whoever had just resumed it."""
    state, seen, answer = "paused", threading.Semaphore(0), threading.Semaphore(0)
    asking, most = 0, 0

    def ask() -> batch_watches.Progress:
        nonlocal asking, most
        asking += 1
        most, found = max(most, asking), state
        seen.release()
        assert answer.acquire(timeout=60)
        asking -= 1
        return progress(found)

    async def watch() -> None:
        nonlocal state
        batch = batch_watches.WatchedBatch(ask, lambda: False)
        old = asyncio.create_task(batch.look())
        assert await asyncio.to_thread(seen.acquire, timeout=60)
        state = "running"
        new = [asyncio.create_task(batch.look()) for _ in range(3)]
        await asyncio.sleep(0)
        new[0].cancel()  # who goes meanwhile ends nothing for the others
        answer.release()
        assert (await old).name == "paused"
        assert await asyncio.to_thread(seen.acquire, timeout=60)
        answer.release()
        assert [one.name for one in await asyncio.gather(*new[1:])] == ["running"] * 2
        assert not seen.acquire(blocking=False), "they share one look"
        assert most == 1, "a slow ledger is not asked for one batch twice at a time"

    asyncio.run(watch())


def test_an_actor_watches_few_batches_at_a_time(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_watches, "MOST", 2)
    with open_api(calltrack, tmp_path) as api, listening(api) as client, ExitStack() as stack:
        uid, key, other = begun(api, 24), api.key(Role.OPERATOR), api.key(Role.OPERATOR)

        def opened(headers: dict[str, str]) -> Any:
            asked = urllib.request.Request(f"{client}/v1/batches/{uid}/events", headers=headers)
            return stack.enter_context(urllib.request.urlopen(asked, timeout=60))

        watching = [opened(key) for _ in range(2)]
        with pytest.raises(urllib.error.HTTPError) as refused:
            opened(key)
        with refused.value as answer:
            assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (429, True)
            assert json.load(answer)["type"].endswith("/too-many-watches")
        assert opened(other).status == 200
        watching[0].close()
        deadline = time.monotonic() + 60
        while True:
            try:
                assert opened(key).status == 200
                break
            except urllib.error.HTTPError as still:
                still.close()
                assert time.monotonic() < deadline, "a watch that ended still counts"
                time.sleep(0.1)


def test_a_watch_keeps_little_of_its_call(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each object that is kept makes a full garbage collection longer, which stops the calls of everybody."""
    number = 50
    monkeypatch.setattr(batch_watches, "MOST", number + 1)
    with open_api(calltrack, tmp_path) as api, listening(api) as client, ExitStack() as stack:
        uid, key = begun(api, 26), api.key(Role.OPERATOR)["Authorization"]
        address = urllib.parse.urlsplit(client)
        asked = f"GET /v1/batches/{uid}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n".encode()

        def opened() -> socket.socket:
            one = stack.enter_context(socket.create_connection((address.hostname, address.port), 60))
            one.sendall(asked)
            came = b""
            while b"event: progress" not in came:
                came += one.recv(65536)
            return one

        opened()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(number):
            opened()
        gc.collect()
        assert (len(gc.get_objects()) - before) / number < 110
