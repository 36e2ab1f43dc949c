"""The walk through the whole promise: the commands that a person would type, on the example company."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from expunge_orchestrator.demo.company import Loaded
from expunge_orchestrator.demo.errors import DemoError
from expunge_orchestrator.demo.places import Places

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `expunge` commands as a person would: each in a process of its own, with settings in the environment.

    Attributes:
        directory: Where the commands are typed; ledger, keys and receipts end up below it.
        environment: The settings.
        show: Told each command line before it runs.
    """

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    show: Show

    def run(self, *arguments: str) -> None:
        """Run a command whose output a person sees.

        Raises:
            DemoError: It failed.
        """
        self._shown(arguments, None)

    def tell(self, *arguments: str) -> str:
        """Run a command, show its output, and return it.

        Raises:
            DemoError: It failed.
        """
        output = self._shown(arguments, subprocess.PIPE)
        sys.stdout.write(output)
        sys.stdout.flush()
        return output

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a command for its JSON.

        Raises:
            DemoError: It failed.
        """
        answer: dict[str, Any] = json.loads(self._done([*arguments, "--json"], subprocess.PIPE))
        return answer

    def _shown(self, arguments: Sequence[str], stdout: int | None) -> str:
        self.show(f"$ expunge {' '.join(arguments)}")
        return self._done(arguments, stdout)

    def _done(self, arguments: Sequence[str], stdout: int | None) -> str:
        done = subprocess.run(  # noqa: S603 - our own program, with arguments that stand in this module
            [sys.executable, "-m", "expunge_orchestrator.cli", *arguments],
            cwd=self.directory,
            env=dict(self.environment),
            check=False,
            stdout=stdout,
            text=True,
        )
        if done.returncode:
            raise DemoError(f"`expunge {arguments[0]}` ended with exit code {done.returncode}.")
        return done.stdout or ""


def settings_for(places: Places, loaded: Loaded, home: Path) -> dict[str, str]:
    """The environment that points Expunge at the example company. Inherited settings of the caller are left out."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("EXPUNGE_")}
    s3 = {
        "ENDPOINT_URL": places.s3_endpoint,
        "ACCESS_KEY_ID": places.s3_access_key,
        "SECRET_ACCESS_KEY": places.s3_secret_key,
    }
    return {
        **inherited,
        "EXPUNGE_HOME": str(home),
        "EXPUNGE_DATA_MAP": str(files("expunge_config.examples.calltrack") / "datamap.yaml"),
        "EXPUNGE_SETTLING": "PT1S",
        "EXPUNGE_STORES__MAIN__URL": loaded.postgres_url,
        "EXPUNGE_STORES__CACHE__URL": places.redis_url,
        **{
            f"EXPUNGE_STORES__{store}__{name}": value for store in ("RECORDINGS", "DUMPS") for name, value in s3.items()
        },
    }


def erase(shell: Shell, people: Path, controller: str) -> str:
    """Plan a list and carry it out; returns the batch."""
    planned = shell.tell("plan", people.name, "--controller", controller)
    made, digest = re.search(r"\bbt_[0-9a-f]+", planned), re.search(r"^digest ([0-9a-f]{64})$", planned, re.MULTILINE)
    if made is None or digest is None:
        raise DemoError("`expunge plan` did not print a batch and a digest.")
    shell.run("erase", made[0], "--confirm", digest[1])
    return made[0]


def prove(shell: Shell, batch: str, people: Path) -> None:
    """Export the receipt of a batch of one, make its opening, and verify both offline."""
    (receipt,) = shell.ask("receipts", "list", "--batch", batch)["receipts"]
    series = str(receipt["series"])
    shell.run("receipts", "show", series)
    shell.run("receipts", "export", series, "-o", "receipt.json", "--page", "receipt.html")
    shell.run("receipts", "opening", series, people.name, "-o", "openings")
    opening = next((shell.directory / "openings").iterdir()).relative_to(shell.directory)
    trust = Path(shell.environment["EXPUNGE_HOME"]) / "keys" / "trust.json"
    (shell.directory / "trust.json").write_bytes(trust.read_bytes())
    shell.run("receipts", "verify", "receipt.json", "--trust", "trust.json", "--opening", str(opening))
