"""CSV input of people, from a file or standard input, normalised and validated.

The header names identities of the data map, and may name `received_at`, which says when each person asked; every
further line is one person; empty fields are left out. Everything is checked before anything is done, complaints name
lines and columns, never values.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import BinaryIO

from expunge_config.datamap import RECEIVED_AT, DataMap, IdentityKind
from expunge_config.errors import InputError
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.given_identifiers import key_of
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, TimesOfReceipt
from expunge_orchestrator.subjects.people_seen import PeopleSeen, TimesSeen
from expunge_orchestrator.subjects.sealed_spool import BLOCK, SealedSpool

MAX_COMPLAINTS = 20
MAX_COLUMNS = 20
"""As many identifiers of a person as a call may give."""

MAX_FIELD = 1000
MAX_LINE = 64 * 1024
"""Characters of one person. The parser takes a line in one go, and the whole process waits for it."""

LINES_PER_ROW, SPARE_LINES = 10, 1000
"""Lines that a list may have: some for the header and each person, in quotes or blank, and so many more.

A line that says nothing takes its time, too, and twenty million fit into an upload.
"""

Complaint = tuple[int, str]
"""Line, and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class SubjectList:
    """A list that was checked, and is read anew whenever it is gone through: however long it is, memory is not its.

    Attributes:
        content: The CSV.
        number: How many people are in it.
        received_at: When each asked: a day, or a time stamped; None of whom nobody says it. Empty: of nobody.
    """

    content: SealedSpool = field(repr=False)
    data_map: DataMap = field(repr=False)
    number: int
    received_at: Sequence[str | None] = field(default=(), repr=False)

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[frozenset[SubjectKey]]:
        rows = _rows(self.content)
        columns = _columns(rows, self.data_map)
        for line, fields in rows:
            yield frozenset(_keys(line, columns, fields, self.data_map, []))


def read_people(stream: BinaryIO, data_map: DataMap) -> list[frozenset[SubjectKey]]:
    """Read a short list at once (see `checked_people`): one set of keys per line after the header, in order."""
    return list(checked_people(stream, data_map))


def checked_people(
    source: BinaryIO | SealedSpool, data_map: DataMap, times: TimesOfReceipt | None = None
) -> SubjectList:
    """Check a list.

    Args:
        source: UTF-8 CSV with a header, e.g. `email` or `user_id,email`; `email,email` of who has two.
        data_map: Knows the identities and their normalisers.
        times: How `received_at` is read; None: it is left alone, whatever it says.

    Raises:
        InputError: The list is empty, not UTF-8, holds NUL bytes, an unknown column, an unusable field, a line that
            names nobody, or the same person twice. Nothing was changed.
    """
    if isinstance(source, SealedSpool):
        content = source
        deque(_readable(content.blocks()), maxlen=0)
    else:
        content = _spooled(source)
    rows = _rows(content)
    columns = _columns(rows, data_map)
    complaints: list[Complaint] = []
    seen = PeopleSeen()
    dated = RECEIVED_AT in columns
    told = times is not None and (dated or times.of_all is not None)
    number = 0
    for line, fields in rows:
        if len(complaints) >= MAX_COMPLAINTS:
            break
        if len(fields) != len(columns):
            complaints.append((line, f": {len(fields)} fields, but the header has {len(columns)}"))
            continue
        if dated and not any(text.strip() for name, text in zip(columns, fields, strict=True) if name != RECEIVED_AT):
            complaints.append((line, ": nobody is named in it"))
            continue
        keys = list(_keys(line, columns, fields, data_map, complaints))
        seen.add(line, keys, _received(line, columns, fields, times, complaints) if times is not None else None)
        number += 1
    complaints += ((line, f": the same person as line {first}") for line, first in seen.twice(MAX_COMPLAINTS))
    if complaints:
        complaints.sort(key=lambda one: one[0])
        listed = "\n".join(f"  line {line}{what}" for line, what in complaints[:MAX_COMPLAINTS])
        raise InputError(f"The list cannot be used; nothing was changed:\n{listed}", remedy="Correct the lines named.")
    if not number:
        raise InputError("The list has a header and no person.", remedy="Give one person per line below the header.")
    return SubjectList(content, data_map, number, TimesSeen(seen, number) if told else ())


def _columns(rows: Iterator[tuple[int, list[str]]], data_map: DataMap) -> list[str]:
    header = next(rows, None)
    if header is None:
        raise InputError("The list is empty.", remedy="Give a CSV with a header, for example the line `email`.")
    columns = [name.strip() for name in header[1]]
    _check_header(columns, data_map)
    return columns


def _spooled(stream: BinaryIO) -> SealedSpool:
    """Keep a list; what cannot be one is refused as soon as it comes, for it may never end."""
    content = SealedSpool()
    for block in _readable(iter(lambda: stream.read(BLOCK), b"")):
        content.write(block)
    return content


def _readable(blocks: Iterable[bytes]) -> Iterator[bytes]:
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    try:
        for block in blocks:
            if b"\x00" in block:
                line += block.count(b"\n", 0, block.index(b"\x00"))
                raise InputError(
                    f"The list holds a NUL byte in line {line}.", remedy="Export it again as plain UTF-8 CSV."
                )
            decoder.decode(block)
            line += block.count(b"\n")
            yield block
        decoder.decode(b"", final=True)
    except (
        UnicodeDecodeError
    ) as error:  # of this block, and of what the one before ended with: no more than a character
        line += error.object.count(b"\n", 0, error.start)
        raise InputError(f"The list is not UTF-8 (line {line}).", remedy="Save it as UTF-8.") from None


def _rows(content: SealedSpool) -> Iterator[tuple[int, list[str]]]:
    """The header and the people, each with its last line; blank lines are passed over, a few."""
    taken = rows = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        text = io.TextIOWrapper(content.opened(), encoding="utf-8-sig", newline="")
        for number in count(1):
            line = text.readline(MAX_LINE + 1)  # no more: a list may be one line
            if not line:
                return
            taken += len(line)
            if taken > MAX_LINE:
                raise InputError(f"The list is too long in line {number}.", remedy="Give one person per line.")
            if number > rows * LINES_PER_ROW + SPARE_LINES:
                raise InputError(
                    f"The list is too long in line {number}: too many of its lines are blank, or within quotes.",
                    remedy="Give one person per line, without blank lines.",
                )
            yield line

    reader = csv.reader(lines(), strict=True)
    try:
        for fields in reader:
            taken = 0
            if any(one.strip() for one in fields):
                yield reader.line_num, fields
                rows += 1
    except csv.Error:
        raise InputError(
            f"The list is not CSV (line {reader.line_num}).", remedy="Check the quotes of that line."
        ) from None


def _check_header(columns: list[str], data_map: DataMap) -> None:
    accepted = sorted(name for name, one in data_map.identities.items() if one.kind is not IdentityKind.INTERNAL)
    remedy = f"The first line names what the columns hold: {', '.join(accepted)}; {RECEIVED_AT} may stand beside it."
    if len(columns) > MAX_COLUMNS:
        raise InputError(f"The header has more than {MAX_COLUMNS} columns.", remedy=remedy)
    if set(columns) == {RECEIVED_AT}:
        raise InputError("The list has no column that says who is meant.", remedy=remedy)
    for position, name in enumerate(columns, start=1):
        if name == RECEIVED_AT:
            if position > columns.index(name) + 1:
                raise InputError(f"Column {position} of the header is another {RECEIVED_AT}.", remedy=remedy)
            continue
        if name not in accepted:
            # The header may be missing, and then this "name" is a person's value: it is not repeated here.
            raise InputError(f"Column {position} of the header is no identity of the data map.", remedy=remedy)


def _keys(
    line: int, columns: list[str], fields: list[str], data_map: DataMap, complaints: list[Complaint]
) -> Iterable[SubjectKey]:
    for column, text in zip(columns, fields, strict=True):
        if column == RECEIVED_AT or not text.strip():
            continue
        if len(text) > MAX_FIELD:
            complaints.append((line, f", column {column}: longer than {MAX_FIELD} characters"))
            continue
        try:
            yield key_of(column, text, data_map)
        except NotNormalisable as reason:
            complaints.append((line, f", column {column}: {reason}"))


def _received(
    line: int, columns: list[str], fields: list[str], times: TimesOfReceipt, complaints: list[Complaint]
) -> str | None:
    told = dict(zip(columns, fields, strict=True)).get(RECEIVED_AT, "")
    if not told.strip():
        return times.of_all
    try:
        return times.read(told)
    except TimeOfReceiptError as refused:
        complaints.append((line, f", column {RECEIVED_AT}: {refused}"))
        return None
