"""Exit codes, and what the command line never repeats."""

from __future__ import annotations

from pathlib import Path

import pytest

from expunge_orchestrator.cli import commands, run

SECRET = "ann@mail.example"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", commands.names())
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    told = capsys.readouterr().out
    if "Commands" not in told:
        assert "Example:" in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["nonsense"], 2),
        (["plan"], 2),
        (["plan", "people.csv"], 2),
        (["plan", "people.csv", "--nonsense"], 2),
        (["erase"], 2),
        (["erase", "bt_1", "--people", "x.csv"], 2),
        (["check"], 3),
        (["status"], 3),
        *((["retention", "run", "--minutes", one], 2) for one in ("nan", "inf", "1e308", "9" * 400, "99999999999")),
        (["retention", "run", "--busy", "nan"], 2),
        (["retention", "arm", "rp_1", "--at-most", str(2**63)], 2),
        *((["search", "--blind", "-", "--minutes", one], 2) for one in ("nan", "inf", "9" * 400)),
        (["receipts", "verify"], 2),
        (["receipts", "verify", "none.json", "--trust", "none.json"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert code == 0 or captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(("typed", "meant"), [("palan", "plan"), ("stauts", "status"), ("hold", "holds")])
def test_a_mistyped_command_is_guessed(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([typed]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"Did you mean `expunge {meant}`?" in told
    assert "palan" not in told


def test_nothing_typed_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    run([])
    told = capsys.readouterr()
    assert "Usage:" in told.out + told.err
    assert all(verb in told.out + told.err for verb in commands.names())


@pytest.mark.parametrize(
    "arguments",
    [[SECRET], ["status", "bt_1", SECRET], ["plan", "-", "-c", "calltrack", SECRET], ["erase", "a", SECRET]],
)
def test_an_identifier_typed_by_mistake_is_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err


def test_a_defect_tells_its_place_and_not_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("expunge_orchestrator.cli.status.load_settings", broken)
    assert run(["status"]) == 70
    captured = capsys.readouterr()
    assert "RuntimeError" in captured.err
    assert SECRET not in captured.out + captured.err
