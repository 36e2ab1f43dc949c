"""A process that has everything imported and forks one for each command: importing takes longer than a command.

`ForkServer` is a test's end of it. Run as a program, this file is the other end: it reads one job a line from standard
input and forks a supervisor for it, which forks the command and writes two lines to the job's FIFO: the command's
process id, and its exit code. Every command has its own process, streams, environment and working directory.

A rehearsed command runs in that process itself, before others: what it imports, compiles and computes once is there
for all that are forked afterwards.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from select import select
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from expunge_demo.dev_servers import Endpoints

IN, OUT, APPEND = os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_APPEND

_THREAD_SECONDS = 30.0


@dataclass(slots=True)
class ForkedCommand:
    """A command that runs, or ran, in a process of its own.

    Attributes:
        returncode: As of `subprocess.Popen`; None while it was not waited for, or runs.
    """

    pid: int
    _answers: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        if self.returncode is None and select([self._answers], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        """Wait for its end; its exit code, negative for a signal.

        Raises:
            TimeoutError: It runs longer than so many seconds.
        """
        if self.returncode is None:
            if not select([self._answers], [], [], timeout)[0]:
                raise TimeoutError(f"the command runs longer than {timeout} s")
            self.returncode = int(os.read(self._answers, 64))
            os.close(self._answers)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it; a no-op for one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.send_signal(signal.SIGKILL)


@dataclass(slots=True)
class ForkServer:
    """Starts commands of Expunge. Safe for any number of threads.

    Attributes:
        fresh_inspections: Every command is to inspect its stores, instead of taking over what another one saw.
    """

    process: subprocess.Popen[str]
    directory: Path
    fresh_inspections: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: int = 0

    def start(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        streams: Sequence[tuple[Path | str, int]],
        code: str = "",
        rehearsed: bool = False,
    ) -> ForkedCommand:
        """Start one command.

        Args:
            arguments: Of `expunge`.
            directory: It works in.
            environment: All of it.
            streams: Its three standard streams: a file, and `IN`, `OUT` or `APPEND`.
            code: Python that runs in the process before the command, to break something on purpose.
            rehearsed: Run it in the process that commands are forked from, not in one of its own.
        """
        assert self.process.stdin is not None
        with self._lock:
            self._started += 1
            fifo = self.directory / f"answers-{self._started}"
            os.mkfifo(fifo)
            job = {
                "arguments": list(arguments),
                "directory": str(directory),
                "environment": dict(environment),
                "streams": [(str(path), mode) for path, mode in streams],
                "code": code,
                "rehearsed": rehearsed,
                "answers": str(fifo),
            }
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            answers = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            while not select([answers], [], [], 1)[0]:  # the supervisor is not there yet
                assert self.process.poll() is None, "the process that commands are forked from has ended"
            os.set_blocking(answers, True)
        fifo.unlink()
        return ForkedCommand(int(_line(answers)), answers)


@contextmanager
def start_fork_server(options: Mapping[str, str] | None = None) -> Iterator[ForkServer]:
    """Run one for the `with` block; options are variables that Python reads when it starts."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(options or {})}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fork-server-")))
        process = stack.enter_context(
            subprocess.Popen([sys.executable, __file__], env=environment, stdin=subprocess.PIPE, text=True)
        )
        yield ForkServer(process, directory)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def fork_server(
    pytestconfig: pytest.Config, servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForkServer]:
    """What commands are forked from: it knows no installation, so that one serves all."""
    from tests.support.rehearsal import rehearse  # noqa: PLC0415 - the process that forks needs none of it

    with start_fork_server() as made:
        rehearse(made, servers, tmp_path_factory.mktemp("rehearsal"))
        made.fresh_inspections = bool(pytestconfig.getoption("--fresh-inspections"))
        yield made


@pytest.fixture
def remembered_inspections(fork_server: ForkServer) -> Iterator[None]:
    """What a command inspected holds for the next, with `--fresh-inspections` too: the test is of what comes after."""
    before, fork_server.fresh_inspections = fork_server.fresh_inspections, False
    yield
    fork_server.fresh_inspections = before


def _line(descriptor: int) -> bytes:
    """One line, read by single bytes: what follows is read when it is waited for."""
    read = b""
    while not read.endswith(b"\n"):
        one = os.read(descriptor, 1)
        assert one, "the supervisor of a command ended"
        read += one
    return read


def serve() -> None:
    """Import everything, then fork for every line."""
    import boto3.s3.inject  # noqa: F401, PLC0415 - it comes with the first client
    from tests.support import inspections  # noqa: F401, PLC0415
    from tests.support.compiled_statements import share_compiled_statements  # noqa: PLC0415

    from expunge_config.datamap import load  # noqa: PLC0415 - the tests' end of this module imports none of it
    from expunge_connectors.registry import installed  # noqa: PLC0415
    from expunge_orchestrator.cli import commands  # noqa: PLC0415
    from expunge_orchestrator.cli.app import build  # noqa: PLC0415

    build(commands.names())
    registry = installed()
    # A map brings what commands import only when they need it: its connectors, and the calendars of all countries.
    example = files("expunge_demo.calltrack") / "datamap.yaml"
    load(Path(str(example)), registry.store_specs, registry.backup_specs)

    share_compiled_statements()
    keep_what_is_there()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are nobody's to wait for
    for line in sys.stdin:
        job = json.loads(line)
        if job["rehearsed"]:
            run_here(job)
        elif os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            supervise(job)


def keep_what_is_there() -> None:
    """Collect garbage seldom, and none among it: a collection in a child would copy every page of this process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def run_here(job: dict[str, Any]) -> None:
    """Run a command in this process, and leave the process as it was but for what it knows."""
    from expunge_orchestrator.cli import run  # noqa: PLC0415 - as above

    answers = os.open(job["answers"], os.O_WRONLY)
    os.write(answers, f"{os.getpid()}\n".encode())
    usual = dict(os.environ), Path.cwd(), (sys.stdin, sys.stdout, sys.stderr)
    code = 1
    try:
        with ExitStack() as stack:
            opened = [
                os.fdopen(os.open(path, mode, 0o600), "r" if mode == IN else "w") for path, mode in job["streams"]
            ]
            sys.stdin, sys.stdout, sys.stderr = (stack.enter_context(one) for one in opened)
            os.environ.clear()
            os.environ.update(job["environment"])
            os.chdir(job["directory"])
            code = run(job["arguments"])
    finally:
        os.environ.clear()
        os.environ.update(usual[0])
        os.chdir(usual[1])
        sys.stdin, sys.stdout, sys.stderr = usual[2]
        os.write(answers, f"{code}\n".encode())
        os.close(answers)
    for thread in threading.enumerate():  # of the command's own: one may not have come to its end yet
        if thread is not threading.current_thread():
            thread.join(_THREAD_SECONDS)
    assert threading.active_count() == 1, "a process that forks must have one thread"
    keep_what_is_there()


def supervise(job: dict[str, Any]) -> NoReturn:
    """Fork the command, and say what it is and how it ended."""
    answers = os.open(job["answers"], os.O_WRONLY)
    child = os.fork()
    if child == 0:
        os.close(answers)
        become(job)
    os.write(answers, f"{child}\n".encode())
    os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
    os._exit(0)


def share_inspections(job: Mapping[str, Any]) -> None:
    """Share what commands of the session saw of their stores; not where code of a test may break a store.

    A server works on while a test changes rights: it looks itself.
    """
    from tests.support import inspections  # noqa: PLC0415 - as above

    directory = os.environ.pop(inspections.SHARED_IN, None)
    if directory is not None and not job["code"] and job["arguments"][:1] != ["serve"]:
        inspections.share_with_commands(Path(directory))


def become(job: dict[str, Any]) -> NoReturn:
    """Be the command."""
    code = 1  # what Python itself would end with
    try:
        for number, (path, mode) in enumerate(job["streams"]):
            os.dup2(os.open(path, mode, 0o600), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one read jobs
        os.chdir(job["directory"])
        os.environ.clear()
        os.environ.update(job["environment"])
        time.tzset()
        share_inspections(job)
        exec(job["code"])
        from expunge_orchestrator.cli import run  # noqa: PLC0415 - as above

        code = run(job["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
