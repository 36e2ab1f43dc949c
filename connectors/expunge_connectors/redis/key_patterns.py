"""Key patterns: templates with wildcards matched against key names, to read the identity's value out of a key.

A key may hold any bytes, and so may a value: nothing in it is ever a pattern, and a value is read to its full length
(`user:1` is not found in `user:10`). The rules leave one reading of every key:

- `{*}` is one or more characters. Before the identity it ends where the character that follows it in the template first
  occurs; after the identity it begins behind the last occurrence of the character that precedes it.
- `{**}`, at the end, is one or more characters of any kind. Then every place is read from the front: the identity, too,
  ends where the character that follows it first occurs, and a value that holds this character is refused.
- The identity is everything between, whatever it holds.

There are two readers, so that verification does not rest on what erasing rests on: a regular expression, and a walk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass, field

from expunge_connectors.contract import Scope
from expunge_connectors.keyspace.templates import CONTROLLER, REST, SEGMENT, Template

_VALUE = "value"


@dataclass(frozen=True, slots=True)
class Hit:
    """A key that holds a value that is looked for; the value is empty if the template names no identity."""

    key: bytes = field(repr=False)
    value: bytes = field(repr=False)


Search = Callable[[Sequence[bytes]], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template with wildcards, for one controller.

    Attributes:
        head: The literal beginning of every key.
        ends_value: The character that no value may hold, for templates with `{**}` behind the identity.
    """

    head: bytes
    ends_value: str | None
    pieces: Sequence[bytes | str] = field(repr=False)

    @classmethod
    def of(cls, template: Template, scope: Scope) -> Pattern:
        """Prepare a template."""
        pieces: list[bytes | str] = []
        for text, place in template.pieces:
            literal = (scope.member or "") if place == CONTROLLER else text
            if place in {None, CONTROLLER}:
                if pieces and isinstance(pieces[-1], bytes):
                    pieces[-1] += literal.encode()
                else:
                    pieces.append(literal.encode())
            else:
                pieces.append(place if place in {SEGMENT, REST} else _VALUE)
        head = pieces[0] if isinstance(pieces[0], bytes) else b""
        ends = None
        if REST in pieces and _VALUE in pieces:
            ends = _first(pieces[pieces.index(_VALUE) + 1]).decode()
        return cls(head, ends, pieces)

    def by_expression(self, values: Container[bytes]) -> Search:
        """Search for some values. For counting and erasing."""
        match, valued = re.compile(self._expression(), re.DOTALL).fullmatch, _VALUE in self.pieces

        def search(keys: Sequence[bytes]) -> Iterator[Hit]:
            # `map` and `filter`, because this runs for every key of a database.
            for found in filter(None, map(match, keys)):
                value = found[1] if valued else b""
                if value in values:
                    yield Hit(found.string, value)

        return search

    def reader(self) -> Callable[[bytes], bytes | None]:
        """What stands in the identity's place of a key, empty if the template names none; None if it does not fit."""
        match, valued = re.compile(self._expression(), re.DOTALL).fullmatch, _VALUE in self.pieces

        def read(key: bytes) -> bytes | None:
            found = match(key)
            return None if found is None else found[1] if valued else b""

        return read

    def _expression(self) -> bytes:
        expression, rest = b"", REST in self.pieces
        before = _VALUE in self.pieces
        for at, piece in enumerate(self.pieces):
            following = self.pieces[at + 1] if at + 1 < len(self.pieces) else None
            if isinstance(piece, bytes):
                expression += re.escape(piece)
            elif piece == _VALUE:
                expression += b"([^%s]+)" % _class(_first(following)) if rest else b"(.+)"
                before = False
            elif piece == REST:
                expression += b".+"
            elif following is not None and (before or rest or _VALUE not in self.pieces):
                expression += b"[^%s]+" % _class(_first(following))
            else:
                expression += b"[^%s]+" % _class(_last(self.pieces[at - 1]))
        return expression

    def by_walking(self, values: Collection[bytes]) -> Search:
        """Search for some values. For verifying."""
        near = self._near(values)

        def search(keys: Sequence[bytes]) -> Iterator[Hit]:
            for key in near(keys):
                value = self._walk(key)
                if value is not None and value in values:
                    yield Hit(key, value)

        return search

    def _walk(self, key: bytes) -> bytes | None:
        at = self.pieces.index(_VALUE) if _VALUE in self.pieces and REST not in self.pieces else len(self.pieces)
        value, start = _forwards(self.pieces[:at], key)
        if start is None:
            return None
        if at == len(self.pieces):
            return value if start == len(key) else None
        end = _backwards(self.pieces[at + 1 :], key)
        return key[start:end] if end is not None and start < end else None

    def _near(self, values: Collection[bytes]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
        """Leaves out keys that cannot hold any of the values: only what is left is worth a walk.

        Where one character delimits everything, the value's first segment has a place that can be counted.
        """
        place, head = self._place(), self.head
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

    def _place(self) -> tuple[bytes, int] | None:
        """(the delimiter, how many of it stand before the value) if that is the same in every key."""
        if _VALUE not in self.pieces:
            return None
        at = self.pieces.index(_VALUE)
        neighbours = [_last(piece) for piece in self.pieces[at - 1 : at]]
        neighbours += [_first(piece) for piece in self.pieces[at + 1 : at + 2]]
        neighbours += [_first(self.pieces[one + 1]) for one in range(at) if self.pieces[one] == SEGMENT]
        if len(set(neighbours)) != 1:
            return None
        [delimiter] = set(neighbours)
        return delimiter, sum(piece.count(delimiter) for piece in self.pieces[:at] if isinstance(piece, bytes))


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
            end = key.find(_first(pieces[at + 1]), here)
        elif piece == SEGMENT and at:
            end = len(key) if _last(pieces[at - 1]) not in key[here:] else -1
        if end <= here:
            return value, None
        if piece == _VALUE:
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
        begin = key.rfind(_last(pieces[at - 1]), 0, here) + 1
        if not 0 < begin < here:
            return None
        here = begin
    return here


def _first(piece: bytes | str | None) -> bytes:
    return piece[:1] if isinstance(piece, bytes) else b""


def _last(piece: bytes | str) -> bytes:
    return piece[-1:] if isinstance(piece, bytes) else b""


def _class(character: bytes) -> bytes:
    return re.escape(character)
