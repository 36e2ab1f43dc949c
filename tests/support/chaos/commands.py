"""The command of the chaos tests, and the list of people it is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.chaos.company import Request
from tests.support.chaos.scenarios import Chaos

from expunge_demo.ground_truth import Erased

# Nobody of them shares a home with another one: two chunks run at once, and who comes last to a shared home may differ.
REQUEST = Request("crowd", "calltrack", "user_id\n1\n4\n8\n10\n15\n", Erased(users=frozenset({1, 4, 8, 10, 15})))


def command(chaos: Chaos, home: Path, *words: str) -> subprocess.Popen[bytes]:
    """Type a command."""
    with (home / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "expunge_orchestrator.cli", *words],
            env=chaos.world.environment(home),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
