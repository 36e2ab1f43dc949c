"""Texts in a table so narrow that the server makes no second one for them.

A table whose rows may be longer than some 2,000 bytes gets a TOAST table with an index, which takes the server twice as
long as making the table itself (https://www.postgresql.org/docs/current/storage-toast.html). The keys of one person are
nearly always short.
"""

from __future__ import annotations

_ROW = 1800
"""Bytes of a row that the server keeps in one piece, with something to spare: TOAST_TUPLE_THRESHOLD is 2032."""
_OTHER = 24
"""Bytes that a column of fixed length takes at most, aligned."""
_CHARACTER, _LENGTH = 4, 8
"""Bytes of a character at most, and what a text needs to say how long it is, aligned."""


def room_for(longest: int, texts: int, others: int) -> int | None:
    """How many characters each text column of such a table may hold; None: too few for what will stand there.

    Args:
        longest: Characters of the longest value: of a longer one than fits the server's refusal would quote.
        texts: How many such columns there are; at least one.
        others: How many others.
    """
    room = ((_ROW - others * _OTHER) // texts - _LENGTH) // _CHARACTER
    return room if longest <= room and room > 0 else None


def text_of(room: int | None) -> str:
    """The column's type, as DDL: it is compared as `text` is, and the same indexes serve."""
    return "text" if room is None else f"varchar({room})"
