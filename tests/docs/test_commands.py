"""Every command line in the documentation and in the help texts would be understood: nothing is carried out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.markup import render
from tests.support.documentation import ROOT, command_lines, commands_in, pages

from expunge_orchestrator.cli import commands
from expunge_orchestrator.cli.app import build
from expunge_reports.verify import cli

TREE: Any = typer.main.get_command(build(commands.names()))
EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)


def leaves(command: Any = TREE, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return every command that does something, with the words that lead to it."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves(below, (*path, name))


def refused(words: list[str]) -> str | None:
    """Return why the command line would be refused for its form, or None."""
    program, *arguments = words
    if program == "expunge" and arguments[:2] == ["receipts", "verify"]:
        program, arguments = "expunge_reports", arguments[1:]
    if program == "expunge_reports":
        try:
            cli._parser().parse_args(arguments)
        except SystemExit as stop:
            return f"the verifier leaves with {stop.code}"
        return None
    command, parent = TREE, None
    while True:
        try:
            context = command.make_context(command.name or "expunge", list(arguments), parent=parent)
            if not hasattr(command, "resolve_command"):
                return None
            _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        except typer.TyperException as error:
            return f"{type(error).__name__}: {error}"
        parent = context


def written() -> list[tuple[str, list[str]]]:
    """Return (where, words) of every command line in the pages."""
    return [(str(page.relative_to(ROOT)), words) for page in pages() for words in command_lines(page.read_text())]


def examples() -> list[tuple[str, list[str]]]:
    """Return (command, words) of every example in the help texts."""
    return [
        (" ".join(path), words)
        for path, command in leaves()
        for line in EXAMPLE.findall(command.help or "")
        for words in commands_in(line)
    ]


@pytest.mark.parametrize(
    ("where", "words"), written(), ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_a_written_command_is_understood(where: str, words: list[str]) -> None:
    assert refused(words) is None, f"{where}: {' '.join(words)}"


@pytest.mark.parametrize(("command", "words"), examples(), ids=lambda value: value if isinstance(value, str) else "")
def test_an_example_is_understood_and_is_of_its_own_command(command: str, words: list[str]) -> None:
    assert refused(words) is None
    assert words[1 : 1 + len(command.split())] == command.split()


def test_every_command_has_an_example() -> None:
    assert {" ".join(path) for path, _ in leaves()} == {command for command, _ in examples()}


@pytest.mark.parametrize(
    ("path", "command"), list(leaves()), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_help_is_shown_as_it_was_written(path: tuple[str, ...], command: Any) -> None:
    # Rich takes [word] for a style and leaves it out: it must be written \[word].
    texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
    for text in filter(None, texts):
        assert render(text).plain == text.replace("\\[", "["), f"expunge {' '.join(path)} --help"


def test_the_pages_hold_commands_to_look_at() -> None:
    where = {page for page, _ in written()}
    assert {"README.md", "docs/receipts.md"} <= where


@pytest.mark.parametrize(
    "line",
    [
        "expunge plan people.csv",
        "expunge plan - --controller example --force",
        "expunge purge bt_1",
        "expunge keys",
        "expunge keys make",
        "expunge receipts export er_1",
        "expunge receipts verify receipt.json",
        "expunge erase bt_1 bt_2",
        "python -m expunge_reports verify receipt.json --trust trust.json --openings x",
    ],
)
def test_a_wrong_command_is_seen(line: str) -> None:
    (words,) = commands_in(line)
    assert refused(words) is not None


def test_commands_are_found_in_code_and_only_there(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "In prose expunge check stays alone.\n\n"
        "    printf 'email\\na@b.example\\n' | expunge plan - -c example > plan.txt\n"
        "    */10 * * * *  expunge run-due   # from cron\n"
        "    how expunge works\n\n"
        "```console\n$ expunge receipts list \\\n    --json\nEXPUNGE_HOME=x expunge check && expunge status\n```\n"
        "    python -m expunge_reports verify a --trust b\n"
    )
    assert sorted(command_lines(page.read_text())) == [
        ["expunge", "check"],
        ["expunge", "plan", "-", "-c", "example"],
        ["expunge", "receipts", "list", "--json"],
        ["expunge", "run-due"],
        ["expunge", "status"],
        ["expunge_reports", "verify", "a", "--trust", "b"],
    ]
