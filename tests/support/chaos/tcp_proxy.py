"""A relay between Expunge and a server that cuts a connection in the middle of what is said.

A *segment* is what one side sent in one go, as far as the relay reads it in one go.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

SEGMENT = 1 << 16
ANYWHERE = b""
"""The marker that every segment holds."""
HOST = "127.0.0.1"


class Kind(Enum):
    """Where a connection breaks."""

    REQUEST = "in the middle of a request"
    """The server gets the first half of a segment."""
    ANSWER = "in the middle of an answer"
    """Expunge gets the first half of the answer to a segment, if it has more than one byte."""
    LOST = "before the answer"
    """The server gets the whole segment and does what it says; Expunge never learns of it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """At the request segment of this number (from 1) that holds these bytes."""

    kind: Kind
    holding: bytes
    number: int


@dataclass(slots=True)
class Relay:
    """Passes on what two sides say, and cuts once where it is told to.

    Attributes:
        port: Where it listens.
        server_port: Where the server does.
        markers: Bytes to count request segments by.
        cut: Where to cut; None for never.
        seen: Marker -> request segments that held it.
        done: Whether the cut was made.
    """

    server_port: int
    markers: Sequence[bytes]
    listener: socket.socket = field(repr=False)
    cut: Cut | None = None
    seen: Counter[bytes] = field(default_factory=Counter)
    done: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def reset(self, cut: Cut | None) -> None:
        """Count anew."""
        with self._lock:
            self.cut, self.done = cut, False
            self.seen.clear()

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection((HOST, self.server_port))
            except OSError:
                return
            with server, suppress(OSError):  # either side may go away at any moment
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(client, server)

    def _converse(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on until one side ends or the cut is made; the caller closes both."""
        kind: Kind | None = None
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(SEGMENT)
                if not data:
                    return
                if source is client:
                    kind = self._asked(data) or kind
                    if kind is Kind.REQUEST:
                        server.sendall(data[: len(data) // 2])
                        _reset_at_close(client, server)
                        return
                    server.sendall(data)
                else:
                    if kind is not None:
                        if kind is Kind.ANSWER:
                            client.sendall(data[: len(data) // 2])
                        _reset_at_close(client, server)
                        return
                    client.sendall(data)

    def _asked(self, data: bytes) -> Kind | None:
        with self._lock:
            for marker in self.markers:
                self.seen[marker] += marker in data
            cut = self.cut
            if cut is None or self.done or cut.holding not in data or self.seen[cut.holding] != cut.number:
                return None
            self.done = True
            return cut.kind


def through(url: str, relay: Relay) -> str:
    """The same address, by way of the relay."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{relay.port}")).geturl()


def _reset_at_close(*sides: socket.socket) -> None:
    """Both sides will get a reset, and not an orderly end."""
    for side in sides:
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def relays(ports: dict[str, int], markers: dict[str, Sequence[bytes]]) -> Iterator[dict[str, Relay]]:
    """A relay for each server, by name."""
    with ExitStack() as stack:
        made = {}
        for name, port in ports.items():
            listener = stack.enter_context(socket.create_server((HOST, 0)))
            stack.callback(listener.shutdown, socket.SHUT_RDWR)  # wakes the thread that accepts
            made[name] = Relay(port, markers[name], listener)
            threading.Thread(target=made[name].serve, daemon=True).start()
        yield made
