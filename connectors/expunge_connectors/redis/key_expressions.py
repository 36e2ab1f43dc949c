"""Key expressions: patterns as regular expressions, by which counting and erasing read key names."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence

from expunge_connectors.keyspace.templates import REST
from expunge_connectors.redis.key_patterns import VALUE, Hit, Pattern, Search, first, last


def by_expression(pattern: Pattern, values: Container[bytes]) -> Search:
    """Search for some values."""
    match, valued = re.compile(_expression(pattern), re.DOTALL).fullmatch, VALUE in pattern.pieces

    def search(keys: Sequence[bytes]) -> Iterator[Hit]:
        # `map` and `filter`, because this runs for every key of a database.
        for found in filter(None, map(match, keys)):
            value = found[1] if valued else b""
            if value in values:
                yield Hit(found.string, value)

    return search


def value_reader(pattern: Pattern) -> Callable[[bytes], bytes | None]:
    """What stands in the identity's place of a key, empty if the template names none; None if it does not fit."""
    match, valued = re.compile(_expression(pattern), re.DOTALL).fullmatch, VALUE in pattern.pieces

    def read(key: bytes) -> bytes | None:
        found = match(key)
        return None if found is None else found[1] if valued else b""

    return read


def _expression(pattern: Pattern) -> bytes:
    expression, rest = b"", REST in pattern.pieces
    before = VALUE in pattern.pieces
    for at, piece in enumerate(pattern.pieces):
        following = pattern.pieces[at + 1] if at + 1 < len(pattern.pieces) else None
        if isinstance(piece, bytes):
            expression += re.escape(piece)
        elif piece == VALUE:
            expression += b"([^%s]+)" % _class(first(following)) if rest else b"(.+)"
            before = False
        elif piece == REST:
            expression += b".+"
        elif following is not None and (before or rest or VALUE not in pattern.pieces):
            expression += b"[^%s]+" % _class(first(following))
        else:
            expression += b"[^%s]+" % _class(last(pattern.pieces[at - 1]))
    return expression


def _class(character: bytes) -> bytes:
    return re.escape(character)
