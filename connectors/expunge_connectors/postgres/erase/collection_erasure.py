"""Collection erasure: the due rows of one collection, or of a circle of them, deleted or tombstoned.

Before rows are deleted, rows that stay and point to them are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.errors import StillReferencedError, TerminalError
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.connection import only_row
from expunge_connectors.postgres.erase import rows_at_hand, rows_awaiting_keys
from expunge_connectors.postgres.erase.erasing_statements import delete, nothing, tombstone, unreferred
from expunge_connectors.postgres.erase.redacted_writes import carry_out_together, execute
from expunge_connectors.postgres.erase.reference_guard import changed_by, lock
from expunge_connectors.postgres.errors import REFERENCED, still_referenced
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.fragments import and_
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import unreferenced
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath
from expunge_connectors.postgres.statement_cache import CompiledStatement


def erase(search: Search, mapped: BoundTable, limit: int | None) -> int:
    """Delete or tombstone the rows of one collection that are due; returns how many.

    Args:
        search: What leads to them has been searched.
        mapped: The collection.
        limit: At most so many rows; None: they go together.
    """
    rows_at_hand.hold(search, mapped)  # a statement of ours may have moved rows as well
    paths = search_paths(search, mapped.erasing)
    if not paths or search.found.get(mapped.name) == 0:
        # A table that may not be written is not one that holds nothing.
        return execute(search.connection, search.compiled(("nothing", mapped.name), partial(nothing, mapped)))
    if mapped.action is Action.TOMBSTONE and mapped.spec.sharing is not None:
        _lock(search, mapped)
        return execute(search.connection, tombstone(search, mapped, paths, None, unreferenced(search, mapped, "t")))
    if mapped.action is Action.TOMBSTONE:
        # A row that is overwritten may lead to those below it no more: a tree is not split.
        limit = None if mapped.own else limit
        compose = partial(tombstone, search, mapped, paths, limit)
        return execute(search.connection, _bounded(search, "tombstone", mapped, compose, limit))
    rows_awaiting_keys.defer_parents(search, [mapped])
    _ask_before(search, mapped, (mapped,))
    if mapped.spec.sharing is not None:
        unowned = unreferenced(search, mapped, "t")
        return execute(search.connection, delete(search, mapped, paths, None, unowned))
    own = [one for one in search.store.foreign_keys if one.child == one.parent == mapped.table.text]
    if (own or mapped.own) and limit is not None and search.found[mapped.name] > limit:
        return _leaves_first(search, mapped, paths, own, limit)
    compose = partial(delete, search, mapped, paths, limit)
    return execute(search.connection, _bounded(search, "delete", mapped, compose, limit))


def erase_circle(search: Search, circle: Sequence[BoundTable]) -> int:
    """Delete from tables that refer to each other in a circle: in one statement, at whose end the server looks.

    So no constraint needs to be deferrable, and no column to be emptied first.
    """
    for mapped in circle:
        rows_at_hand.hold(search, mapped)
    going = [mapped for mapped in circle if search.found.get(mapped.name)]
    rows_awaiting_keys.defer_parents(search, going)
    for mapped in going:
        _ask_before(search, mapped, circle)
    if not going:
        return 0
    return carry_out_together(
        search.connection,
        [delete(search, mapped, search_paths(search, mapped.erasing), None) for mapped in going],
    )


def _ask_before(search: Search, mapped: BoundTable, circle: Sequence[BoundTable]) -> None:
    cascading = any(one.parent == mapped.table.text and one.writes_child for one in search.store.foreign_keys)
    if cascading or mapped.spec.sharing is not None:
        _lock(search, mapped)
    _guard(search, mapped, circle)


def _lock(search: Search, mapped: BoundTable) -> None:
    search.connection.execute(search.compiled(("lock", mapped.name), partial(lock, search, mapped)))


def _leaves_first(
    search: Search, mapped: BoundTable, paths: Sequence[SearchPath], own: Sequence[ForeignKey], limit: int
) -> int:
    """Delete from a table that refers to itself, more than the limit allows at once: from the leaves inwards."""
    leaf = and_(
        *(unreferred(mapped, one.columns, one.parent_columns) for one in own),
        *(
            unreferred(mapped, [column.name for column in link.columns], link.of[1] if link.of else ())
            for link in mapped.own
        ),
    )
    touched = 0
    while touched < limit:
        gone = execute(search.connection, delete(search, mapped, paths, limit - touched, leaf))
        touched += gone
        if gone == 0:  # they refer to each other in a circle: these go together
            touched += execute(search.connection, delete(search, mapped, paths, None))
            break
    return touched


def _guard(search: Search, mapped: BoundTable, circle: Sequence[BoundTable]) -> None:
    """Refuse where a row that stays points to one that should go.

    The children of this request are gone by now; whatever still points here is somebody else's, or is kept. By
    CASCADE, SET NULL or SET DEFAULT a deletion would delete or change it. A key that the server does not hold for
    every row would let it point to nothing. Otherwise the server itself refuses, as the deletion ends. A shared row
    is deleted only when nothing leads to it any more, which the deletion itself makes sure of.
    """
    for key in search.store.foreign_keys:
        if key.parent != mapped.table.text or key in search.store.owning[mapped.name]:
            continue
        children = search.store.takers(key.child)
        if not children:
            if key.writes_child:
                raise TerminalError(
                    f"{_changing(search, mapped, key)} through constraint {key.name}.",
                    remedy="Tombstone the collection instead, or map the other table.",
                )
            continue
        if not key.writes_child and (mapped.spec.sharing is not None or key.sound):
            continue
        statement = search.compiled(
            ("changed by", mapped.name, key.name, key.child, tuple(one.name for one in circle)),
            partial(changed_by, search, mapped, key, children, circle),
        )
        (pointing,) = only_row(search.connection.execute(statement))
        if pointing:
            if key.writes_child:
                raise StillReferencedError(
                    f"{_changing(search, mapped, key)} that are not part of the request ({key.name}).",
                    remedy=REFERENCED,
                )
            raise still_referenced(search.store.name, mapped.name, key.name, key.child)


def _changing(search: Search, mapped: BoundTable, key: ForeignKey) -> str:
    return f"store {search.store.name}, collection {mapped.name}: deleting would change rows of {key.child}"


def _bounded(
    search: Search, what: str, mapped: BoundTable, compose: Callable[[], sql.Composed], limit: int | None
) -> CompiledStatement:
    """A statement that reads otherwise where more rows were found than the limit allows, or where there is none."""
    beyond = limit is not None and search.found.get(mapped.name, 0) > limit
    return search.compiled((what, mapped.name, limit is None, beyond), compose, limit)
