"""The documentation as data: pages, command lines, tables."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import expunge_config
import expunge_connectors
import expunge_demo
import expunge_orchestrator
import expunge_reports
from expunge_config.errors import ExpungeError
from expunge_reports.errors import ReportError

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^(?:```|~~~)[^\n]*\n(.*?)^(?:```|~~~)", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
_PROGRAMS = (["expunge"], ["python", "-m", "expunge_reports"])
_SEPARATORS = {"|", "||", "&&", ";"}
_ROW = re.compile(r"^\|(.+)\|\s*$", re.MULTILINE)


def files(pattern: str = "*") -> list[Path]:
    """Return the files of the work tree whose path matches a pattern and that git does not ignore."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).exists())


def pages() -> list[Path]:
    """Return the Markdown files of the work tree."""
    return files("*.md")


def command_lines(text: str) -> list[list[str]]:
    """Return the commands of Expunge in a page's fenced and indented code, as their words after the shell's reading.

    A command may stand behind a pipe, a prompt or a schedule (`$ expunge …`, `*/10 * * * *  expunge run-due`). Blocks
    are told from prose by their form alone: an indented line in which no program of ours begins a command is passed
    over.
    """
    code = [line for block in _FENCED.findall(text) for line in joined(block)]
    code += joined("\n".join(_INDENTED.findall(FENCE.sub("", text))))
    return [command for line in code for command in commands_in(line)]


def joined(block: str) -> list[str]:
    """Lines, those that end in a backslash put together with the next."""
    return re.sub(r"\\\n\s*", " ", block).splitlines()


def commands_in(line: str) -> list[list[str]]:
    """Return Expunge's commands in one line of shell, without what is piped into them or after them."""
    if "expunge" not in line:
        return []
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe in a sentence: not a command
        return []
    found = []
    for part in _parts(words):
        for program in _PROGRAMS:
            start = _start(part, program)
            if start is not None:
                found.append([program[-1], *part[start:]])
    return found


def _parts(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in _SEPARATORS:
            parts.append([])
        elif word in {"<", ">", ">>"}:
            parts[-1].append(word)
        else:
            parts[-1].append(word)
    return [part[: next((at for at, word in enumerate(part) if word in {"<", ">", ">>"}), None)] for part in parts]


def _start(part: list[str], program: list[str]) -> int | None:
    """Where a program's arguments begin; before it only a prompt, a schedule or `NAME=value` may stand."""
    for at in range(len(part) - len(program) + 1):
        if part[at : at + len(program)] == program:
            return at + len(program)
        if not re.fullmatch(r"\$|[-*/,0-9]+|[A-Z_]+=.*", part[at]):
            return None
    return None


def first_cells(text: str) -> list[str]:
    """Return the first cell of every table row, heads and rules left out; a cell may be `code` or plain."""
    cells = [row.split("|")[0].strip() for row in _ROW.findall(FENCE.sub("", text))]
    heads = {at - 1 for at, cell in enumerate(cells) if re.fullmatch(r":?-+:?", cell)}
    return [cell for at, cell in enumerate(cells) if at not in heads and not re.fullmatch(r":?-+:?", cell)]


PACKAGES = (expunge_config, expunge_connectors, expunge_demo, expunge_orchestrator, expunge_reports)


# Scripts that do something when they are imported.
NOT_IMPORTED = re.compile(r"\.__main__$|\.migrations\.(env|versions)")


def error_classes() -> list[type[ExpungeError | ReportError]]:
    """Return every error class of our packages."""
    for package in PACKAGES:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not NOT_IMPORTED.search(module.name):
                import_module(module.name)
    return [
        error
        for base in (ExpungeError, ReportError)
        for error in (base, *below(base))
        if error.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}
    ]


def below(error: type) -> Iterator[type]:
    """Return everything derived from a class."""
    for derived in error.__subclasses__():
        yield derived
        yield from below(derived)
