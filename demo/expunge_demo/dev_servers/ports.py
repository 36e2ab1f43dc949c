"""Free ports on the loopback address."""

from __future__ import annotations

import secrets
import socket

from expunge_demo.dev_servers.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
# Below the ranges from which Linux (32768) and macOS (49152) take ports for outgoing connections, so that a stopped
# server finds its port free again; and low enough that SeaweedFS's second port, 10000 higher, is below them as well.
FIRST, LAST = 15000, 22000
GRPC_OFFSET = 10000
TRIES = 500


def free_ports(count: int, *, also_offset: int = 0) -> tuple[int, ...]:
    """Choose distinct ports that nobody listens on at this moment.

    Another process may take one before it is used: whoever starts a server must be ready to choose again.

    Args:
        count: How many.
        also_offset: If not 0, the port this much higher must be free too.

    Raises:
        EmbeddedError: Hardly any port is free.
    """
    chosen: set[int] = set()
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in chosen and is_free(port) and (not also_offset or is_free(port + also_offset)):
            chosen.add(port)
            if len(chosen) == count:
                return tuple(chosen)
    raise EmbeddedError("no free ports were found on the loopback address")


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of a former server that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
