"""Statement cache: SQL composed once per state of a search, then executed with placeholders filled in.

Putting the pieces together takes longer than the server needs to answer for one person. What a statement looks like
depends on the map, the catalogue, the scope, and on which keys and rows there are; not on whose they are. Two values
differ from call to call, the cutoff and a limit of rows: they are blanks. Keys are in no statement at all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime, timedelta

from psycopg import sql
from psycopg.abc import AdaptContext

_MOST = 1000
"""So many are kept; a store with more of them begins anew."""

Value = datetime | int | None
_Part = bytes | tuple[str, timedelta | None]


class Placeholder(sql.Composable):
    """A value in a statement that another call fills in otherwise; as it stands it is this call's own.

    Args:
        name: What it is called among the values given.
        value: This call's.
        less: What is taken off it, of a time.
    """

    def __init__(self, name: str, value: Value, less: timedelta | None = None) -> None:
        super().__init__((name, value, less))
        self.part = (name, less)
        self._literal = _literal(value, less)

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """This call's value as a literal."""
        return self._literal.as_bytes(context)


class CompiledStatement(sql.Composed):
    """A statement, or a piece of one, that is text but for its blanks."""

    def __init__(self, parts: tuple[_Part, ...], given: Mapping[str, Value]) -> None:
        super().__init__([])
        self._parts = parts
        self._given = given

    def __iter__(self) -> Iterator[sql.Composable]:
        """Its pieces, the blanks among them, so that it can be part of another one."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield sql.SQL(part.decode())  # pyright: ignore[reportArgumentType] - composed by us before
            else:
                yield Placeholder(part[0], self._given[part[0]], part[1])

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """The text, with the blanks filled in."""
        return b"".join(
            part if isinstance(part, bytes) else _literal(self._given[part[0]], part[1]).as_bytes(context)
            for part in self._parts
        )


class StatementCache:
    """The statements of one map, catalogue and scope. Safe to use from several threads: at worst one is made twice."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[_Part, ...]] = {}

    def compiled(
        self,
        key: Hashable,
        compose: Callable[[], sql.Composable],
        given: Mapping[str, Value],
        context: AdaptContext,
    ) -> CompiledStatement:
        """The statement of that key.

        Args:
            key: Everything that decides how it reads, but for the blanks.
            compose: Puts it together, the first time.
            given: The values of its blanks, by name.
            context: Where it is run.
        """
        parts = self._known.get(key)
        if parts is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            parts = self._known[key] = tuple(_joined(compose(), context))
        return CompiledStatement(parts, given)


def _joined(statement: sql.Composable, context: AdaptContext) -> Iterator[_Part]:
    text = b""
    for piece in _pieces(statement):
        if isinstance(piece, Placeholder):
            yield text
            yield piece.part
            text = b""
        else:
            text += piece.as_bytes(context)
    yield text


def _pieces(statement: sql.Composable) -> Iterator[sql.Composable]:
    if isinstance(statement, sql.Composed):
        for one in statement:
            yield from _pieces(one)
    else:
        yield statement


def _literal(value: Value, less: timedelta | None) -> sql.Literal:
    return sql.Literal(value - less if less is not None and isinstance(value, datetime) else value)
