"""HTTP/1.1 as it is written, connections bounded in number, and none kept for who neither sends nor reads.

llhttp (by httptools) reads strictly: Content-Length beside Transfer-Encoding, a line that ends in LF alone or a folded
one are no call, where h11 takes them (RFC 9112, 6.3 and 2.2), so that a proxy may see other calls in them than we do.
It bounds no head and asks for no Host; both are done here. Of a call that asks to go on in another protocol it takes
the body for that protocol's, and we, who speak none, would take it for calls.

uvicorn bounds how long a connection may be idle between two calls, but neither before the first one nor in the middle
of a call's head; each such connection holds a file descriptor. Bodies are bounded by the `Guard`. An answer that is not
taken is kept by asyncio for ever, and its connection with it, also one that is closed: closing waits for the answer.
And uvicorn reads to its end whatever follows the head of a call that was refused, a list of 60 MiB by whoever may send
none, too. We end the connection then, and the answer says so: a client that shares its connections among its users, as
an application does, would make the next one's call over it.

The API has no cookies, but FastAPI reads them for every operation, and `http.cookies` takes time that grows with the
square of a quoted one's length (CVE-2024-7592): such lines are dropped before anything reads them.

One class, and so longer than most modules: it is what uvicorn calls, and all of it looks at the same connection.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from expunge_orchestrator.api.connection_limits import ConnectionLimits
from expunge_orchestrator.api.waiting_calls import WAITS

LONGEST_HEAD = 16 * 1024
"""Bytes of a head: of its target and its lines. Of trailers and the like, too."""

LONGEST_TARGET = 4 * 1024
"""Bytes of a path and a query: ours take some hundred, and each parameter is looked at before a credential is."""

LONGEST_REST = 64 * 1024
"""Bytes of a body that are read although its call was answered: they are on their way anyhow."""

_SAID_ONCE = frozenset({b"authorization", b"content-type", b"idempotency-key"})
"""Lines of which whoever looks at a call before us may read another one than we do."""

LINGERING = 1.0
"""Seconds in which whoever still sends what was refused may read the answer: one that is closed may lose it."""

_Application = Callable[..., Awaitable[None]]
"""Of ASGI, whose types uvicorn and Starlette name each in their own way."""

_BETWEEN = len(b": \r\n")
_LONG_HEAD = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_UNREADABLE = HTTPStatus.BAD_REQUEST
_PIECE = 16 * 1024


def http_protocol(seconds: float, limits: ConnectionLimits) -> type[HttpProtocol]:
    """The protocol with so much time for the head of a call, and for the taking of a part of an answer."""
    return type("Http", (HttpProtocol,), {"seconds": seconds, "limits": limits})


_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel, too, throws away what it could not send, instead of trying for minutes."""


class _Refused(ValueError):  # noqa: N818 - an answer
    """A call that is refused in its head, with another status than that of what is no HTTP."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        super().__init__(status.phrase)


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection on which a call's head is not there, or nothing of an answer taken, in time."""

    seconds: float
    limits: ConnectionLimits
    _in_head = False
    _head = 0
    _unfinished = 0
    _body_left = 0.0
    _ends = False
    _last = False
    _patience: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _waiting: asyncio.Task[object] | None = None
    _makes_room = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The head of the first call is waited for, unless there are too many connections."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that we are told as soon as anything is left over
        vars(transport)["max_size"] = LONGEST_REST  # bytes of a read; of a body so much is kept until it is looked at
        if not self.limits.admit(transport, self.client[0] if self.client else None):
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self.limits.release(self.transport)
        self._wait_no_more()
        self._taken()
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)
        # Each refers to us, and we to it: it would stay, with all that came, until a garbage collection.
        self.pipeline.clear()
        vars(self)["cycle"] = None
        vars(self.transport).pop("_read_ready_cb", None)  # asyncio's transport refers to itself by this

    def pause_writing(self) -> None:
        """Something of an answer is left over: the kernel has as much as it keeps for somebody who does not read."""
        super().pause_writing()
        if self._taking is None:
            self._await_taking()

    def resume_writing(self) -> None:
        """All of it is with the kernel."""
        self._taken()
        super().resume_writing()
        self._tell()

    def data_received(self, data: bytes) -> None:
        """A part of a head, a body, or both. Of what is refused nothing is logged: its sender decides how often."""
        self._unset_keepalive_if_required()
        parser = self.parser
        assert parser is not None
        if self._last:
            return
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._unfinished += len(piece)
            try:
                parser.feed_data(piece)
            except HttpParserError as error:
                self._refuse(error.__context__.status if isinstance(error.__context__, _Refused) else _UNREADABLE)
                return
            except HttpParserUpgrade as asked:  # answered as if it had not asked to (RFC 9110, 7.8)
                if start + asked.args[0] < len(data):
                    self._end_with_it()
                break
            if self._unfinished > LONGEST_HEAD:
                self._refuse(_LONG_HEAD if self._in_head else _UNREADABLE)
                return
        if not self._idle():
            self._wait_no_more()
        elif self._patience is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head, self._unfinished = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        if len(self.url) > LONGEST_TARGET:
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of a head. Those that follow a body say nothing: the call was looked at without them."""
        if not self._in_head:
            return
        self._count(len(name) + len(value) + _BETWEEN)
        if name.lower() != b"cookie":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A call.

        Raises:
            _Refused: Its body comes in a coding that is not read here.
            ValueError: It says not once which host it is for, or twice who calls or what it is, or its length in a way
                that its version does not have (RFC 9112, 3.2 and 6.1), or it has a body and asks to go on in another
                protocol. Or another one waits already behind the one that is answered: thousands come in one piece, and
                each takes memory and a turn.
        """
        self._in_head, self._unfinished = False, 0
        assert self.parser is not None
        version, names = self.parser.get_http_version(), [name for name, _ in self.headers]
        hosts = names.count(b"host")
        modern = version == "1.1" and hosts == 1
        if not modern and (version != "1.0" or hosts > 1 or b"transfer-encoding" in names):
            raise ValueError("no call of HTTP/1.1 or HTTP/1.0")
        if any(names.count(one) > 1 for one in _SAID_ONCE):
            raise ValueError("one thing said twice")
        if any(value.lower() != b"chunked" for name, value in self.headers if name == b"transfer-encoding"):
            raise _Refused(HTTPStatus.NOT_IMPLEMENTED)
        if self.parser.should_upgrade() and any(_is_body(name, value) for name, value in self.headers):
            raise ValueError("a body, and another protocol behind it")
        if self.pipeline:
            raise ValueError("a third call before the first was answered")
        lengths = [int(value) for name, value in self.headers if name == b"content-length"]
        self._body_left = math.inf if b"transfer-encoding" in names else sum(lengths)
        super().on_headers_complete()
        self._tell()

    def on_body(self, body: bytes) -> None:
        """A part of a body; nobody waits for it any more when its call was answered."""
        self._unfinished = 0
        self._body_left -= len(body)
        super().on_body(body)
        if not self.cycle.response_complete:
            self._tell()

    def on_message_complete(self) -> None:
        """All of a body is there."""
        super().on_message_complete()
        self._tell()

    def on_response_complete(self) -> None:
        """Whoever is answered may stay, while there is room."""
        super().on_response_complete()
        if self._ends:
            self._read_no_more()
        self._tell()

    def _count(self, length: int) -> None:
        """Count a part of a head. A piece that begins in the call before is counted from the head's beginning."""
        self._head += length
        if self._head > LONGEST_HEAD:
            raise _Refused(_LONG_HEAD)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: _Application) -> None:
        """Have a call answered."""
        super()._start_asgi_task(cycle, cast("_Application", partial(self._answered, cycle, app)))

    async def _answered(
        self, cycle: RequestResponseCycle, app: _Application, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have it answered through us; what came of its body and was not read is no longer kept."""
        try:
            await app({**scope, "extensions": {WAITS: self._waits}}, receive, partial(self._answer, cycle, send))
        finally:
            cycle.body = bytearray()

    async def _answer(self, cycle: RequestResponseCycle, send: Send, message: Message) -> None:
        """Send a part of an answer; its head says that the connection ends, where that will be before the body does."""
        if message["type"] != "http.response.start" or not cycle.more_body or self._body_left <= LONGEST_REST:
            await send(message)
            return
        self._ends = True
        await send({**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]})
        cycle.keep_alive = True  # uvicorn would close at once, and what is still sent would make the answer be lost

    @contextmanager
    def _waits(self, makes_room: bool) -> Iterator[None]:  # noqa: FBT001 - an extension
        """While a call waits, it ends with its connection; one that makes room, as soon as another needs the place."""
        self._waiting, self._makes_room = asyncio.current_task(), makes_room
        assert self._waiting is not None
        if self.transport.is_closing():
            self._waiting.cancel()
        self._tell()
        try:
            yield
        finally:
            self._waiting, self._makes_room = None, False
            self._tell()

    def _refuse(self, status: HTTPStatus) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, status.phrase.encode())
            )
        self.transport.close()  # maybe in the middle of an answer

    def _end_with_it(self) -> None:
        """What follows may be of the other protocol: nothing more is read, and the connection ends with the answer."""
        self._last = True
        self.cycle.keep_alive = False

    def _read_no_more(self) -> None:
        """The call was answered before its body was there, and more of that comes than is on its way anyhow."""
        self._last = True
        self.flow.pause_reading()
        self.transport.write_eof()
        self._wait_no_more()
        self._patience = self.loop.call_later(LINGERING, self.transport.abort)

    def _tell(self) -> None:
        """Tell what is waited for: another call, a body's next bytes, or our own work and the taking of its answer."""
        if self._idle():
            if not self.transport.get_write_buffer_size():
                self.limits.rests(self.transport)
        elif self._makes_room or (self.cycle.more_body and not self.cycle.response_started and not self.pipeline):
            self.limits.sends(self.transport)
        else:
            self.limits.works(self.transport)

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self.seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self._idle():
            self.timeout_keep_alive_handler()

    def _await_taking(self) -> None:
        self._taking = self.loop.call_later(self.seconds, self._look, self.transport.get_write_buffer_size())

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _look(self, left_before: int) -> None:
        """Whoever takes some of it gets all of it; nothing new is written meanwhile but the rest of what was begun."""
        if self.transport.get_write_buffer_size() < left_before:
            self._await_taking()
            return
        self._taking = None
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()


def _is_body(name: bytes, value: bytes) -> bool:
    """Whether a line of a head says that something follows it; the digits of a length were looked at."""
    return name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 \t") != b"")
