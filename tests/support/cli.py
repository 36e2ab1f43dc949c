"""The command line as people use it: a process for every command, settings in the environment, lists on stdin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CliResult:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Everything, in one line: the terminal folds long messages."""
        return " ".join((self.out + self.err).split())


@dataclass(frozen=True, slots=True)
class CliRunner:
    """Where commands are typed. With a `fork_server` (see `warm`) a command does not import the world first."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    fork_server: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, stdin: bytes = b"", settings: Mapping[str, str] | None = None) -> CliResult:
        """Run one command to its end, in a process of its own."""
        environment = {**self.environment, **(settings or {})}
        if self.fork_server is not None:
            return self._forked(self.fork_server, arguments, stdin, environment)
        done = subprocess.run(
            [sys.executable, "-m", "expunge_orchestrator.cli", *arguments],
            cwd=self.directory,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return CliResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    def _forked(
        self,
        fork_server: subprocess.Popen[str],
        arguments: tuple[str, ...],
        stdin: bytes,
        environment: Mapping[str, str],
    ) -> CliResult:
        assert fork_server.stdin is not None
        assert fork_server.stdout is not None
        with tempfile.TemporaryDirectory() as place:
            streams = [Path(place, name) for name in ("in", "out", "err")]
            for path, content in zip(streams, (stdin, b"", b""), strict=True):
                path.write_bytes(content)
            job = {
                "arguments": arguments,
                "environment": dict(environment),
                "directory": str(self.directory),
                "files": [str(path) for path in streams],
            }
            fork_server.stdin.write(json.dumps(job) + "\n")
            fork_server.stdin.flush()
            code = int(fork_server.stdout.readline())
            return CliResult(code, streams[1].read_text(), streams[2].read_text())


@contextmanager
def start_fork_server(options: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that forks ready ones, for `CliRunner`; options are variables that Python reads when it starts."""
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    environment = {**os.environ, **(options or {})}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
