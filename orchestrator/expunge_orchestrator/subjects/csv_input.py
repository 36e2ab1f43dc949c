"""CSV input of people, from a file or standard input, normalised and validated.

The header names identities of the data map, and may name `received_at`, which says when each person asked; every
further line is one person; empty fields are left out. Everything is checked before anything is done, complaints name
lines and columns, never values.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import heapq
import io
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from expunge_config.datamap import RECEIVED_AT, DataMap, IdentityKind
from expunge_config.errors import InputError
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.times_of_receipt import TimeOfReceiptError, TimesOfReceipt

MAX_COMPLAINTS = 20
MAX_FIELD = 1000
MAX_LINE = 64 * 1024
"""Characters of one person. The parser takes a line in one go, and the whole process waits for it."""

_FINGERPRINT, _LINE = 16, 8
_PIECE = 1024 * 1024

Complaint = tuple[int, str]
"""Line, and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class SubjectList:
    """A list that was checked, and is read anew whenever it is gone through.

    It takes the bytes that it came as, and while it is checked 24 bytes a line beside them: who is in it.

    Attributes:
        content: The CSV.
        number: How many people are in it.
        received_at: When each asked: a day, or a time stamped; None of whom nobody says it. Empty: of nobody.
    """

    content: bytes = field(repr=False)
    data_map: DataMap = field(repr=False)
    number: int
    received_at: Sequence[str | None] = ()

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[frozenset[SubjectKey]]:
        rows = _rows(self.content)
        columns = _columns(rows, self.data_map)
        for line, fields in rows:
            if any(one.strip() for one in fields):
                yield frozenset(_keys(line, columns, fields, self.data_map, []))


def read_people(stream: BinaryIO, data_map: DataMap) -> list[frozenset[SubjectKey]]:
    """Read a short list at once (see `checked_people`): one set of keys per line after the header, in order."""
    return list(checked_people(stream, data_map))


def checked_people(stream: BinaryIO, data_map: DataMap, times: TimesOfReceipt | None = None) -> SubjectList:
    """Check a list.

    Args:
        stream: UTF-8 CSV with a header, e.g. `email` or `user_id,email`; `email,email` of who has two.
        data_map: Knows the identities and their normalisers.
        times: How `received_at` is read; None: it is left alone, whatever it says.

    Raises:
        InputError: The list is empty, not UTF-8, holds NUL bytes, an unknown column, an unusable field, a line that
            names nobody, or the same person twice. Nothing was changed.
    """
    content = _readable(stream)
    rows = _rows(content)
    columns = _columns(rows, data_map)
    complaints: list[Complaint] = []
    seen = _Fingerprints()
    dated, received = RECEIVED_AT in columns, list[str | None]()
    number = 0
    for line, fields in rows:
        if len(complaints) >= MAX_COMPLAINTS:
            break
        if not any(one.strip() for one in fields):
            continue
        if len(fields) != len(columns):
            complaints.append((line, f": {len(fields)} fields, but the header has {len(columns)}"))
            continue
        if dated and not any(text.strip() for name, text in zip(columns, fields, strict=True) if name != RECEIVED_AT):
            complaints.append((line, ": nobody is named in it"))
            continue
        seen.add(_fingerprint(_keys(line, columns, fields, data_map, complaints)), line)
        if times is not None and (dated or times.of_all is not None):
            received.append(_received(line, columns, fields, times, complaints))
        number += 1
    twice = ((line, f": the same person as line {first}") for line, first in seen.twice())
    told = heapq.nsmallest(MAX_COMPLAINTS, chain(complaints, twice), key=lambda one: one[0])
    if told:
        listed = "\n".join(f"  line {line}{what}" for line, what in told)
        raise InputError(f"The list cannot be used; nothing was changed:\n{listed}", remedy="Correct the lines named.")
    if not number:
        raise InputError("The list has a header and no person.", remedy="Give one person per line below the header.")
    return SubjectList(content, data_map, number, received)


class _Fingerprints:
    """Who was seen in which line: 24 bytes each. A dictionary takes several times what the list does."""

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(256)]

    def add(self, person: bytes, line: int) -> None:
        self._parts[person[0]] += person + line.to_bytes(_LINE)

    def twice(self) -> Iterator[tuple[int, int]]:
        """Each line of somebody who stands in one before, and that one."""
        for part in self._parts:
            first: dict[bytes, int] = {}
            for start in range(0, len(part), _FINGERPRINT + _LINE):
                person = bytes(part[start : start + _FINGERPRINT])
                line = int.from_bytes(part[start + _FINGERPRINT : start + _FINGERPRINT + _LINE])
                before = first.setdefault(person, line)
                if before != line:
                    yield line, before


def _fingerprint(keys: Iterable[SubjectKey]) -> bytes:
    """Bytes that stand for one person's keys, to be remembered instead of them."""
    joined = "\x00".join(f"{key.namespace}\x00{key.value}" for key in sorted(keys))
    return hashlib.blake2b(joined.encode(errors="surrogatepass"), digest_size=_FINGERPRINT).digest()


def _columns(rows: Iterator[tuple[int, list[str]]], data_map: DataMap) -> list[str]:
    header = next(rows, None)
    if header is None:
        raise InputError("The list is empty.", remedy="Give a CSV with a header, for example the line `email`.")
    columns = [name.strip() for name in header[1]]
    _check_header(columns, data_map)
    return columns


def _readable(stream: BinaryIO) -> bytes:
    content = stream.read()
    if b"\x00" in content:
        line = content[: content.index(b"\x00")].count(b"\n") + 1
        raise InputError(f"The list holds a NUL byte in line {line}.", remedy="Export it again as plain UTF-8 CSV.")
    decoder, begins = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for begins in range(0, len(content) + 1, _PIECE):
            decoder.decode(content[begins : begins + _PIECE], final=begins + _PIECE > len(content))
    except UnicodeDecodeError as error:
        # What was wrong may have begun in the piece before; it is within a character, and so within a line.
        line = content.count(b"\n", 0, begins + max(0, error.start - len(decoder.getstate()[0]))) + 1
        raise InputError(f"The list is not UTF-8 (line {line}).", remedy="Save it as UTF-8.") from None
    return content


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
        for number, line in enumerate(text, start=1):
            taken += len(line)
            if taken > MAX_LINE:
                raise InputError(f"The list is too long in line {number}.", remedy="Give one person per line.")
            yield line

    reader = csv.reader(lines(), strict=True)
    try:
        for fields in reader:
            taken = 0
            if fields:
                yield reader.line_num, fields
    except csv.Error:
        raise InputError(
            f"The list is not CSV (line {reader.line_num}).", remedy="Check the quotes of that line."
        ) from None


def _check_header(columns: list[str], data_map: DataMap) -> None:
    accepted = sorted(name for name, one in data_map.identities.items() if one.kind is not IdentityKind.INTERNAL)
    remedy = f"The first line names what the columns hold: {', '.join(accepted)}; {RECEIVED_AT} may stand beside it."
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
        return sys.intern(times.read(told))  # thousands ask on one day
    except TimeOfReceiptError as refused:
        complaints.append((line, f", column {RECEIVED_AT}: {refused}"))
        return None


def key_of(identity: str, text: str, data_map: DataMap) -> SubjectKey:
    """One identifier, normalised by the map, wherever it came from: as a receipt can state it, or refused.

    Raises:
        NotNormalisable: It cannot be used. The value is not repeated.
    """
    value = data_map.identities[identity].rule.normalise(text)
    if value.strip() != value or not unicodedata.is_normalized("NFC", value):
        raise NotNormalisable("it has white space at its edges or is not in Unicode NFC")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotNormalisable("it holds half a character") from None
    return SubjectKey(identity, value)
