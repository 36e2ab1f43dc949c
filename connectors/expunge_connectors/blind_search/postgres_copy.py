"""Postgres's binary COPY as it is read: rows in blocks, the fields of a row, the elements of an array.

The format: https://www.postgresql.org/docs/current/sql-copy.html (binary format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg.abc import Buffer
from psycopg.errors import error_from_result

BLOCK = 1 << 18
"""Bytes that are searched at one time: as many as stay in a processor's cache while they are."""

_HEADER = 19
"""Bytes: signature, flags and the length of an extension that there is none of."""

_END = b"\xff\xff"


@dataclass(slots=True)
class CopiedRows:
    """Rows one behind the other: as objects of their own, millions of them would keep the collector busy.

    Attributes:
        data: The bytes of all.
        ends: Where each ends.
    """

    data: bytearray = field(repr=False)
    ends: list[int]

    def row(self, at: int) -> bytes:
        """The bytes of one of them, counted from 0."""
        return bytes(self.data[self.ends[at - 1] if at else 0 : self.ends[at]])


def blocks(copy: psycopg.Copy) -> Iterator[CopiedRows]:
    """Rows, so many that a block is large enough to be searched at once. The end is a message of its own.

    What libpq has received already is taken from it row by row: `copy.read` costs twice as much, and only waits here.
    """
    received = copy.connection.pgconn.get_copy_data
    data: Buffer = copy.read()[_HEADER:]  # with the first row
    buffer, ends, size = bytearray(), list[int](), 0
    length = len(data)
    while length and data != _END:
        buffer += data
        size += length
        ends.append(size)
        if size >= BLOCK:
            yield CopiedRows(buffer, ends)
            buffer, ends, size = bytearray(), [], 0
        length, data = received(1)
        if length == 0:
            data = copy.read()
            length = len(data)
        elif length < 0:
            raise _refusal(copy.connection.pgconn)
    if ends:
        yield CopiedRows(buffer, ends)
    while data:
        data = copy.read()


def _refusal(server: psycopg.pq.abc.PGconn) -> psycopg.Error:
    """Why a COPY ended before its end. Takes what the server has still to say."""
    first = result = server.get_result()
    while result is not None:
        result = server.get_result()
    return psycopg.OperationalError("the COPY ended") if first is None else error_from_result(first)


def elements(array: bytes) -> Iterator[bytes]:
    """The elements of an array in its binary form: dimensions, flags, type; each one's size; the elements."""
    (dimensions,) = struct.unpack_from("!i", array)
    at = 12 + 8 * dimensions
    while at < len(array):
        (length,) = struct.unpack_from("!i", array, at)
        at += 4
        if length >= 0:
            yield array[at : at + length]
            at += length


def fields_of(row: bytes) -> Iterator[bytes | None]:
    """The fields of a row; None: NULL."""
    (number,) = struct.unpack_from("!h", row)
    at = 2
    for _ in range(number):
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        if length < 0:
            yield None
        else:
            yield row[at : at + length]
            at += length
