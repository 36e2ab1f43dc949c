"""Every mutant of the rules can be planted: `make chaos` sees that the model notices it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.model.mutants import MUTANTS

ROOT = Path(__file__).parents[2]


def test_every_mutant_can_be_planted_and_is_python(tmp_path: Path) -> None:
    for mutant in MUTANTS:
        copied = tmp_path / mutant.file
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / mutant.file, copied)
        mutant.plant(tmp_path)
        compile(copied.read_text(), mutant.file, "exec")
