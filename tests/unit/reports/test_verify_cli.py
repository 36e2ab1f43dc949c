"""The command line as an auditor meets it: a process of its own, exit codes and words."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from expunge_reports import opening, statement, trust
from expunge_reports.log import signed_note
from expunge_reports.verify.cli import main


@pytest.fixture
def files(finished, tmp_path):
    (tmp_path / "receipt.json").write_bytes(finished.export())
    (tmp_path / "trust.json").write_bytes(trust.encode(finished.trust))
    for number, given in enumerate(finished.openings):
        (tmp_path / f"opening-{number}.json").write_bytes(given)
    return tmp_path


def arguments(files, *more: str) -> list[str]:
    return ["verify", str(files / "receipt.json"), "--trust", str(files / "trust.json"), *more]


def test_a_good_receipt_exits_0_and_says_authentic_and_unanchored(files):
    opening_options = [item for number in (0, 1) for item in ("--opening", str(files / f"opening-{number}.json"))]
    ran = subprocess.run(
        [sys.executable, "-m", "expunge_reports", *arguments(files, *opening_options)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "authentic" in ran.stdout
    assert "unanchored" in ran.stdout
    assert "as of checkpoint receipts.example.org size 303" in ran.stdout
    assert "2 of 2" in ran.stdout
    assert "ada@example.com" not in ran.stdout


def test_json_carries_the_same(files, capsys):
    assert main(arguments(files, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["authentic"], found["anchored"], found["complete"]) == (
        "unanchored",
        True,
        False,
        True,
    )
    assert found["as_of"]["size"] == 303
    assert [item["event"] for item in found["statements"]] == ["accepted", "partially-erased", "settled"]


def test_an_altered_receipt_exits_1_with_its_reason(files, capsys):
    path = files / "receipt.json"
    path.write_bytes(path.read_bytes().replace(b'"kind":"plan"', b'"kind":"plam"'))
    assert main(arguments(files)) == 1
    assert capsys.readouterr().out.startswith("invalid: shared-document-altered: ")
    assert main(arguments(files, "--json")) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "shared-document-altered"


def test_another_persons_opening_exits_1(files, finished, capsys):
    stranger = opening.make(finished.epoch, finished.series, "email/1", "eve@example.com")
    (files / "opening-0.json").write_bytes(stranger)
    assert main(arguments(files, "--opening", str(files / "opening-0.json"))) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("invalid: opening-mismatch: ")
    assert "eve" not in shown.out + shown.err


def test_a_receipt_that_is_incomplete_and_nothing_else_exits_12(make_operator, tmp_path, capsys):
    """So that a script tells an old receipt from a false one."""
    operator = make_operator()
    operator.issue("accepted", still_open=statement.Open(1, datetime(2026, 1, 2, tzinfo=UTC)))
    (tmp_path / "receipt.json").write_bytes(operator.export())
    (tmp_path / "trust.json").write_bytes(trust.encode(operator.trust))
    assert main(arguments(tmp_path)) == 12
    assert "incomplete" in capsys.readouterr().out
    (tmp_path / "trust.json").write_bytes(trust.encode(demanding_witness(operator.trust)))
    assert main(arguments(tmp_path)) == 1
    assert main(arguments(tmp_path, "--allow-unanchored")) == 12


def demanding_witness(taken: trust.Trust) -> trust.Trust:
    key = signed_note.VerifierKey("witness.example", signed_note.WITNESS_KEY, bytes(range(32)))
    return replace(taken, witnesses=(key,), quorum=1)


def test_a_quorum_that_is_demanded_and_not_reached_exits_1(files, finished, capsys):
    (files / "trust.json").write_bytes(trust.encode(demanding_witness(finished.trust)))
    assert main(arguments(files)) == 1
    said = capsys.readouterr().out
    assert said.startswith("authentic, unanchored\n")
    assert "unanchored: the trust file demands 1 witness of this checkpoint, and there are fewer" in said
    assert main(arguments(files, "--allow-unanchored")) == 0
    assert main(arguments(files, "--json")) == 1


def ran(files, *more: str, redirected: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a shell, so that its output can go anywhere."""
    command = shlex.join([sys.executable, "-m", "expunge_reports", *arguments(files, *more)])
    return subprocess.run(
        f"{command} {redirected}", shell=True, capture_output=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_name_that_the_terminal_has_not_is_escaped(files, finished, encoding, option):
    (files / "trust.json").write_bytes(trust.encode(replace(finished.trust, operator="株式会社")))
    found = ran(files, *option, PYTHONIOENCODING=encoding)
    assert (found.returncode, found.stderr) == (0, b"")
    plain = not option and encoding == "utf-8"
    assert ("株式会社".encode() if plain else b"\\u682a\\u5f0f\\u4f1a\\u793e") in found.stdout


@pytest.mark.parametrize("redirected", [">/dev/full", ">&-", ">/dev/full 2>/dev/full", ">&- 2>&-"])
@pytest.mark.parametrize("option", ["--json", "--help"])
def test_a_verdict_that_cannot_be_written_is_none(files, redirected, option):
    found = ran(files, option, redirected=redirected)
    assert found.returncode == 2
    assert b"Traceback" not in found.stderr
    assert ("2>" in redirected) == (b"cannot verify: the verdict could not be written" not in found.stderr)


@pytest.mark.parametrize("option", ["--trust", "--log"])
def test_a_second_trust_file_or_log_is_refused(files, finished, capsys, option):
    """Which of the two was meant? An alias that ends in `--trust ours` must not outvote the reader's."""
    given = {"--trust": str(files / "trust.json"), "--log": str(finished.directory)}[option]
    assert main([*arguments(files, "--log", str(finished.directory)), option, given]) == 2
    shown = capsys.readouterr()
    assert (shown.out, f"{option} is given twice" in shown.err) == ("", True)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_newline_at_the_end_of_a_file_changes_nothing(files, end):
    """Editors, `jq` and mail programs put one there."""
    for path in files.iterdir():
        if path.is_file():
            path.write_bytes(path.read_bytes().rstrip(b"\n") + end)
    assert main(arguments(files, "--opening", str(files / "opening-0.json"))) == 0


def test_two_files_in_one_are_named(files, capsys):
    whole = {name: (files / name).read_bytes() for name in ("receipt.json", "trust.json")}
    (files / "receipt.json").write_bytes(whole["receipt.json"] + b"\n" + whole["receipt.json"])
    assert main(arguments(files)) == 1
    assert capsys.readouterr().out.startswith("invalid: several-documents: ")
    (files / "trust.json").write_bytes(whole["trust.json"] * 2)
    assert main(arguments(files)) == 2
    assert "The file holds several documents" in capsys.readouterr().err


def test_what_cannot_be_used_exits_2(files, capsys):
    assert main([]) == 2
    assert main(["verify"]) == 2
    assert main(["verify", str(files / "receipt.json")]) == 2
    assert main(["purge", "x"]) == 2
    assert main(["verify", str(files / "missing"), "--trust", str(files / "trust.json")]) == 2
    assert main(["verify", str(files), "--trust", str(files / "trust.json")]) == 2
    assert main(arguments(files, "--opening", str(files / "missing"))) == 2
    (files / "trust.json").write_text("{}")
    assert main(arguments(files)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_help_exits_0(capsys):
    assert main(["--help"]) == 0
    assert "exit codes" in capsys.readouterr().out


def test_the_verifier_imports_the_standard_library_and_cryptography_alone():
    code = (
        "import sys; before = set(sys.modules); import expunge_reports.verify.cli;"
        "print(' '.join(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = set(ran.stdout.split()) - sys.stdlib_module_names
    # The last two are cryptography's own extension modules.
    assert foreign == {"expunge_reports", "cryptography", "_cffi_backend", "_openssl"}
    # Costly to import and not needed to verify.
    assert not {"typing_extensions", "asyncio", "http", "ssl", "hypothesis"} & set(ran.stdout.split())


def test_the_help_says_what_each_code_and_word_means(capsys):
    assert main(["verify", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    for word in ("authentic", "unanchored", "incomplete", "contradictory", "invalid"):
        assert f"  {word} " in said
    for code in (0, 1, 2, 12):
        assert f"  {code} " in said
