"""A process that has everything imported and forks one for each command: importing takes longer than a command.

Reads one job a line: {"arguments": [...], "environment": {...}, "directory": "...", "files": [stdin, stdout, stderr]};
answers with one exit code a line. Every command has its own process, streams, environment and working directory.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from expunge_config.datamap import load
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import run
from expunge_orchestrator.cli.app import VERBS, build

EXAMPLE = files("expunge_config.examples.calltrack") / "datamap.yaml"


def main() -> None:
    build([verb for verb in VERBS if verb != "demo"])
    registry = installed()
    # A map brings what commands import only when they need it: its connectors, and the calendars of all countries.
    load(Path(str(EXAMPLE)), registry.store_specs, registry.backup_specs)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def become(job: dict[str, Any]) -> NoReturn:
    for number, (path, mode) in enumerate(zip(job["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(path, mode), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one read jobs
    os.chdir(job["directory"])
    os.environ.clear()
    os.environ.update(job["environment"])
    code = 1  # what Python itself would end with
    try:
        code = run(job["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


main()
