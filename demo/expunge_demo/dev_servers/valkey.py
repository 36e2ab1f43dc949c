"""Valkey: arguments, configuration file and readiness check."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_demo.dev_servers.server import ANSWER_SECONDS
from expunge_demo.dev_servers.unprivileged_user import User, write_private


@dataclass(frozen=True, slots=True)
class Valkey:
    """Valkey with an append-only file, so that data survive a kill.

    Attributes:
        program: `valkey-server`.
        directory: The server's own directory.
        user: Whom it runs as.
        password: Of the default user.
    """

    program: Path
    directory: Path
    user: User | None
    password: str = field(repr=False)
    name: str = "valkey"
    port_count: int = 1
    port_offset: int = 0
    stop_signal: signal.Signals = signal.SIGTERM

    def url(self, port: int, database: int = 0) -> str:
        """Return the URL of a numbered database."""
        return f"redis://:{quote(self.password)}@{LOOPBACK}:{port}/{database}"

    def preparation(self) -> None:
        """Return None: it needs none."""

    def environment(self) -> Mapping[str, str]:
        """Return nothing: all is in the configuration file."""
        return {}

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Write the configuration file, which holds the password, and return the call of the server."""
        configuration = self.directory / "valkey.conf"
        lines = [
            f"bind {LOOPBACK}",
            f"port {ports[0]}",
            f"requirepass {self.password}",
            "dir ./",
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
        ]
        write_private(configuration, "\n".join(lines) + "\n", self.user)
        return [str(self.program), str(configuration)]

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return none: it opens no Unix socket."""
        del ports
        return ()

    def postmaster_file(self) -> None:
        """Return None: it uses no System V shared memory."""

    def ready(self, port: int) -> bool:
        """Tell whether it answers and has loaded its data."""
        client = redis.Redis.from_url(self.url(port), socket_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
