"""A page of the documentation as a session at a terminal: files that it shows, commands, and what they print.

A fenced block `console` holds commands (`$ `, continued by `> `) and their output; a fenced block whose first line
names a file after the language (`python sign.py`) is that file.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\S*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs each time, and what stands for it.
_CHANGING = (
    (re.compile(r"\b(rq|bt|er|fu|xk|ak)_[A-Za-z0-9_-]{12,}…?"), r"\1_…"),
    (re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|\+00:00))?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\bsize \d+"), "size N"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command, with its prompts taken off, and what the page says that it prints."""

    text: str
    printed: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A command, what it printed now, and its exit code."""

    command: Command
    printed: str
    code: int

    @property
    def as_written(self) -> bool:
        """Whether it did what the page says."""
        return self.code == 0 and alike(self.printed) == alike(self.command.printed)


def files(page: str) -> dict[str, str]:
    """Name -> content of the files that a page shows."""
    return {name: body for _, name, body in _FENCE.findall(page) if name}


def commands(page: str) -> Iterator[Command]:
    """The commands, in order."""
    for language, _, body in _FENCE.findall(page):
        if language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                lines = part.splitlines(keepends=True)
                count = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
                yield Command(
                    lines[0] + "".join(line[2:] for line in lines[1:count]),
                    "".join(lines[count:]),
                )


def alike(text: str) -> str:
    """A text with what differs each time replaced."""
    for pattern, stands_for in _CHANGING:
        text = pattern.sub(stands_for, text)
    return text


class Terminal:
    """One bash, so that variables, functions and jobs live from command to command."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        with (directory / "stderr.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                ["bash", "--norc"],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, command: str) -> tuple[str, int]:
        """What it printed, and its exit code."""
        mark = secrets.token_hex(16)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{command}\nprintf '\\n%s %s\\n' {mark} $?\n")
        stdin.flush()
        printed = ""
        for line in stdout:
            found, _, code = line.partition(" ")
            if found == mark:
                return printed.removesuffix("\n"), int(code)
            printed += line
        raise AssertionError("the shell has ended")

    def close(self) -> None:
        """End it, and the jobs that it started."""
        if self._process.poll() is None:
            self.run("for job in $(jobs -p); do kill $job; done; wait")
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()


def typed(page: str, terminal: Terminal, adapted: Callable[[str], str]) -> list[Ran]:
    """Type everything.

    Args:
        page: The page.
        terminal: Where to type.
        adapted: Puts this installation's port and people into a command.
    """
    return [Ran(one, *terminal.run(adapted(one.text))) for one in commands(page)]


def brought_up_to_date(page: str, ran: Iterable[Ran]) -> str:
    """The page with what was printed now where it differs from what the page says."""
    answers = iter(ran)

    def block(found: re.Match[str]) -> str:
        language, _, body = found.groups()
        if language != "console":
            return found[0]
        made = ""
        for _ in re.findall(r"^\$ ", body, re.MULTILINE):
            one = next(answers)
            made += "$ " + "\n> ".join(one.command.text.splitlines()) + "\n"
            made += one.command.printed if one.as_written else one.printed
        return f"```console\n{made}```"

    return _FENCE.sub(block, page)
