"""Demo scenario: the commands that a person would type, in order."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from expunge_demo.endpoints import Endpoints
from expunge_demo.errors import DemoError
from expunge_demo.loader import Loaded

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `expunge` commands as a person would type them, in this process: start-up would be most of the time.

    Attributes:
        run_command: The command line's own entry: arguments in, exit code out.
        directory: Where the commands are typed; ledger, keys and receipts end up below it.
        environment: The settings, and nothing of the caller's.
        show: Told each command line before it runs.
    """

    run_command: Callable[[Sequence[str]], int]
    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    show: Show

    def run(self, *arguments: str) -> None:
        """Run a command.

        Raises:
            DemoError: It failed.
        """
        self.show(f"$ expunge {' '.join(arguments)}")
        with self._place():
            code = self.run_command(arguments)
        if code:
            raise DemoError(f"`expunge {arguments[0]}` ended with exit code {code}.")

    def tell(self, *arguments: str) -> str:
        """Run a command, show its output, and return it.

        Raises:
            DemoError: It failed.
        """
        output = io.StringIO()
        try:
            with redirect_stdout(output):
                self.run(*arguments)
        finally:
            sys.stdout.write(output.getvalue())
        return output.getvalue()

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a command for its JSON.

        Raises:
            DemoError: It failed.
        """
        output = io.StringIO()
        with redirect_stdout(output), self._place():
            code = self.run_command([*arguments, "--json"])
        if code:
            raise DemoError(f"`expunge {arguments[0]}` ended with exit code {code}.")
        answer: dict[str, Any] = json.loads(output.getvalue())
        return answer

    @contextmanager
    def _place(self) -> Iterator[None]:
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            with chdir(self.directory):
                yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def settings_for(places: Endpoints, loaded: Loaded, home: Path) -> dict[str, str]:
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
        "EXPUNGE_DATA_MAP": str(files("expunge_demo.calltrack") / "datamap.yaml"),
        "EXPUNGE_SETTLING": "PT1S",
        "EXPUNGE_STORES__MAIN__URL": loaded.postgres_url,
        "EXPUNGE_STORES__MAIN__SEARCH_URL": loaded.search_url,
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


def delete_by_age(shell: Shell) -> None:
    """Plan what has had its time, give leave, let it go, and report."""
    planned = shell.tell("retention", "plan")
    made, digest = re.search(r"\brp_[0-9a-f]+", planned), re.search(r"^digest ([0-9a-f]{64})$", planned, re.MULTILINE)
    if made is None or digest is None:
        raise DemoError("`expunge retention plan` did not print a plan and a digest.")
    shell.run("retention", "arm", made[0], "--confirm", digest[1])
    shell.run("retention", "run", "--busy", "1")
    shell.run("retention", "report")


def verify_receipt(shell: Shell, batch: str, people: Path) -> None:
    """Export the receipt of a batch of one, make its opening, and verify both offline."""
    (receipt,) = shell.ask("receipts", "list", "--batch", batch)["receipts"]
    series = str(receipt["id"])
    shell.run("receipts", "show", series)
    shell.run("receipts", "export", series, "-o", "receipt.json", "--page", "receipt.html")
    shell.run("receipts", "opening", series, people.name, "-o", "openings")
    opening = next((shell.directory / "openings").iterdir()).relative_to(shell.directory)
    trust = Path(f"{shell.environment['EXPUNGE_HOME']}-keys", "trust.json")
    (shell.directory / "trust.json").write_bytes(trust.read_bytes())
    shell.run("receipts", "verify", "receipt.json", "--trust", "trust.json", "--opening", str(opening))
