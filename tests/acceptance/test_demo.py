"""Must show 1, on a smaller company: the demo ends 0, says what it should, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_shows_the_whole_promise(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = subprocess.run(
        [sys.executable, "-m", "expunge_orchestrator.cli", "demo", "--people", "1000", "--keep", str(kept)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in (
        "partially-erased",
        "NEVER",
        "Object Lock",
        "Authentic statement by Calltrack Ltd.",
        "unanchored",
        "The laws hold.",
        "deleted by age",
        "none is left.",
    ):
        assert told in done.stdout, told
    assert (kept / "receipt.json").exists()
    assert (kept / "receipt.html").read_text(encoding="utf-8").startswith("<!doctype html>")
