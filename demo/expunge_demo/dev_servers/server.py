"""Embedded server: start, stop, kill and restart on the same port and data."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from expunge_demo.dev_servers.errors import EmbeddedError
from expunge_demo.dev_servers.ports import free_ports
from expunge_demo.dev_servers.processes import Command, Processes
from expunge_demo.dev_servers.unprivileged_user import User

ANSWER_SECONDS = 5
READY_SECONDS = 90.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.02
START_TRIES = 5
LOG_LINES = 15
PORT_TAKEN = ("in use", "is not available")  # the C library's words, SeaweedFS's own


class Recipe(Protocol):
    """What one kind of server needs; the steps common to all are the `Server`'s."""

    @property
    def name(self) -> str:
        """Name for messages and file names."""
        ...

    @property
    def directory(self) -> Path:
        """The server's own directory."""
        ...

    @property
    def port_count(self) -> int:
        """How many ports it listens on; the first is the one that clients use."""
        ...

    @property
    def port_offset(self) -> int:
        """Distance of a second port to each port, or 0."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that ends it in order, with everything on disk."""
        ...

    def preparation(self) -> Sequence[str] | None:
        """Return a program to run to its end before the very first start, or None."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Return the variables it needs."""
        ...

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Write what configuration is needed and return program and arguments."""
        ...

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return sockets it makes outside its directory."""
        ...

    def postmaster_file(self) -> Path | None:
        """Return the file that names shared memory to release, or None."""
        ...

    def ready(self, port: int) -> bool:
        """Tell whether it serves a client that has its credentials; False for whatever it answers too early."""
        ...


class Server:
    """A server process and its fate.

    Args:
        recipe: What to start.
        processes: Who holds the process.
        user: Whom it runs as.
        log: The file that takes its output.
    """

    def __init__(self, recipe: Recipe, processes: Processes, user: User | None, log: Path) -> None:
        self._recipe = recipe
        self._processes = processes
        self._user = user
        self._pid: int | None = None
        self._ports: tuple[int, ...] = ()
        self.log_file = log

    @property
    def name(self) -> str:
        """Name of the server's kind."""
        return self._recipe.name

    @property
    def data_directory(self) -> Path:
        """Directory that holds the server's data."""
        return self._recipe.directory

    @property
    def port(self) -> int:
        """The port that clients use; the same for all the server's lives."""
        return self._ports[0]

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports in the order of the recipe, without those at an offset."""
        return self._ports

    @property
    def pid(self) -> int | None:
        """Process id, or None when it was stopped or killed."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._pid is not None and self._processes.returncode(self._pid) is None

    def launch(self) -> None:
        """Start the process without waiting for it to be ready. A no-op for a running server.

        Raises:
            EmbeddedError: The program cannot be executed, or its preparation failed.
        """
        if self.running:
            return
        if not self._ports:
            self._prepare()
            self._ports = self._choose_ports()
        self._pid = self._spawn(self._recipe.arguments(self._ports), self._recipe.sockets(self._ports))

    def await_ready(self, *, first: bool = False) -> None:
        """Wait until the server serves.

        Args:
            first: Whether this is its first start: then a port that somebody took in the meantime is chosen anew, and
                an error may quote the log, which holds nobody's data yet.

        Raises:
            EmbeddedError: It ended, or did not become ready in time.
        """
        deadline = time.monotonic() + READY_SECONDS
        tries = 1
        while not (self.running and self._recipe.ready(self.port)):
            if not self.running:
                if tries == START_TRIES or not self._worth_another_try(first=first):
                    raise EmbeddedError(f"{self.name} ended before it was ready{self._quote() if first else ''}")
                tries += 1
                self._ports = self._choose_ports()
                self.launch()
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.name} was not ready after {READY_SECONDS:.0f} s{self._quote() if first else ''}"
                )
            time.sleep(LOOK_SECONDS)

    def start(self) -> None:
        """Start again after `stop` or `kill`, on the same port and data, and wait until it serves.

        Raises:
            EmbeddedError: It ended, or did not become ready in time.
        """
        self.launch()
        self.await_ready()

    def stop(self) -> None:
        """End in order and wait for it; after 30 s it is killed. A no-op for a server that does not run."""
        if self._pid is None:
            return
        self._processes.signal(self._pid, self._recipe.stop_signal)
        if not self._ended(self._pid, STOP_SECONDS):
            self._processes.kill(self._pid)
        self._pid = None

    def kill(self) -> None:
        """End as a power cut would: SIGKILL to the server and all its helpers. A no-op if it does not run."""
        if self._pid is None:
            return
        self._processes.kill(self._pid)
        self._pid = None

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def _worth_another_try(self, *, first: bool) -> bool:
        log = self.log_file.read_text(errors="replace")
        return first and any(phrase in log for phrase in PORT_TAKEN)

    def _choose_ports(self) -> tuple[int, ...]:
        return free_ports(self._recipe.port_count, also_offset=self._recipe.port_offset)

    def _prepare(self) -> None:
        argv = self._recipe.preparation()
        if argv is None:
            return
        pid = self._spawn(argv, ())
        if not self._ended(pid, READY_SECONDS) or self._processes.returncode(pid) != 0:
            raise EmbeddedError(f"{self.name} could not be prepared{self._quote()}")

    def _spawn(self, argv: Sequence[str], sockets: Sequence[Path]) -> int:
        return self._processes.spawn(
            Command(
                argv=argv,
                environment={
                    "PATH": "/usr/local/bin:/usr/bin:/bin",
                    "HOME": str(self._recipe.directory),
                    "TMPDIR": str(self._recipe.directory),
                    "LANG": "C.UTF-8",
                    "TZ": "UTC",
                    **self._recipe.environment(),
                },
                directory=self._recipe.directory,
                log=self.log_file,
                user=self._user,
                sockets=sockets,
                postmaster_file=self._recipe.postmaster_file(),
            )
        )

    def _ended(self, pid: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._processes.returncode(pid) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _quote(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "; the end of its log:\n" + "\n".join(lines)
