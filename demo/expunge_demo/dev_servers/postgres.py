"""PostgreSQL: arguments, files and readiness check."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_demo.dev_servers.server import ANSWER_SECONDS
from expunge_demo.dev_servers.unprivileged_user import User, write_private


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL, reached over TCP alone, with passwords checked by scram-sha-256.

    fsync and full_page_writes are off: they guard against a crash of the operating system, after which this directory
    is gone anyway. What a killed server had committed is kept by the operating system and found at the next start.

    Attributes:
        programs: Directory of its programs.
        directory: The server's own directory.
        user: Whom it runs as.
        password: Of the superuser `postgres`.
        settings: Server settings over our own.
    """

    programs: Path
    directory: Path
    user: User | None
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "postgres"
    port_count: int = 1
    port_offset: int = 0
    stop_signal: signal.Signals = signal.SIGINT  # "fast": open transactions are rolled back

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.directory / "data"

    def url(self, port: int) -> str:
        """Return the superuser's URL of the database `postgres`."""
        return f"postgresql://postgres:{quote(self.password)}@{LOOPBACK}:{port}/postgres"

    def preparation(self) -> Sequence[str]:
        """Return the call of initdb, with the password in a file that only the server's user reads."""
        password_file = self.directory / "password"
        write_private(password_file, self.password + "\n", self.user)
        # Without encoding and locale a bare image gives SQL_ASCII, and text arrives as bytes.
        return [
            str(self.programs / "initdb"),
            f"--pgdata={self.data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
            # Iterations slow down guessing; this password is random. Each connection would pay for all of them.
            "--set=scram_iterations=1",
        ]

    def environment(self) -> Mapping[str, str]:
        """Return nothing: all is on the command line."""
        return {}

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Return the call of the server."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(ports[0]),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "mmap",  # in the data directory, so that a killed server leaves nothing
            "max_prepared_transactions": "10",
            "fsync": "off",
            "full_page_writes": "off",
            "jit": "off",  # compiling takes longer than any query on so little data
            **self.settings,
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return none: it opens no Unix socket."""
        del ports
        return ()

    def postmaster_file(self) -> Path:
        """Return the lock file of the data directory."""
        return self.data / "postmaster.pid"

    def ready(self, port: int) -> bool:
        """Tell whether the superuser can log in."""
        try:
            psycopg.connect(self.url(port), connect_timeout=ANSWER_SECONDS).close()
        except psycopg.OperationalError:
            return False
        (self.directory / "password").unlink(missing_ok=True)
        return True
