"""Watchdog client: starts processes that cannot outlive this one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from expunge_demo.dev_servers import watchdog
from expunge_demo.dev_servers.errors import EmbeddedError
from expunge_demo.dev_servers.unprivileged_user import User


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run and what it may leave outside its own directory.

    Attributes:
        argv: Program and arguments; arguments are visible to other users, so secrets go into `environment` or files.
        environment: The whole environment; nothing is inherited.
        directory: Working directory.
        log: File that takes standard output and standard error, appended to.
        user: Whom to run as, or None for the current user.
        sockets: Unix sockets at places the program chooses itself, removed at the end.
        postmaster_file: For Postgres, its postmaster.pid, which names the shared memory to release.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    log: Path
    user: User | None = None
    sockets: Sequence[Path] = ()
    postmaster_file: Path | None = None


class Processes:
    """A directory and the processes working in it; both end with the `with` block or with this process.

    Safe for use by several threads.

    Args:
        parent: Where to make the directory.

    Raises:
        EmbeddedError: The watchdog could not start or the directory not be made.
    """

    def __init__(self, parent: Path) -> None:
        self._lock = threading.Lock()
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own file, our own interpreter
            [sys.executable, "-I", "-S", str(Path(watchdog.__file__)), str(parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches us, not the servers: they end in order
        )
        try:
            self.directory = Path(self._answer()["directory"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def spawn(self, command: Command) -> int:
        """Start a process and return its id.

        Raises:
            EmbeddedError: The program cannot be executed.
        """
        answer = self._order(
            do="spawn",
            argv=list(command.argv),
            env=dict(command.environment),
            cwd=str(command.directory),
            log=str(command.log),
            user=[command.user.uid, command.user.gid] if command.user else None,
            sockets=[str(path) for path in command.sockets],
            postmaster_file=str(command.postmaster_file) if command.postmaster_file else None,
        )
        return int(answer["pid"])

    def returncode(self, pid: int) -> int | None:
        """Return the exit code (negative: the signal) of a process started here, or None while it runs."""
        code: int | None = self._order(do="poll", pid=pid)["returncode"]
        return code

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process started here; one that has ended takes no harm."""
        self._order(do="signal", pid=pid, signal=int(number))

    def kill(self, pid: int) -> None:
        """Kill a process started here with all its descendants, and return when they are gone."""
        self._order(do="kill", pid=pid)

    def close(self) -> None:
        """End every process and remove the directory. Closing twice is harmless.

        Raises:
            EmbeddedError: Something could not be cleared away.
        """
        with self._lock:
            if self._watchdog.stdin is None or self._watchdog.stdin.closed:
                return
            self._watchdog.stdin.close()
            code = self._watchdog.wait()
            if self._watchdog.stdout is not None:
                self._watchdog.stdout.close()
        if code != 0:
            message = "the embedded servers' watchdog failed; a temporary directory may have been left behind"
            raise EmbeddedError(message)

    def _order(self, **order: object) -> dict[str, Any]:
        line = json.dumps(order).encode() + b"\n"
        with self._lock:
            stdin = self._watchdog.stdin
            if stdin is None or stdin.closed:
                raise EmbeddedError("the embedded servers have ended")
            try:
                stdin.write(line)
                stdin.flush()
            except BrokenPipeError:
                raise EmbeddedError("the embedded servers' watchdog is gone") from None
            answer = self._answer()
        if "error" in answer:
            raise EmbeddedError(f"the embedded servers' watchdog could not {order['do']}: {answer['error']}")
        return answer

    def _answer(self) -> dict[str, Any]:
        line = self._watchdog.stdout.readline() if self._watchdog.stdout else b""
        if not line:
            raise EmbeddedError("the embedded servers' watchdog is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer
