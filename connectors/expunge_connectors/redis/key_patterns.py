"""Key patterns: templates with wildcards, by which the identity's value is read out of a key's name.

A key may hold any bytes, and so may a value: nothing in it is ever a pattern, and a value is read to its full length
(`user:1` is not found in `user:10`). The rules leave one reading of every key:

- `{*}` is one or more characters. Before the identity it ends where the character that follows it in the template first
  occurs; after the identity it begins behind the last occurrence of the character that precedes it.
- `{**}`, at the end, is one or more characters of any kind. Then every place is read from the front: the identity, too,
  ends where the character that follows it first occurs, and a value that holds this character is refused.
- The identity is everything between, whatever it holds.

There are two readers, so that verification does not rest on what erasing rests on: `key_expressions`, and
`verify.key_walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from expunge_connectors.contract import Scope
from expunge_connectors.keyspace.templates import CONTROLLER, REST, SEGMENT, Template

VALUE = "value"
"""The piece of a pattern at which the value of the identity stands."""


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
                pieces.append(place if place in {SEGMENT, REST} else VALUE)
        head = pieces[0] if isinstance(pieces[0], bytes) else b""
        ends = None
        if REST in pieces and VALUE in pieces:
            ends = first(pieces[pieces.index(VALUE) + 1]).decode()
        return cls(head, ends, pieces)


def first(piece: bytes | str | None) -> bytes:
    """The first character of a literal piece, else nothing."""
    return piece[:1] if isinstance(piece, bytes) else b""


def last(piece: bytes | str) -> bytes:
    """The last character of a literal piece, else nothing."""
    return piece[-1:] if isinstance(piece, bytes) else b""
