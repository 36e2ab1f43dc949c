"""`expunge serve-demo`: the API and the example's pages in one command, and nothing of it after Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from tests.support.documentation import ROOT
from tests.support.host_state import processes_below, reachable_directory
from tests.support.servers import wait_until

from expunge_demo.dev_servers.ports import is_free

EXAMPLE = ROOT / "docs" / "examples" / "account_settings"
ROLES = {"requester", "operator", "approver", "auditor", "admin"}
KEY = re.compile(r"^  (\w+) +(\S+) +(xk_\S+)$")


def two_free_ports() -> int:
    """The first of two free neighbours."""
    return next(port for port in range(14000, 15000, 2) if is_free(port) and is_free(port + 1))


def told(output: IO[str]) -> list[str]:
    """What it printed until it listens."""
    lines = []
    for line in output:
        lines.append(line.rstrip("\n"))
        if "Uvicorn running" in line:
            return lines
    raise AssertionError("\n".join(lines))


def status(url: str, key: str | None = None) -> int:
    """The answer's status."""
    asked = urllib.request.Request(url, headers={} if key is None else {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_one_command_serves_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    port = two_free_ports()
    command = ["-m", "expunge_orchestrator.cli", "serve-demo", "--people", "250", "--port", str(port)]
    with reachable_directory() as directory:
        started = subprocess.Popen(
            [sys.executable, *command, "--application", str(EXAMPLE)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(directory)},
            cwd=tmp_path,
            start_new_session=True,
        )
        try:
            assert started.stdout is not None
            lines = told(started.stdout)
            api, page = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
            assert f"The account-settings page: {page}" in lines
            keys = {match[1]: match[3] for match in map(KEY.match, lines) if match}
            assert keys.keys() == ROLES
            assert status(f"{api}/v1/erasure_requests", keys["auditor"]) == 200
            assert status(f"{api}/v1/erasure_requests", keys["admin"]) == 403
            assert status(f"{api}/v1/erasure_requests") == 401
            wait_until(lambda: status(page) == 200, seconds=60)
            assert list(directory.iterdir()) != []
            os.killpg(started.pid, signal.SIGINT)  # as a terminal does: everybody in the foreground is told
            rest = started.stdout.read()
            assert started.wait(60) == 0, rest
        finally:
            if started.poll() is None:
                started.kill()
                started.wait()
            if started.stdout is not None:
                started.stdout.close()
        assert rest.rstrip().endswith("Nothing is left running.")
        assert "Traceback" not in rest
        assert processes_below(directory) == []
        assert list(directory.iterdir()) == []
        assert is_free(port)
        assert is_free(port + 1)
