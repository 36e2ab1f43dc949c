"""Combined query: for few keys, all searches and what is asked of the rows found, in one SQL statement.

To make a table of found rows takes the server longer than to find the rows of one person. So for few keys such a table
is a common table expression, those that lead first, and what is asked of each collection follows: read it from the top.
Rows of many keys stand in tables of their own, for the planner must know how many there are (see `subject_search`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.subject_search import Search


@dataclass(frozen=True, slots=True)
class CombinedQuery:
    """Collects the pieces of one statement.

    Attributes:
        search: The search in which rows found are common table expressions. Whether there are any is not known while
            the statement is put together, so all ways are taken.
    """

    search: Search
    _found: list[sql.Composed] = field(default_factory=list)
    _selects: list[sql.Composed] = field(default_factory=list)

    @classmethod
    def of(cls, search: Search) -> CombinedQuery:
        """An empty one, for the keys of this search."""
        return cls(replace(search, schema=(), found={}, waiting=set()))

    def keep(self, mapped: BoundTable, statement: sql.Composable) -> None:
        """Name the rows of a collection, for what follows."""
        named = sql.SQL("{} AS MATERIALIZED ({})").format(self.search.table(mapped.name), statement)
        self._found.append(named)
        self.search.found[mapped.name] = 1

    def add(self, select: sql.Composed) -> None:
        """Ask for rows; all that are asked for have the same columns."""
        self._selects.append(select)

    def statement(self) -> sql.Composed:
        """All of it, behind a point to go back to."""
        together = sql.SQL("\nUNION ALL\n").join(self._selects)
        if self._found:
            together = sql.SQL("WITH {}\n{}").format(sql.SQL(",\n").join(self._found), together)
        return sql.SQL("SAVEPOINT expunge_combined;\n{}").format(together)


def answers(search: Search, what: Hashable, compose: Callable[[], sql.Composed]) -> list[tuple[Any, ...]] | None:
    """The rows of a combined query; None where it was refused, and each collection has to be asked by itself.

    Of one statement nobody could say which collection it was refused for.

    Raises:
        TransientError: The same call may succeed later.
    """
    statement = search.compiled((what, "combined"), compose)
    try:
        with translated(search.store.name):
            cursor = search.connection.execute(statement)
            cursor.nextset()
            return cursor.fetchall()
    except TerminalError:
        search.connection.execute("ROLLBACK TO SAVEPOINT expunge_combined")
        return None
