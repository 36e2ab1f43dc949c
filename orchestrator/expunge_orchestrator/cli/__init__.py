"""Command line interface (typer). One module per verb; only the verb that was typed is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main() -> None:
    """The console script `expunge`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    `receipts verify` is the offline verifier: it starts without ledger, drivers and the rest of the command line.
    """
    if list(arguments[:2]) == ["receipts", "verify"]:
        from expunge_reports.verify.cli import main as verifier  # noqa: PLC0415 - start-up time

        return verifier(["verify", *arguments[2:]])
    from expunge_orchestrator.cli.app import run as whole_program  # noqa: PLC0415 - start-up time

    return whole_program(arguments)
