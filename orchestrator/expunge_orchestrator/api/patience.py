"""Patience with connections: whoever opens one and does not say what they want does not keep it.

uvicorn bounds how long a connection may be idle between two calls, but neither before the first one nor in the middle
of a call's head; each such connection holds a file descriptor. Bodies are bounded by the `Guard`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def patient(seconds: float) -> type[PatientProtocol]:
    """The protocol with so much time for the head of a call."""
    return type("Patient", (PatientProtocol,), {"seconds": seconds})


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which a call's head is not there in time."""

    seconds: float
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The head of the first call is waited for."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._wait_no_more()
        super().connection_lost(exc)

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
