"""Hearsay: values that records merely tell, and that records of somebody else hold as well (ADR 18).

An address on Ann's gift that is in nobody's own row may be anybody's. What it leads to is hers only while no row that
says by a key whose it is, and is not found for her, tells it too or is found by it: Bob's parcel, a line of his order.
`k` is a staged key, `t` a row that holds it, `f` a row found for the subject without such values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.dependency_graph import closure
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.comparison import same_row
from expunge_connectors.postgres.sql.fragments import TRUE, column
from expunge_connectors.postgres.sql.row_conditions import known_by_value_alone
from expunge_connectors.postgres.sql.search_paths import claimed_paths, search_paths
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, joined

_NOT_FOUND = sql.SQL("NOT EXISTS (SELECT FROM {found} AS f WHERE f.number = k.number AND f.asked AND {same})")


def told_by_others(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> those of the doubtful keys that rows of somebody else hold; of those who have any.

    Args:
        connection: In a transaction.
        store: The collections.
        subjects: With the keys that are known without the doubtful ones.
        scope: For whom the request speaks.
        cutoff: As for `resolve`.
    """
    assert store.telling is not None
    store = store.telling
    with translated(store.name):
        search = Search(connection, store, key_staging.stage(connection, store, subjects, scope), cutoff)
    holding = {
        name: paths
        for name, mapped in store.scoped.items()
        if mapped.spec.person is None and (paths := claimed_paths(search, mapped))
    }
    leading = holding.keys() | closure(store.leading, holding)
    found: dict[int, set[SubjectKey]] = {}
    for name, mapped in store.scoped.items():
        with translated(store.name, name):
            if name in leading and (paths := search_paths(search, mapped.selecting)):
                rows = partial(count.found, search, mapped, paths)
                search.keep("hearsay", mapped, rows, partial(count.columns, mapped))
            for at, path in enumerate(holding.get(name, ())):
                identity, value = search.staged.spellings.key(path.link.staged)
                statement = search.compiled(("hearsay", name, at), partial(_theirs, search, mapped, path, value))
                for number, text in connection.execute(statement).fetchall():
                    found.setdefault(number, set()).add(SubjectKey(identity, text))
    return {number: frozenset(keys) for number, keys in found.items()}


def _theirs(search: Search, mapped: BoundTable, path: SearchPath, value: str) -> sql.Composed:
    """Subject's number and key, of rows that say by a key whose they are, and were not found for the subject."""
    not_found: sql.Composable = TRUE
    if search.found.get(mapped.name):
        not_found = _NOT_FOUND.format(found=search.table(mapped.name), same=same_row(mapped, "t", "f"))
    named = sql.SQL("NOT ({})").format(known_by_value_alone(mapped, "t"))
    return joined(mapped, path, sql.SQL("DISTINCT k.number, {}").format(column("k", value)), named, not_found)
