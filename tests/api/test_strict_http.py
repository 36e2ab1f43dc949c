"""What is no HTTP/1.1 to the letter is no call, and connections are bounded in number, in all and by address."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext, suppress

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from expunge_config.api_settings import ApiSettings
from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_orchestrator.api.answer_streams import Listener
from expunge_orchestrator.api.http_protocol import LONGEST_HEAD, LONGEST_REST, LONGEST_TARGET
from expunge_orchestrator.api.waiting_calls import hold_back, in_line
from expunge_orchestrator.cli.serve import configured

SOON = 20.0
MUCH = 64 * 2**20
HOST = b"Host: x\r\n"
POST = b"POST /a HTTP/1.1\r\n" + HOST
UPGRADE = HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
SMUGGLED = b"0\r\n\r\n" + HIDDEN


HOLDING: list[Scope] = []
RELEASED = threading.Event()
"""Until it is set, calls of `/held` are at work."""

WAITING: dict[str, list[Scope]] = {"/held-back": [], "/watches": [], "/in-line": [], "/turn": []}
"""Calls whose refusal waits, which watch, whose turn never comes, and which have one."""


@asynccontextmanager
async def never() -> AsyncIterator[None]:
    await asyncio.Event().wait()
    yield


async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait as the path says."""
    here = WAITING[scope["path"]]
    here.append(scope)
    try:
        if scope["path"] == "/held-back":
            await hold_back(scope, 10 * SOON)
        elif scope["path"] == "/watches":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await Listener(receive, send, scope).leaves_within(10 * SOON, lambda _: nullcontext())
        else:
            async with in_line(scope, nullcontext() if scope["path"] == "/turn" else never()):
                await asyncio.to_thread(RELEASED.wait)
    finally:
        here.remove(scope)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was read."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    if scope["path"] == "/refused":
        await send({"type": "http.response.start", "status": 429, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
        return
    if scope["path"] in WAITING:
        try:
            await wait(scope, receive, send)
        except asyncio.CancelledError:
            return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    if scope["path"] == "/held":
        HOLDING.append(scope)
        await asyncio.to_thread(RELEASED.wait)
    while more:
        message: Message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = (
        f"{scope['method']} {scope['path']} [{body.decode()}] {sorted(name for name, _ in scope['headers'])}".encode()
    )
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


@contextmanager
def serving(**settings: object) -> Iterator[uvicorn.Server]:
    config = configured(echo, LOOPBACK, 0, ApiSettings.model_validate(settings))
    made = uvicorn.Server(config)
    running = threading.Thread(target=made.run)
    running.start()
    try:
        until(lambda: made.started)
        yield made
    finally:
        made.should_exit = True
        running.join()


@pytest.fixture(scope="module")
def server() -> Iterator[uvicorn.Server]:
    with serving() as made:
        yield made


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def connected(server: uvicorn.Server, address: str = LOOPBACK) -> socket.socket:
    made = socket.socket()
    made.settimeout(SOON)
    made.bind((address, 0))
    made.connect((LOOPBACK, server.servers[0].sockets[0].getsockname()[1]))
    return made


def told(server: uvicorn.Server, *pieces: bytes) -> bytes:
    """All that comes until the server closes."""
    with connected(server) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
        got = b""
        try:
            while more := connection.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        return got


@contextmanager
def held() -> Iterator[None]:
    RELEASED.clear()
    try:
        yield
    finally:
        RELEASED.set()


def at_work(connection: socket.socket) -> socket.socket:
    """A call is at work on it."""
    before = len(HOLDING)
    connection.sendall(b"GET /held HTTP/1.1\r\n" + HOST + b"\r\n")
    until(lambda: len(HOLDING) > before)
    return connection


def answered(connection: socket.socket, path: bytes = b"/a") -> bool:
    """Whether a call is answered there, rather than the connection ended."""
    try:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        return b"[]" in read(connection)
    except ConnectionError:
        return False


def gone(connection: socket.socket) -> bool:
    """Whether it ended, sooner or later."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def read(connection: socket.socket) -> bytes:
    """An answer, or nothing."""
    got = b""
    while b"] [" not in got and (more := connection.recv(65536)):
        got += more
    return got


NO_CALL = {
    "two lengths": POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "two lengths, the other first": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + SMUGGLED,
    "two that differ": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhix",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\nhi",
    "a signed length": POST + b"Content-Length: +2\r\n\r\nhi",
    "a length beyond counting": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "lines that end in LF": b"GET /a HTTP/1.1\nHost: x\n\n",
    "one line that ends in LF": b"GET /a HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
    "pieces whose lines end in LF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n",
    "pieces that end in LF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\n0\r\n\r\n",
    "a signed piece": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n",
    "another coding after chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": b"POST /a HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "an upgrade with a length": b"POST /a HTTP/1.1\r\n"
    + UPGRADE
    + b"Content-Length: %d\r\n\r\n" % len(HIDDEN)
    + HIDDEN,
    "an upgrade in pieces": b"POST /a HTTP/1.1\r\n"
    + UPGRADE
    + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(HIDDEN)
    + HIDDEN
    + b"\r\n0\r\n\r\n",
    "an upgrade to anything, of an older version": b"POST /a HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n"
    + b"Content-Length: %d\r\n\r\n" % len(HIDDEN)
    + HIDDEN,
    "a blank before the colon": b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n",
    "a folded line": b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "a CR in a line": b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
    "a NUL in a line": b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    **{
        f"{name.decode()} twice": b"GET /a HTTP/1.1\r\n" + HOST + name + b": a\r\n" + name.lower() + b": b\r\n\r\n"
        for name in (b"Authorization", b"Idempotency-Key", b"Content-Type")
    },
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 by name": b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "lines after a body that do not end": POST
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A: "
    + b"a" * (2 * LONGEST_HEAD),
    "words beside a piece that do not end": POST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * (2 * LONGEST_HEAD),
}


LONG = {
    "a long head": b"GET /a HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * (2 * LONGEST_HEAD) + b"\r\n\r\n",
    "a head of many lines": b"GET /a HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * (LONGEST_HEAD // 4) + b"\r\n",
    "one byte too many": b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (LONGEST_HEAD - 17) + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_CALL)
def test_what_is_no_call_is_refused_and_ends_the_connection(server: uvicorn.Server, name: str) -> None:
    got = told(server, NO_CALL[name])
    assert got == b"" or got.startswith(b"HTTP/1.1 400 "), got
    assert got.count(b"HTTP/1.1 ") <= 1, "something in it was taken for another call"
    assert got or len(NO_CALL[name]) > LONGEST_HEAD, "it was not told what was wrong"


@pytest.mark.parametrize("name", LONG)
def test_a_long_head_is_refused_wherever_it_begins(server: uvicorn.Server, name: str) -> None:
    """The first one of a connection, and a later one."""
    for before in (b"", POST + b"Content-Length: 2\r\n\r\nhi"):
        with connected(server) as connection:
            if before:
                connection.sendall(before)
                assert b"[hi]" in read(connection)
            with suppress(ConnectionError):
                connection.sendall(LONG[name])
            got = connection.recv(65536)
        assert got.startswith(b"HTTP/1.1 431 "), got


def test_the_longest_head_is_read(server: uvicorn.Server) -> None:
    """As long as it may be, to the byte."""
    head = b"GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (LONGEST_HEAD - 18) + b"\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(head)
        assert b"GET /a []" in read(connection)


@pytest.mark.parametrize("cut", [1, 100, LONGEST_TARGET])
def test_a_long_target_is_refused_before_its_query_is_read(server: uvicorn.Server, cut: int) -> None:
    """Each parameter takes time before a credential is asked for."""
    longest = b"/a?" + b"b&" * ((LONGEST_TARGET - 3) // 2) + b"b"
    assert len(longest) == LONGEST_TARGET
    last = b" HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    assert b"GET /a []" in told(server, b"GET " + longest + last)
    for target in (longest + b"&", b"/" + b"a" * (2 * LONGEST_HEAD)):
        whole = b"GET " + target + last
        got = told(server, whole[:cut], whole[cut:])
        assert got == b"" or got.startswith(b"HTTP/1.1 414 "), got
        assert got or len(target) > LONGEST_HEAD, "it was not told what was wrong"


@pytest.mark.parametrize(
    "lines", [b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked", b"deflate, chunked", b"xchunked"]
)
def test_a_body_in_another_coding_is_not_read(server: uvicorn.Server, lines: bytes) -> None:
    """It would be taken for what it is not (RFC 9112, 6.1)."""
    got = told(server, POST + b"Transfer-Encoding: " + lines + b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 501 "), got
    assert got.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", [b"Cookie", b"cookie", b"COOKIE"])
def test_no_cookie_is_read(server: uvicorn.Server, name: bytes) -> None:
    """`http.cookies` takes seconds for a long quoted one, and FastAPI has it read every one that comes."""
    quoted = name + b': a="' + b'\\"' * 4000 + b'"\r\n'
    got = told(server, b"GET /a HTTP/1.1\r\nConnection: close\r\n" + HOST + quoted + b"\r\n")
    assert b"GET /a [] [b'connection', b'host']" in got, got


def test_what_a_client_may_send_is_read(server: uvicorn.Server) -> None:
    """Several pieces and calls at once; lines after a body are dropped; other protocols are not spoken."""
    last = HOST + b"Connection: close\r\n"
    got = told(server, b"\r\n" + POST + b"Content-Length: 2\r\n\r\nhi" + b"GET /b HTTP/1.1\r\n" + last + b"\r\n")
    assert b"POST /a [hi]" in got
    assert b"GET /b []" in got
    pieces = b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nX-Late: z\r\n\r\n"
    got = told(server, b"POST /a HTTP/1.1\r\n" + last + pieces)
    assert b"POST /a [hi]" in got
    assert b"x-late" not in got
    assert b"POST /a [hi]" in told(server, b"POST /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
    upgrade = HOST + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    assert b"GET /a []" in told(server, b"GET /a HTTP/1.1\r\n" + upgrade)


@pytest.mark.parametrize("name", [one for one in NO_CALL if "upgrade" in one])
def test_the_body_of_an_upgrade_is_no_call_wherever_it_is_cut(server: uvicorn.Server, name: str) -> None:
    """Of a proxy that leaves `Upgrade` in, all that follows the head is the body; nothing in it is anybody's call."""
    head, end, body = NO_CALL[name].partition(b"\r\n\r\n")
    with connected(server) as connection:
        connection.sendall(head + end)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        with suppress(ConnectionError):
            connection.sendall(body)
            assert connection.recv(65536) == b""


def test_what_follows_an_upgrade_at_once_is_no_call(server: uvicorn.Server) -> None:
    """Whether it is HTTP, or of the other protocol, only its sender knows. The connection ends with the answer."""
    for cut in (len(HIDDEN), 5):
        with connected(server) as connection:
            until(lambda: not server.server_state.tasks)
            connection.sendall(b"GET /slow HTTP/1.1\r\n" + UPGRADE + b"\r\n" + HIDDEN[:cut])
            until(lambda: bool(server.server_state.tasks))
            if cut < len(HIDDEN):
                connection.sendall(HIDDEN[cut:] + b"\0\r\n")
            got = b""
            while more := connection.recv(65536):
                got += more
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.count(b"HTTP/1.1 ") == 1
        assert b"GET /slow []" in got


def test_an_upgrade_with_an_empty_body_is_a_call(server: uvicorn.Server) -> None:
    """And the next one, too: nothing was left that could be something else."""
    with connected(server) as connection:
        connection.sendall(b"POST /a HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 0\r\n\r\n")
        assert b"POST /a []" in read(connection)
        assert answered(connection)


def test_a_long_body_is_no_long_head(server: uvicorn.Server) -> None:
    body = b"a" * (4 * LONGEST_HEAD)
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert len(told(server, head + body)) > len(body)


# Too many ------------------------------------------------------------------------------------------------------------


def test_one_address_does_not_take_all_places() -> None:
    """Who is at work is not disturbed, and keeps to that address's places."""
    with serving(connections_per_address=5) as server, ExitStack() as stack:
        with held():
            mine = [at_work(stack.enter_context(connected(server))) for _ in range(5)]
            assert not answered(stack.enter_context(connected(server)))
            assert answered(stack.enter_context(connected(server, "127.0.0.2")))
        assert all(b"/held []" in read(one) for one in mine)
        assert answered(stack.enter_context(connected(server)))


def test_one_address_does_not_lock_itself_out() -> None:
    """By connections on which it asks for nothing: its own longest-resting one makes room, and nobody else's."""
    with serving(connections_per_address=5) as server, ExitStack() as stack:
        theirs = stack.enter_context(connected(server, "127.0.0.2"))
        assert answered(theirs)
        mine = [stack.enter_context(connected(server)) for _ in range(5)]
        until(lambda: len(server.server_state.connections) == 6)
        assert answered(mine[0])
        assert all(answered(stack.enter_context(connected(server))) for _ in range(2))
        until(lambda: len(server.server_state.connections) == 6)
        assert [answered(one) for one in mine] == [True, False, False, True, True]
        assert answered(theirs)


def test_connections_for_which_there_is_no_place_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """And how often in a minute, of one address's and of all; nothing of whose they were."""
    for settings, words in (
        ({"connections_per_address": 2}, "of one address were"),
        ({"connections": 2}, "of all were"),
    ):
        caplog.clear()
        with (
            serving(**settings) as server,
            held(),
            ExitStack() as stack,
            caplog.at_level(logging.WARNING, "expunge.api"),
        ):
            for _ in range(2):
                at_work(stack.enter_context(connected(server)))
            assert not any(answered(stack.enter_context(connected(server))) for _ in range(5))
        (told_of,) = [one.getMessage() for one in caplog.records if one.name == "expunge.api"]
        assert words in told_of
        assert LOOPBACK not in told_of


def test_of_a_call_that_was_refused_the_rest_is_not_read(server: uvicorn.Server) -> None:
    """Whoever sends a list that is not wanted would keep the server busy with it; the answer is there to be read."""
    with connected(server) as theirs:
        theirs.sendall(b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % MUCH)
        assert theirs.recv(4096).startswith(b"HTTP/1.1 429 ")
        with pytest.raises(OSError, match=r"(?i)reset|pipe"):  # never all of it: kernels keep some megabytes
            theirs.sendall(bytes(MUCH))


@pytest.mark.parametrize("length", [b"Content-Length: %d" % MUCH, b"Transfer-Encoding: chunked"])
def test_an_answer_says_that_the_connection_ends_before_the_body_does(server: uvicorn.Server, length: bytes) -> None:
    """An application shares its connections among its users: the next one's call would be made over a dead one."""
    with connected(server) as theirs:
        theirs.sendall(b"POST /refused HTTP/1.1\r\n" + HOST + length + b"\r\n\r\n")
        got = b""
        while more := theirs.recv(65536):
            got += more
    assert got.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nconnection: close\r\n" in got


def test_a_body_that_was_there_ends_nothing(server: uvicorn.Server) -> None:
    """Nor is the client told so."""
    with connected(server) as theirs:
        theirs.sendall(b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi")
        assert b"connection: close" not in theirs.recv(65536)
        assert answered(theirs)


def test_a_short_body_of_a_call_that_was_refused_ends_nothing(server: uvicorn.Server) -> None:
    """It was on its way; whoever sent it makes the next call over the same connection."""
    with connected(server) as theirs:
        theirs.sendall(b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % LONGEST_REST)
        answer = theirs.recv(4096)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"connection: close" not in answer
        theirs.sendall(bytes(LONGEST_REST))
        assert answered(theirs)


def test_of_many_calls_at_once_one_waits_behind_the_first(server: uvicorn.Server) -> None:
    """Ten thousand heads are a quarter of a MiB, and each took memory and a turn of the loop."""
    call = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
    got = told(server, call * 10_000)
    assert got.count(b"HTTP/1.1 200") <= 2
    assert got.count(b"HTTP/1.1 400") == 1
    assert told(server, call, call.replace(b"Host", b"Connection: close\r\nHost")).count(b"HTTP/1.1 200") == 2


def test_a_proxy_speaks_for_many() -> None:
    with serving(connections_per_address=5, proxies=["127.0.0.3"]) as server, ExitStack() as stack:
        assert all(answered(stack.enter_context(connected(server, "127.0.0.3"))) for _ in range(20))


def test_who_asks_for_nothing_makes_room() -> None:
    """The one that has been silent for longest; nobody in the middle of a call."""
    with serving(connections=5) as server, ExitStack() as stack:
        working = stack.enter_context(connected(server))
        working.sendall(POST + b"Content-Length: 2\r\n\r\nh")
        silent = [stack.enter_context(connected(server, f"127.0.1.{number}")) for number in range(1, 5)]
        until(lambda: len(server.server_state.connections) == 5)
        assert answered(stack.enter_context(connected(server, "127.0.2.1")))
        assert not answered(silent[0])
        assert answered(silent[-1])
        working.sendall(b"i")
        assert b"[hi]" in read(working)


def test_nobody_comes_in_while_all_are_at_work() -> None:
    """Nor does a health check, which nothing here tells from another call (docs/api.md says so)."""
    with serving(connections=3) as server, ExitStack() as stack:
        with held():
            working = [at_work(stack.enter_context(connected(server))) for _ in range(3)]
            for path in (b"/a", b"/healthz", b"/readyz"):
                assert not answered(stack.enter_context(connected(server)), path)
        assert all(b"/held []" in read(one) for one in working)


@pytest.mark.parametrize("alone", [True, False], ids=["of one address", "of all"])
def test_bodies_that_do_not_come_keep_nobody_out(alone: bool) -> None:  # noqa: FBT001 - a case
    """The one whose body has not moved for longest makes room, after those on which nothing was asked for."""
    with serving(**{"connections_per_address" if alone else "connections": 4}) as server, ExitStack() as stack:
        silent = stack.enter_context(connected(server))
        slow = [stack.enter_context(connected(server)) for _ in range(3)]
        for count, one in enumerate(slow, 1):
            one.sendall(POST + b"Content-Length: 3\r\n\r\nh")
            until(lambda: len(server.server_state.tasks) == count)  # noqa: B023 - called at once
        slow[0].sendall(b"e")
        assert answered(stack.enter_context(connected(server)))
        assert gone(silent)
        with held():
            for _ in range(3):  # the first one in place of the call that was answered
                at_work(stack.enter_context(connected(server)))
            assert all(gone(one) for one in slow[1:])
            slow[0].sendall(b"y")
            assert b"[hey]" in read(slow[0])


def waits(connection: socket.socket, path: str) -> socket.socket:
    """A call waits on it, as the path says."""
    before = len(WAITING[path])
    connection.sendall(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    until(lambda: len(WAITING[path]) > before)
    return connection


def test_who_is_gone_waits_in_no_line() -> None:
    """But a call that has its turn goes on. One that waits keeps its place."""
    with serving(connections=2) as server, ExitStack() as stack:
        waiting = waits(stack.enter_context(connected(server)), "/in-line")
        with held():
            with connected(server) as working:
                waits(working, "/turn")
                assert not answered(stack.enter_context(connected(server)))
            until(lambda: len(server.server_state.connections) == 1)
            waiting.close()
            until(lambda: not WAITING["/in-line"])
            assert WAITING["/turn"]
        until(lambda: not WAITING["/turn"])
        assert answered(stack.enter_context(connected(server)))


@pytest.mark.parametrize("alone", [True, False], ids=["of one address", "of all"])
@pytest.mark.parametrize("path", ["/held-back", "/watches"])
def test_who_waits_for_no_answer_keeps_nobody_out(path: str, *, alone: bool) -> None:
    """Refusals that are held back, and watches: the longest makes room, and ends; whoever has a call at work stays."""
    with serving(**{"connections_per_address" if alone else "connections": 4}) as server, ExitStack() as stack, held():
        working = at_work(stack.enter_context(connected(server)))
        for _ in range(3):
            waits(stack.enter_context(connected(server)), path)
        assert answered(stack.enter_context(connected(server)))
        until(lambda: len(WAITING[path]) == 2)
        for _ in range(3):  # the first one in place of the call that was answered
            at_work(stack.enter_context(connected(server)))
        until(lambda: not WAITING[path])
        RELEASED.set()
        assert b"/held []" in read(working)


def test_connections_are_fewer_than_the_process_may_have() -> None:
    """Else it could open no file of its own ledger."""
    had = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, had[1]))
    try:
        with serving(connections_per_address=1000) as server, ExitStack() as stack:
            for number in range(130):
                stack.enter_context(connected(server, f"127.0.1.{number + 1}"))
            until(lambda: len(server.server_state.connections) >= 150 or not time.sleep(0.5))
            assert len(server.server_state.connections) <= 150
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, had)


def test_connections_that_cannot_be_accepted_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Each try by itself would be an error with a traceback; and they are accepted when there are descriptors again."""
    had = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving() as server, ExitStack() as stack, caplog.at_level(logging.ERROR):
        port = server.servers[0].sockets[0].getsockname()[1]
        waiting = [stack.enter_context(socket.socket()) for _ in range(20)]
        for one in waiting:
            one.settimeout(SOON)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(one.fileno() for one in waiting) + 1, had[1]))
        try:
            for one in waiting:
                one.connect((LOOPBACK, port))
            until(lambda: bool(caplog.records))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, had)
        assert all(answered(one) for one in waiting)
    assert {one.name for one in caplog.records} == {"expunge.api"}
    assert len(caplog.records) == 1
