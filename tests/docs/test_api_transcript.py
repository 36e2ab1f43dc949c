"""docs/api-transcript.md, typed as it stands: real curl, `expunge serve` as a process, real stores."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.support.doc_session import Terminal, brought_up_to_date, files, typed
from tests.support.documentation import ROOT
from tests.support.installation import CompanyStack, fresh_installation

from expunge_demo.dev_servers.ports import free_ports

PAGE = ROOT / "docs" / "api-transcript.md"


def test_the_page_is_true(calltrack: CompanyStack, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.fail("curl is not installed: apt-get install -y curl")
    page = PAGE.read_text(encoding="utf-8")
    (port,) = free_ports(1)
    (holder,) = calltrack.take_holders()
    # The last of the callers: other tests take the first ones.
    caller, other = calltrack.company.callers_of(42)[-2:]
    replaced = {
        "8080": str(port),
        '"caller_id": "17"': f'"caller_id": "{caller}"',
        '"caller_id": "18"': f'"caller_id": "{other}"',
        '"user_id": "4"': f'"user_id": "{holder}"',
        "ann@mail.example": calltrack.company.holder(holder).user.email,
    }

    def adapted(command: str) -> str:
        for there, here in replaced.items():
            command = command.replace(there, here)
        return command

    for name, content in files(page).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    with fresh_installation(calltrack, tmp_path / "expunge"):
        environment = calltrack.environment(tmp_path / "expunge")
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    terminal = Terminal(tmp_path, environment)
    try:
        ran = typed(page, terminal, adapted)
    finally:
        terminal.close()
    wrong = [one for one in ran if not one.as_written]
    new = tmp_path / PAGE.name
    new.write_text(brought_up_to_date(page, ran), encoding="utf-8")
    told = "\n".join(f"$ {one.command.text}{one.printed}(exit code {one.code})" for one in wrong)
    errors = (tmp_path / "stderr.txt").read_text(encoding="utf-8")
    assert wrong == [], f"{told}\n{errors}\nThe page with today's answers is {new}: if they are right, copy it."
