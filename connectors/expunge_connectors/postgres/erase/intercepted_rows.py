"""Intercepted rows: what a statement of ours chose and left as it was, because a trigger or a rule had it so.

A trigger that returns NULL, a rule DO INSTEAD NOTHING, a trigger that writes back what a tombstone replaced: the server
calls none of them an error. So where a table has such, its rows are looked at again after each statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.erase import carried_values
from expunge_connectors.postgres.erase.carried_values import OverwrittenRows
from expunge_connectors.postgres.erase.erasing_statements import due, replacement, still_due
from expunge_connectors.postgres.errors import RaisedError, translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import same_row
from expunge_connectors.postgres.sql.fragments import TRUE
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import unreferenced
from expunge_connectors.postgres.sql.subject_search import Search

# The triggers of partitions and children fire when their rows are written through the root; rules do not.
_INTERCEPTING = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid FROM unnest(%(tables)s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT tree.root::bigint, t.tgtype & 8 > 0, t.tgtype & 16 > 0, t.tgname || ' of ' || n.nspname || '.' || c.relname
  FROM tree
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.oid
   AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A') AND t.tgtype & 24 > 0
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT w.ev_class::bigint, w.ev_type = '4', w.ev_type = '2', w.rulename || ' of ' || n.nspname || '.' || c.relname
  FROM pg_catalog.pg_rewrite w
  JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE w.ev_class = ANY (%(tables)s::oid[]) AND w.is_instead AND w.ev_type IN ('2', '4')
 ORDER BY 4
"""


@dataclass(frozen=True, slots=True)
class Interceptors:
    """Triggers and rules that run when our statements write.

    Attributes:
        named: Collection -> `trigger of schema.table`.
    """

    named: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, connection: Connection, tables: Iterable[BoundTable]) -> Interceptors:
        """Those of these tables, as they are now."""
        there = list(tables)
        found = connection.execute(_INTERCEPTING, {"tables": [one.table.oid for one in there]}).fetchall()
        named = {
            one.name: [
                name
                for oid, deletes, updates, name in found
                if oid == one.table.oid and (updates if one.action is Action.TOMBSTONE else deletes)
            ]
            for one in there
        }
        return cls({name: each for name, each in named.items() if each})

    def remember(self, search: Search, collections: Iterable[BoundTable]) -> None:
        """Keep what stands in rows that are about to be overwritten, where something runs then."""
        for mapped in collections:
            if mapped.name in self.named and _compared(search, mapped):
                search.connection.execute(
                    search.compiled(
                        ("before", mapped.name), partial(_of_found, carried_values.remember, search, mapped)
                    )
                )

    def reached(self, search: Search, names: Iterable[str]) -> Iterator[str]:
        """Those of these collections in which something ran on rows: a statement may report none, and they are gone."""
        return (name for name in names if name in self.named and search.found.get(name))

    def refuse_carried(self, search: Search, collections: Iterable[BoundTable]) -> None:
        """Compare these rows with what they were.

        Raises:
            TerminalError: Something wrote what was replaced into another column.
        """
        for mapped in collections:
            if mapped.name in self.named and _compared(search, mapped):
                with translated(search.store.name, mapped.name):
                    statement = search.compiled(
                        ("carried", mapped.name), partial(_of_found, carried_values.carried, search, mapped)
                    )
                    found = search.connection.execute(statement).fetchall()
                carried_values.refuse(search.store.name, mapped, found, self.named[mapped.name])

    def blame(self, error: RaisedError, names: Iterable[str]) -> None:
        """Name the triggers that may have raised an exception. What it said is not told: it quotes values.

        Raises:
            TerminalError: In place of the error.
        """
        named = [one for name in names for one in self.named.get(name, ())]
        if named:
            raise TerminalError(
                f"{str(error).rstrip('.')}: {', '.join(named)}.",
                remedy="See what it asks for. Or give it a condition that leaves out Expunge's role"
                " (WHEN (current_user <> …)).",
            ) from None

    def refuse_withheld(self, search: Search, mapped: BoundTable) -> None:
        """Look at the rows that a statement should have done away with.

        Raises:
            TerminalError: They are there, and have not changed in anything for which they would wait.
        """
        if mapped.name not in self.named or not search.found.get(mapped.name):
            return
        with translated(search.store.name, mapped.name):
            statement = search.compiled(("withheld", mapped.name), partial(_statement, search, mapped))
            (rows,) = only_row(search.connection.execute(statement))
        if rows:
            what = "overwritten" if mapped.action is Action.TOMBSTONE else "deleted"
            named = ", ".join(self.named[mapped.name])
            many = f"{rows} row{'s' if rows > 1 else ''} of {mapped.table.text}"
            raise TerminalError(
                f"store {search.store.name}, collection {mapped.name}: {many} should have been {what} and"
                f" {'are' if rows > 1 else 'is'} as before, by a trigger or a rule ({named}); it was rolled back.",
                remedy="Give it a condition that leaves out Expunge's role (WHEN (current_user <> …)); or write the"
                " tombstone as the trigger leaves it.",
            )


def _compared(search: Search, mapped: BoundTable) -> bool:
    """There are rows that are held against what they should be."""
    return bool(search.found.get(mapped.name)) and carried_values.told_apart(mapped)


def _of_found(statement: Callable[[OverwrittenRows], sql.Composed], search: Search, mapped: BoundTable) -> sql.Composed:
    """A statement of `carried_values`, of the found rows that are to be overwritten."""
    rows = OverwrittenRows(
        mapped,
        kept=sql.Identifier(*search.schema, f"expunge_before_{search.store.place(mapped.name)}"),
        source=sql.SQL("{} AS t").format(mapped.table.identifier),
        alias="t",
        condition=sql.SQL("EXISTS (SELECT FROM {} AS f WHERE {} AND {})").format(
            search.table(mapped.name), same_row(mapped, "t", "f"), due("f")
        ),
        left=partial(replacement, search, mapped),
    )
    return statement(rows)


def _statement(search: Search, mapped: BoundTable) -> sql.Composed:
    only = TRUE if mapped.spec.sharing is None else unreferenced(search, mapped, "t")
    return still_due(search, mapped, search_paths(search, mapped.erasing), only)
