"""Command line interface (typer). A module for each verb, by its name; only the one that was typed is imported.

check, locate, plan, approve, erase, status           from the data map to a batch that is done
search                                                what is left, without the data map
pause, resume, retry, cancel, end                     what operators do to a batch
holds, attribute                                      what must stay, and whose it is
run_due, copies, retention, receipts                  what has come due, backup copies, ages, receipts
replay                                                who is back after a restore
keys, api_keys, adopt, map, serve                     installation, API keys, stores, the API

retention_plan, retention_arm, retention_run, retention_report, retention_drift   the verbs of `retention`
commands     the verbs by name, and those that other packages add by entry point
app          typer, and the one place where errors are printed
exit_codes   exit codes and their meanings
output       tables, progress, JSON, prompts
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path


def main() -> None:
    """The console script `expunge`."""
    _open_streams()
    sys.exit(run(sys.argv[1:]))


def _open_streams() -> None:
    """Print to nowhere where the caller has closed a stream, and escape what a stream cannot encode.

    Before any file is opened: it would get the number of the closed stream, and what prints there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    `receipts verify` is the offline verifier: it starts without ledger, drivers and the rest of the command line.
    """
    if list(arguments[:2]) == ["receipts", "verify"]:
        from expunge_reports.verify.cli import main as verifier  # noqa: PLC0415 - start-up time

        return verifier(["verify", *arguments[2:]])
    from expunge_orchestrator.cli.app import run as whole_program  # noqa: PLC0415 - start-up time

    return whole_program(arguments)
