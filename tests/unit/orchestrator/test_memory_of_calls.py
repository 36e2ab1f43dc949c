"""What a call brought goes with it, before any garbage collection: a visitor decides how much there is of it."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_orchestrator.api.connection_limits import ConnectionLimits
from expunge_orchestrator.api.http_protocol import HttpProtocol, http_protocol

SOON = 5.0
BODY = b"a" * 60_000
CALL = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Application:
    """Refuses unread, or once it is let go on."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked += 1
        while not self.go_on.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@contextmanager
def served(application: Application) -> Iterator[uvicorn.Server]:
    protocol = http_protocol(SOON, ConnectionLimits(100, 100))
    config = uvicorn.Config(application, port=0, http=protocol, ws="none", lifespan="off", log_level="critical")
    made = uvicorn.Server(config)
    running = threading.Thread(target=made.run)
    running.start()
    try:
        until(lambda: made.started)
        yield made
    finally:
        application.go_on.set()
        made.should_exit = True
        running.join()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept(kind: type) -> int:
    return sum(1 for one in gc.get_objects() if type(one) is kind or kind in type(one).__mro__)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("calls", [1, 2], ids=["one", "another behind it"])
def test_a_connection_that_ended_leaves_nothing(calls: int, *, reset: bool) -> None:
    application = Application()
    with served(application) as server:
        cycles, protocols = kept(RequestResponseCycle), kept(HttpProtocol)
        for _ in range(5):
            application.asked = 0
            application.go_on.clear()
            with connected(server) as visitor:
                visitor.sendall(CALL * calls)
                until(lambda: application.asked > 0)
                if reset:
                    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if calls == 1:  # nothing is read while another call waits: that connection ends after the answer
                until(lambda: not server.server_state.connections)
            application.go_on.set()
            until(lambda: not server.server_state.connections and not server.server_state.tasks)
        until(lambda: (kept(RequestResponseCycle), kept(HttpProtocol)) == (cycles, protocols))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHo"], ids=["nothing sent", "half a head"])
def test_a_connection_without_a_call_leaves_nothing(head: bytes) -> None:
    with served(Application()) as server:
        transports, protocols = kept(asyncio.Transport), kept(HttpProtocol)
        for _ in range(5):
            with connected(server) as visitor:
                visitor.sendall(head)
                until(lambda: bool(server.server_state.connections))
            until(lambda: not server.server_state.connections)
        until(lambda: (kept(asyncio.Transport), kept(HttpProtocol)) == (transports, protocols))


@pytest.mark.usefixtures("no_collector")
def test_a_connection_that_stays_keeps_no_body() -> None:
    application = Application()
    with served(application) as server:
        before = kept(RequestResponseCycle)
        with connected(server) as visitor:
            for _ in range(5):
                visitor.sendall(CALL)
                assert visitor.recv(1000).startswith(b"HTTP/1.1 401")
            until(lambda: not server.server_state.tasks)
            assert not any(one.body for one in gc.get_objects() if type(one) is RequestResponseCycle)
            assert kept(RequestResponseCycle) == before + 1, "the last one"


def connected(server: uvicorn.Server) -> socket.socket:
    return socket.create_connection((LOOPBACK, server.servers[0].sockets[0].getsockname()[1]), SOON)


def until(true: Callable[[], bool]) -> None:
    """Wait."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
