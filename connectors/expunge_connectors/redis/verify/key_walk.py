"""Key walk: patterns held against key names piece by piece, by which verification reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from expunge_connectors.keyspace.templates import REST, SEGMENT
from expunge_connectors.redis.key_patterns import VALUE, Hit, Pattern, Search, first, last


def by_walking(pattern: Pattern, values: Collection[bytes]) -> Search:
    """Search for some values."""
    near = _near(pattern, values)

    def search(keys: Sequence[bytes]) -> Iterator[Hit]:
        for key in near(keys):
            value = _walked(pattern, key)
            if value is not None and value in values:
                yield Hit(key, value)

    return search


def _walked(pattern: Pattern, key: bytes) -> bytes | None:
    at = pattern.pieces.index(VALUE) if VALUE in pattern.pieces and REST not in pattern.pieces else len(pattern.pieces)
    value, start = _forwards(pattern.pieces[:at], key)
    if start is None:
        return None
    if at == len(pattern.pieces):
        return value if start == len(key) else None
    end = _backwards(pattern.pieces[at + 1 :], key)
    return key[start:end] if end is not None and start < end else None


def _near(pattern: Pattern, values: Collection[bytes]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """Leaves out keys that cannot hold any of the values: only what is left is worth a walk.

    Where one character delimits everything, the value's first segment has a place that can be counted.
    """
    place, head = _place(pattern), pattern.head
    if place is None:
        return lambda keys: [key for key in keys if key.startswith(head)]
    delimiter, number = place
    beginnings = {value.split(delimiter, 1)[0] for value in values}

    def near(keys: Sequence[bytes]) -> Sequence[bytes]:
        return [
            key
            for key in keys
            if key.startswith(head)
            and len(parts := key.split(delimiter, number + 1)) > number
            and parts[number] in beginnings
        ]

    return near


def _place(pattern: Pattern) -> tuple[bytes, int] | None:
    """(the delimiter, how many of it stand before the value) if that is the same in every key."""
    if VALUE not in pattern.pieces:
        return None
    at = pattern.pieces.index(VALUE)
    neighbours = [last(piece) for piece in pattern.pieces[at - 1 : at]]
    neighbours += [first(piece) for piece in pattern.pieces[at + 1 : at + 2]]
    neighbours += [first(pattern.pieces[one + 1]) for one in range(at) if pattern.pieces[one] == SEGMENT]
    if len(set(neighbours)) != 1:
        return None
    [delimiter] = set(neighbours)
    return delimiter, sum(piece.count(delimiter) for piece in pattern.pieces[:at] if isinstance(piece, bytes))


def _forwards(pieces: Sequence[bytes | str], key: bytes) -> tuple[bytes, int | None]:
    """(the value, if it is among the pieces; where the pieces end, or None)."""
    value, here = b"", 0
    for at, piece in enumerate(pieces):
        if isinstance(piece, bytes):
            if not key.startswith(piece, here):
                return value, None
            here += len(piece)
            continue
        end = len(key)
        if piece != REST and at + 1 < len(pieces):
            end = key.find(first(pieces[at + 1]), here)
        elif piece == SEGMENT and at:
            end = len(key) if last(pieces[at - 1]) not in key[here:] else -1
        if end <= here:
            return value, None
        if piece == VALUE:
            value = key[here:end]
        here = end
    return value, here


def _backwards(pieces: Sequence[bytes | str], key: bytes) -> int | None:
    """Where the pieces, which end the key, begin."""
    here = len(key)
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        if isinstance(piece, bytes):
            if not key.endswith(piece, 0, here):
                return None
            here -= len(piece)
            continue
        begin = key.rfind(last(pieces[at - 1]), 0, here) + 1
        if not 0 < begin < here:
            return None
        here = begin
    return here
