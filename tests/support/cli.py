"""The command line as people use it: a process for every command, settings in the environment, lists on stdin."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import ledgers
from tests.support.fork_server import IN, OUT, ForkedCommand, ForkServer


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
    """Where commands are typed."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    fork_server: ForkServer

    def __post_init__(self) -> None:
        """Keep the ledger where this test has it."""
        home = self.directory / self.environment.get("EXPUNGE_HOME", ".expunge")
        if "EXPUNGE_LEDGER_URL" not in self.environment and (ledger := ledgers.url_for(home)) is not None:
            object.__setattr__(self, "environment", {**self.environment, "EXPUNGE_LEDGER_URL": ledger})

    @property
    def ledger(self) -> str:
        """The URL of the ledger."""
        home = self.directory / self.environment.get("EXPUNGE_HOME", ".expunge")
        return self.environment.get("EXPUNGE_LEDGER_URL", f"sqlite:///{home / 'ledger.sqlite3'}")

    def start(self, *arguments: str, code: str = "") -> ForkedCommand:
        """Start a command that is given nothing and that nobody listens to."""
        streams = [("/dev/null", IN), ("/dev/null", OUT), ("/dev/null", OUT)]
        return self.fork_server.start(
            arguments, directory=self.directory, environment=self.environment, streams=streams, code=code
        )

    def run(
        self, *arguments: str, stdin: bytes = b"", settings: Mapping[str, str] | None = None, code: str = ""
    ) -> CliResult:
        """Run one command to its end, in a process of its own, in which this code runs first."""
        with tempfile.TemporaryDirectory() as place:
            read, out, err = (Path(place, name) for name in ("in", "out", "err"))
            read.write_bytes(stdin)
            command = self.fork_server.start(
                arguments,
                directory=self.directory,
                environment={**self.environment, **(settings or {})},
                streams=[(read, IN), (out, OUT), (err, OUT)],
                code=code,
            )
            return CliResult(command.wait(), out.read_text(), err.read_text())
