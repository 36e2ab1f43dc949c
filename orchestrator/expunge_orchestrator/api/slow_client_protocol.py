"""Slow clients: closes connections that send no request head, or read no response, within CALL_TIMEOUT.

uvicorn bounds how long a connection may be idle between two calls, but neither before the first one nor in the middle
of a call's head; each such connection holds a file descriptor. Bodies are bounded by the `Guard`. An answer that is not
taken is kept by asyncio for ever, and its connection with it, also one that is closed: closing waits for the answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol


def patient(seconds: float) -> type[SlowClientProtocol]:
    """The protocol with so much time for the head of a call, and for the taking of a part of an answer."""
    return type("Patient", (SlowClientProtocol,), {"seconds": seconds})


_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel, too, throws away what it could not send, instead of trying for minutes."""


class SlowClientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which a call's head is not there, or nothing of an answer taken, in time."""

    seconds: float
    _patience: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The head of the first call is waited for."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that we are told as soon as anything is left over
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._wait_no_more()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Something of an answer is left over: the kernel has as much as it keeps for somebody who does not read."""
        super().pause_writing()
        if self._taking is None:
            self._await_taking()

    def resume_writing(self) -> None:
        """All of it is with the kernel."""
        self._taken()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """A part of a head, a body, or both."""
        super().data_received(data)
        if not self._idle():
            self._wait_no_more()
        elif self._patience is None:
            self._wait()

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
