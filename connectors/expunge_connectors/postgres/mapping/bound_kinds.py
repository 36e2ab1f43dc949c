"""Bound kinds: of which kind a row must be, with the live columns that say it (see `row_kinds`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.key_types import key_type
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.row_kinds import RowKind, compared


@dataclass(frozen=True, slots=True)
class BoundKind:
    """A column of the row holds one of these values, each the text that stands there."""

    column: Column
    values: tuple[str, ...]


def bound(
    where: tuple[RowKind, ...], live: Callable[[str], Column], store: str, collection: str
) -> tuple[BoundKind, ...]:
    """The kinds that restrict anything.

    Raises:
        TerminalError: A value cannot stand in its column.
    """
    for kind, column, value in misfits(where, live):
        raise TerminalError(
            f"store {store}, collection {collection}: `{value}` cannot stand in {kind.column} ({column.type}).",
            remedy="Correct `where`: it names what stands in the column.",
        )
    return tuple(BoundKind(live(kind.column), kind.values) for kind in compared(where))


def misfits(where: tuple[RowKind, ...], live: Callable[[str], Column]) -> Iterable[tuple[RowKind, Column, str]]:
    """Values that are no text of any value of their column's type."""
    for kind in compared(where):
        column = live(kind.column)
        allowed = frozenset({"true", "false"}) if column.base == "boolean" else None
        read = key_type(column).read()
        for value in kind.values:
            if read(value) is None or (allowed is not None and value not in allowed):
                yield kind, column, value
