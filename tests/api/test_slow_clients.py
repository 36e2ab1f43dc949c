"""Whoever takes an answer slowly gets all of it; whoever takes nothing is let go, also when nothing more is to come."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_orchestrator.api.connection_limits import ConnectionLimits
from expunge_orchestrator.api.http_protocol import http_protocol

PATIENCE = 1.0
SOON = 20.0
ANSWER = 16 * 2**20
"""Bytes: several times what the kernel keeps of an answer for somebody who does not read."""

LAST = "Connection: close\r\n"


async def generous(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with much of nothing."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % ANSWER)]})
    await send({"type": "http.response.body", "body": bytes(ANSWER)})


@pytest.fixture(scope="module")
def accepted() -> list[object]:
    """A connection each that the server accepted so far."""
    return []


@pytest.fixture(scope="module")
def server(accepted: list[object]) -> Iterator[uvicorn.Server]:
    protocol = http_protocol(PATIENCE, ConnectionLimits(100, 100))

    class Noting(protocol):  # type: ignore[valid-type, misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            accepted.append(transport)
            super().connection_made(transport)

    config = uvicorn.Config(
        generous,
        port=0,
        http=Noting,
        ws="none",
        lifespan="off",
        log_level="error",
        timeout_keep_alive=1,
    )
    made = uvicorn.Server(config)
    running = threading.Thread(target=made.run)
    running.start()
    until(lambda: made.started)
    yield made
    made.should_exit = True
    running.join()


def test_whoever_takes_it_slowly_gets_all_of_it(server: uvicorn.Server) -> None:
    """Several times as long as nothing would be waited for."""
    with asking(server, LAST) as reader:
        got, began = 0, time.monotonic()
        while more := reader.recv(2**18):
            got += len(more)
            if time.monotonic() - began < 3 * PATIENCE:
                time.sleep(3 * PATIENCE * len(more) / ANSWER)
        assert time.monotonic() - began > 2 * PATIENCE, "it was not slow"
        assert got > ANSWER


@pytest.mark.parametrize(
    ("last", "calls"),
    [("", 1), (LAST, 1), ("", 20)],
    ids=["more to come", "the last", "many at once"],
)
def test_whoever_takes_nothing_is_let_go(server: uvicorn.Server, accepted: list[object], last: str, calls: int) -> None:
    """Of many calls at once the third is refused: that connection may be gone before anybody looks."""
    before = len(accepted)
    with asking(server, last, calls):
        until(lambda: len(accepted) > before)
        until(lambda: not server.server_state.connections)


def asking(server: uvicorn.Server, last: str, calls: int = 1) -> socket.socket:
    """A connection on which this was asked for."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(SOON)
    reader.connect((LOOPBACK, server.servers[0].sockets[0].getsockname()[1]))
    reader.sendall(calls * f"GET / HTTP/1.1\r\nHost: x\r\n{last}\r\n".encode())
    return reader


def until(true: Callable[[], bool]) -> None:
    """Wait."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
