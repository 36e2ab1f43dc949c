"""Daemons start commands with closed streams, and old systems with ones that know no umlauts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_MAIN = "import sys; sys.argv[0] = 'expunge'; from expunge_orchestrator.cli import main; main()"


@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [(">&-", "receipts verify --help", 0), ("2>&-", "chek", 2), ("<&- >&- 2>&-", "--version", 0)],
)
def test_a_command_ends_as_it_does_otherwise(closed: str, arguments: str, code: int) -> None:
    command = f'exec "$0" -c "$1" {arguments} {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable, _MAIN], check=False, capture_output=True, text=True)
    assert (done.returncode, "Error" in done.stderr) == (code, False), done.stderr


def test_what_a_stream_cannot_encode_is_escaped_in_text_and_json() -> None:
    code = (
        "from expunge_orchestrator import cli; cli._open_streams(); from expunge_orchestrator.cli import output;"
        "output.console().print('Gr\\u00f6\\u00dfe'); output.emit({'name': 'Gr\\u00f6\\u00dfe'})"
    )
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=plain)
    first, _, rest = done.stdout.partition("\n")
    assert first == "Gr\\xf6\\xdfe"
    assert json.loads(rest) == {"name": "Gr\u00f6\u00dfe"}
