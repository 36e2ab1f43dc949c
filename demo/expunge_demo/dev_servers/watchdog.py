"""Watchdog: the parent process of the embedded servers, which kills them when its own parent ends.

Run as a program by file path (`python -I -S watchdog.py PARENT_DIRECTORY`), hence the standard library alone. It makes
one directory, starts servers as its own children when told to on standard input, and when standard input ends it kills
them with all their descendants, removes what they left, removes the directory and exits. Standard input ends in every
way its parent can: a normal close, an exception, Ctrl-C, SIGTERM and SIGKILL. It runs in a session of its own and lets
terminal signals pass.

Because servers are the watchdog's children, not the parent's, no moment exists in which a server runs and nobody would
end it. On Linux the kernel also kills the servers should the watchdog itself be killed with SIGKILL; only then do
files stay behind: the directory, SeaweedFS's sockets in /tmp and Postgres's 56 bytes of shared memory. Elsewhere
(macOS) SIGKILL of the watchdog leaves servers running as well.

Protocol: one JSON object a line in, one JSON object a line out, in step.

    -> (nothing)                                  <- {"directory": "/tmp/expunge-..."}
    -> {"do": "spawn", "argv": [...], "env": {...}, "cwd": "...", "log": "...", "user": [uid, gid] | null,
        "sockets": ["/tmp/x.sock"], "postmaster_file": "..." | null}         <- {"pid": 1}
    -> {"do": "poll", "pid": 1}                   <- {"returncode": null}
    -> {"do": "signal", "pid": 1, "signal": 2}    <- {}
    -> {"do": "kill", "pid": 1}                   <- {}          the whole tree at once, like a power cut
    any failure                                   <- {"error": "PermissionError"}
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
IPC_RMID = 0
PARENT_CHECK_SECONDS = 1.0
DEATH_SECONDS = 10.0
LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
    """A started server and what it leaves outside the directory."""

    def __init__(self, order: dict[str, Any]) -> None:
        user: list[int] | None = order["user"]
        # Opened here, as the watchdog's user: a server may write its log but not replace it.
        descriptor = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the argv is the parent's own
                order["argv"],
                env=order["env"],
                cwd=order["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                user=user[0] if user else None,
                group=user[1] if user else None,
                extra_groups=[] if user else None,
                # One thread here, so running code between fork and exec is safe; it runs after the change of user,
                # which would have reset the signal.
                preexec_fn=_die_with_watchdog if LINUX else None,  # noqa: PLW1509
            )
        finally:
            os.close(descriptor)
        self.sockets = [Path(name) for name in order["sockets"]]
        self.postmaster_file = Path(order["postmaster_file"]) if order["postmaster_file"] else None

    def kill_tree(self) -> None:
        """Kill the server and its descendants, and wait until none of them runs."""
        if self.process.poll() is not None:
            return
        os.kill(self.process.pid, signal.SIGSTOP)  # it starts nothing more while it is listed
        descendants = list(_descendants(self.process.pid))
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for pid in descendants:
            _await_death(pid)

    def tidy(self) -> None:
        """Remove sockets and the System V segment that a killed server could not remove itself."""
        for path in self.sockets:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(path.lstat().st_mode):
                    path.unlink()
        if self.postmaster_file is not None and self.postmaster_file.exists():
            _release_shared_memory(self.postmaster_file)


def _die_with_watchdog() -> None:
    # SIGKILL, because SeaweedFS was seen to hang on SIGINT once its directory was gone.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _descendants(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _process_table():
        children.setdefault(parent, []).append(pid)
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            yield pid
            waiting.append(pid)


def _process_table() -> Iterator[tuple[int, int]]:
    """Yield (process id, parent's id) of every process that can be seen."""
    if LINUX:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                # A process may end between the listing and the reading.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    # The name, in parentheses, may itself hold spaces and parentheses.
                    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                    yield int(entry.name), int(fields[1])
        return
    listing = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)


def _await_death(pid: int) -> None:
    """Wait for a killed descendant: as its reaper where the kernel made us that, otherwise by looking."""
    deadline = time.monotonic() + DEATH_SECONDS
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return
        except ChildProcessError:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
        time.sleep(0.005)


def _release_shared_memory(postmaster_file: Path) -> None:
    """Remove the small System V segment by which Postgres guards a data directory.

    Line 7 of postmaster.pid is `key id` (src/include/utils/pidfile.h). A segment that is already gone is no failure.
    """
    lines = postmaster_file.read_text().splitlines()
    if len(lines) >= 7 and len(fields := lines[6].split()) == 2:  # noqa: PLR2004
        LIBC.shmctl(int(fields[1]), IPC_RMID, None)


class Watchdog:
    """Carries out orders until they end, then clears away."""

    def __init__(self, parent_directory: str) -> None:
        self.parent = os.getppid()
        self.children: dict[int, Child] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="expunge-", dir=parent_directory))
        # Servers may run as another user: they pass through, and each owns only its own directory in it.
        self.directory.chmod(0o711)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order and return the answer."""
        if order["do"] == "spawn":
            child = Child(order)
            self.children[child.process.pid] = child
            return {"pid": child.process.pid}
        child = self.children[order["pid"]]
        if order["do"] == "poll":
            return {"returncode": child.process.poll()}
        if order["do"] == "signal":
            child.process.send_signal(order["signal"])
            return {}
        if order["do"] == "kill":
            child.kill_tree()
            return {}
        raise ValueError

    def orders(self) -> Iterator[bytes]:
        """Yield lines from standard input until it ends or the parent is gone."""
        pending = b""
        while os.getppid() == self.parent:
            # The timeout is for a parent whose pipe was inherited by a process that outlives it.
            if not select.select([0], [], [], PARENT_CHECK_SECONDS)[0]:
                continue
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            yield from lines

    def clear(self) -> None:
        """Kill every server and remove what they left; a failure to do one thing does not keep the others from it."""
        with contextlib.ExitStack() as steps:  # last in, first out
            steps.callback(shutil.rmtree, self.directory)
            for child in self.children.values():
                steps.callback(child.tidy)
            for child in self.children.values():
                steps.callback(child.kill_tree)


def main() -> int:
    """Serve one parent; the exit code is 0 only when everything was cleared away."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        # A handler, not SIG_IGN: ignored signals would stay ignored in the servers.
        signal.signal(number, lambda *_: None)
    if LINUX:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    watchdog = Watchdog(sys.argv[1])
    try:
        _say({"directory": str(watchdog.directory)})
        for line in watchdog.orders():
            try:
                answer = watchdog.obey(json.loads(line))
            except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
                answer = {"error": type(error).__name__}
            _say(answer)
    finally:
        watchdog.clear()
    return 0


def _say(answer: dict[str, Any]) -> None:
    # The parent may be gone already; the end of standard input then says so.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
