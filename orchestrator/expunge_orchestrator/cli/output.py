"""CLI output: tables and progress for terminals, JSON for machines; results to stdout, all else to stderr."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table

from expunge_config.errors import InputError, UsageError
from expunge_config.unsafe_characters import UNSAFE
from expunge_orchestrator.ledger import page_cursors
from expunge_reports.page import glossary

PIPE_WIDTH = 140

LONGEST_WORDS = 500

MOST_MINUTES = 10_080.0
"""A week: what runs for longer has no end."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at the most, the newest first.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Where the page begins, as the page before it says.")]


def number(value: float | None) -> float | None:
    """Refuse NaN, which lies in every range (callback of an option)."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("it is no number")
    return value


class SafeConsole(Console):
    """A console on which no text moves the cursor or turns the order of what stands beside it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Text and style, with U+FFFD for what is unsafe; rich's own control codes come apart from text."""
        for segment in super().render(renderable, options):
            if segment.control is None and UNSAFE.search(segment.text):
                lines = segment.text.split("\n")
                yield Segment("\n".join(UNSAFE.sub("\ufffd", line) for line in lines), segment.style)
            else:
                yield segment


def console() -> Console:
    """Where results go. Into a file or a pipe lines may be long: nobody wants a digest in two halves there.

    Names are printed as they are: rich would make a picture of a client that is called 100.
    """
    return SafeConsole(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def stderr_console() -> Console:
    """Where everything else goes: progress, questions, complaints."""
    return SafeConsole(stderr=True, highlight=False, emoji=False)


def emit(document: object) -> None:
    """Print a result as JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8")
    lines = [UNSAFE.sub(_escaped, line) for line in text.split("\n")]
    sys.stdout.write("\n".join(lines) + "\n")


def _escaped(one: re.Match[str]) -> str:
    """As JSON escapes it: a character beyond U+FFFF by both halves."""
    units = one[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def print_error(message: str, remedy: str | None) -> None:
    """Print what went wrong and what to do."""
    out = stderr_console()
    out.print(f"[bold red]error[/] {escape(message)}")
    if remedy:
        out.print(f"[bold]next[/]  {escape(remedy)}")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; numbers to the right."""
    made = Table(title=escape(title), title_justify="left", title_style="bold", header_style="bold")
    numeric = [bool(rows) and all(isinstance(row[index], int) for row in rows) for index in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        made.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape("" if value is None else str(value)) for value in row))
    return made


def words(text: str, says: str, example: str) -> str:
    """A line of text that somebody gives for others to read.

    Raises:
        UsageError: It is empty, too long, or holds characters that nobody sees.
    """
    stripped = text.strip()
    if not 0 < len(stripped) <= LONGEST_WORDS or UNSAFE.search(stripped):
        raise UsageError(f"{says}, in one line of 1 to {LONGEST_WORDS} characters that can be seen.", remedy=example)
    return stripped


def people(number: int) -> str:
    """`1 person`, `2 people`."""
    return number_of(number, "person", "people")


def number_of(number: int, one: str, more: str | None = None) -> str:
    """`1 error`, `2 errors`; `more` where the plural is not the word with an s."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; yields a function that sets how many are done; None: of how many is not known."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr_console(), transient=True) as bar:
        task = bar.add_task(title, total=total)

        def done(number: int) -> None:
            bar.update(task, completed=number)

        yield done


@contextmanager
def people_from(source: str) -> Iterator[BinaryIO]:
    """The list of people, to be read: a file, or standard input for `-`. Identifiers never travel in arguments."""
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 - closed below; only opening it fails for reasons of the caller's
    except OSError as error:
        raise InputError(
            f"The list of people cannot be read ({type(error).__name__}).",
            remedy="Give a CSV file, or - for standard input; identifiers do not belong on the command line.",
        ) from None
    with stream:
        yield stream


def after(cursor: str | None) -> int | None:
    """The row that a cursor names.

    Raises:
        UsageError: It is none of ours.
    """
    try:
        return None if cursor is None else page_cursors.row_of(cursor)
    except ValueError:
        raise UsageError("The cursor is none of this list.", remedy="Leave --cursor out to begin anew.") from None


def say_more(next_cursor: str | None) -> None:
    """That a list has further pages, if it has."""
    if next_cursor is not None:
        stderr_console().print(f"There are older ones: --cursor {next_cursor}", soft_wrap=True)


def ask(question: str, expected: str) -> bool:
    """Ask on the terminal; anything but the expected word is a no. Without a terminal the answer is no."""
    if not sys.stdin.isatty():
        return False
    answer: Any = typer.prompt(question, default="", show_default=False, err=True)
    return str(answer).strip() == expected


def left_newer(records: Iterable[int | None]) -> None:
    """Whose records may be that the request does not cover for their age, where there are any."""
    if number := sum(one or 0 for one in records):
        console().print(f"newer: {number_of(number, 'record')} {glossary.NEWER}.")


def left_ambiguous(records: Iterable[int | None], *, over: bool = False) -> None:
    """What to do about records of which nobody can tell whose they are, where there are any.

    Once a batch is over its people's identifiers are gone, and it is too late to say so.
    """
    number = sum(one or 0 for one in records)
    if number:
        stay, name, are = (
            ("1 record stays", "names", "is") if number == 1 else (f"{number} records stay", "name", "are")
        )
        value = "known by a value alone that others have or may have"
        known = (
            f"ambiguous: {stay}, for {'it' if number == 1 else 'they'} {name} somebody else as well, or {are} {value}."
        )
        say = " Who knows whose a value is says so before the batch is settled: expunge attribute --help"
        console().print(known if over else known + say, soft_wrap=True)


def unread(values: Mapping[str, int], *, searched: bool) -> None:
    """Say of how many values of each place it is not known what they are; nothing where there are none."""
    for place, number in values.items():
        if number:
            how = "will not be" if not searched else "was not" if number == 1 else "were not"
            many = f"{number} value{'' if number == 1 else 's'}"
            console().print(f"{escape(place)}: {many} could not be read and {how} searched for.")
