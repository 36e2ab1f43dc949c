"""Commands of installed packages: found by entry point, never in place of ours, and a broken one stops itself alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from expunge_orchestrator.cli import commands, run


def register(app: typer.Typer) -> None:
    """Add a command, as a package does."""

    @app.command("greet")
    def greet() -> None:
        """Greet."""
        typer.echo("hello")


POINTS = {
    "greet": f"{__name__}:register",
    "lost": "no_such_package:register",
    "gone": f"{__name__}:no_such_function",
    "status": f"{__name__}:register",
    "broken": "broken_package:register",
}


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    points = [EntryPoint(name, value, commands.GROUP) for name, value in POINTS.items()]
    monkeypatch.setattr(commands, "entry_points", lambda *, group: points if group == commands.GROUP else [])
    (tmp_path / "broken_package.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    commands._added.cache_clear()
    yield
    commands._added.cache_clear()


def test_it_is_found_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet"]) == 0
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize("name", ["lost", "gone", "broken"])
def test_one_that_cannot_be_loaded_says_so_when_it_is_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert f"The command {name} is installed but cannot be loaded" in told
    assert f"Reinstall the package that provides {POINTS[name]}." in told


def test_one_that_cannot_be_loaded_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert "greet" in told
    assert all(f" {name} " in told for name in commands.OURS)
    assert not any(f" {name} " in told for name in ("lost", "broken"))


def test_it_is_guessed_when_it_is_mistyped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greeet"]) == 2
    assert "Did you mean `expunge greet`?" in " ".join(capsys.readouterr().err.split())


def test_ours_stay_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--help"]) == 0
    assert "hello" not in capsys.readouterr().out
    assert "greet" in commands.names()
    assert commands.names().count("status") == 1


def test_the_product_starts_without_the_demonstration() -> None:
    code = (
        "import sys; sys.modules['expunge_demo'] = None\n"
        "from expunge_orchestrator.cli import run\n"
        "sys.exit(run(['--help']) or run(['status', '--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "status" in done.stdout
    assert "serve-demo" not in done.stdout
