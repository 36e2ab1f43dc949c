"""Every mutant of a rule is noticed by the reference model, or by the test that is named for it.

A model that agrees with everything would notice none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.model import mutant_trial, sampling
from tests.support.model.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
WORLDS = 1_000
"""So many at most; most mutants are noticed in one of the first hundred."""
_WORLDS_OF_AGES = {"EXPUNGE_MODEL_CASES": "600", "EXPUNGE_CHAOS_SEED": "1"}
"""For the named test that draws worlds: a rule of which few worlds know is noticed, too."""


def _outcome(database: str, packages: Path, worlds: int) -> tuple[int, str]:
    return _run(packages, mutant_trial.__name__, database, str(sampling.seed() * WORLDS), str(worlds))


def _run(packages: Path, module: str, *arguments: str) -> tuple[int, str]:
    folders = sorted(packages.iterdir()) if packages.exists() else []
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=_WORLDS_OF_AGES
        | os.environ
        | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr[-2000:]


def test_without_a_mutant_the_model_agrees(database: str, tmp_path: Path) -> None:
    """In the worlds in which nearly all of them are noticed."""
    code, said = _outcome(database, tmp_path / "none", 100)
    assert code == mutant_trial.AGREED, said


def _copied(packages: Path) -> Path:
    for one in ("config", "connectors", "orchestrator"):
        shutil.copytree(ROOT / one, packages / one, ignore=shutil.ignore_patterns("__pycache__"))
    return packages


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if not one.test], ids=lambda mutant: mutant.breaks)
def test_the_model_notices_a_broken_rule(database: str, tmp_path: Path, mutant: Mutant) -> None:
    mutant.plant(_copied(tmp_path))
    code, said = _outcome(database, tmp_path, WORLDS)
    print(said)  # noqa: T201 - in which world
    assert code == mutant_trial.DISAGREED, said


@pytest.mark.parametrize("named", sorted({one.test for one in MUTANTS if one.test}))
def test_without_a_mutant_the_named_test_passes(tmp_path: Path, named: str) -> None:
    code, said = _run(_copied(tmp_path), "pytest", "-q", "-p", "no:cacheprovider", named)
    assert code == pytest.ExitCode.OK, said


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.test], ids=lambda mutant: mutant.breaks)
def test_the_named_test_notices_a_broken_rule(tmp_path: Path, mutant: Mutant) -> None:
    mutant.plant(_copied(tmp_path))
    code, said = _run(tmp_path, "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test)
    assert code == pytest.ExitCode.TESTS_FAILED, said
