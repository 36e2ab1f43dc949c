"""Obstacles: rows that stay and point to rows that a request would delete, seen before anything is deleted.

At execution the server refuses such a deletion, and the person fails (see `references` for which foreign keys).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Counts, Obstacle
from expunge_connectors.postgres import count
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.references import lets_go, loose_keys
from expunge_connectors.postgres.sql.combined_query import CombinedQuery, answers
from expunge_connectors.postgres.sql.comparison import refers, same_row
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, comma_list
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.subject_search import Search


def obstacles(search: Search, data_map: DataMap, counts: Counts) -> list[Obstacle]:
    """What is in the way of these people, all of whom are erased together. Rows that were counted are known.

    Nothing is in the way of collections in which the `counts` of this search see nothing due: these are not asked.
    """
    store = search.store
    specs = {name: one.spec for name, one in store.collections.items()}
    several = {name for name, one in store.collections.items() if any(link.beside or link.values for link in one.links)}
    due = {name for tallies in counts.values() for name, tally in tallies.items() if tally.due}
    keys = [
        (key, store.collections[parent])
        for key, parent in loose_keys(specs, data_map, store.foreign_keys, several)
        if parent in due
    ]
    if not keys:
        return []
    wanted = _Wanted(keys, frozenset(text for key, _ in keys for text in (key.parent, key.child)), data_map)
    what = ("obstacles", frozenset(parent.name for _, parent in keys))
    combined = answers(search, what, partial(wanted.combined, search)) if search.staged.few else None
    found = wanted.one_by_one(search) if combined is None else combined
    return [Obstacle(number, name, table, constraint, rows) for name, table, constraint, number, rows in found]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for.

    Attributes:
        keys: Foreign keys, each with the collection to whose rows it leads.
        tables: Those of both ends.
    """

    keys: Sequence[tuple[ForeignKey, BoundTable]]
    tables: frozenset[str]
    data_map: DataMap

    def combined(self, search: Search) -> sql.Composed:
        """All of it in one statement, for few keys."""
        query = CombinedQuery.of(search)
        for mapped in search.store.scoped.values():
            paths = search_paths(query.search, mapped.selecting)
            if paths and (count.kept(search.store, mapped) or self._wanted(mapped)):
                query.keep(mapped, count.found(query.search, mapped, paths))
        query.add(_NOTHING)
        for key, parent in self._reached(query.search):
            query.add(self._statement(query.search, key, parent))
        return query.statement()

    def one_by_one(self, search: Search) -> Iterator[tuple[Any, ...]]:
        """The same with tables of found rows."""
        for mapped in search.store.scoped.values():
            with translated(search.store.name, mapped.name):
                paths = search_paths(search, mapped.selecting)
                known = mapped.name in search.found
                if paths and not known and (count.kept(search.store, mapped) or self._wanted(mapped)):
                    rows = partial(count.found, search, mapped, paths)
                    search.keep("obstacles", mapped, rows, partial(count.columns, mapped))
        for key, parent in self._reached(search):
            with translated(search.store.name, parent.name):
                what = ("in the way", parent.name, key.name, key.child)
                statement = search.compiled(what, partial(self._statement, search, key, parent))
                yield from search.connection.execute(statement).fetchall()

    def _wanted(self, mapped: BoundTable) -> bool:
        return mapped.table.text in self.tables

    def _reached(self, search: Search) -> list[tuple[ForeignKey, BoundTable]]:
        return [(key, parent) for key, parent in self.keys if search.found.get(parent.name)]

    def _statement(self, search: Search, key: ForeignKey, parent: BoundTable) -> sql.Composed:
        """Of each subject: rows `c` that point to a row that is due, and are not due themselves."""
        child = search.store.takers(key.child)[0]
        going = [
            sql.SQL("NOT EXISTS (SELECT FROM {} AS g WHERE {} AND g.asked AND NOT g.stays)").format(
                search.table(one.name), same_row(one, "c", "g")
            )
            for one in search.store.scoped.values()
            if one.table.text == key.child and search.found.get(one.name) and lets_go(one.spec, key, self.data_map)
        ]
        return _POINTING.format(
            name=sql.Literal(parent.name),
            table=sql.Literal(key.child),
            constraint=sql.Literal(key.name),
            # A foreign key of the root of an inheritance tree does not hold for the tables below it.
            rows=sql.SQL("ONLY {}" if child.table.tree and key.whole else "{}").format(child.table.identifier),
            columns=comma_list(*(column("t", name) for name in key.parent_columns)),
            found=search.table(parent.name),
            parent=parent.table.identifier,
            same=same_row(parent, "t", "f"),
            points=refers(child, key.columns, key.parent_columns, "c", "due"),
            staying=and_(TRUE, *going),
        )


_NOTHING = sql.SQL("SELECT NULL::text, NULL::text, NULL::text, NULL::integer, NULL::bigint WHERE false").format()
_POINTING = sql.SQL(
    "SELECT {name}::text, {table}::text, {constraint}::text, due.number, count(*) FROM {rows} AS c JOIN"
    " (SELECT DISTINCT f.number, {columns} FROM {found} AS f JOIN {parent} AS t ON {same}"
    " WHERE f.asked AND NOT f.stays) AS due ON {points} WHERE {staying} GROUP BY due.number"
)
