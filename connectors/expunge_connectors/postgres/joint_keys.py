"""Joint keys: what shared rows tell that somebody else owns by now, for stores that cannot ask (ADR 26).

Such a key was told when the row was the subject's alone. `k` is a staged key, `s` a shared row that tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from psycopg import sql

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.comparison import named_there, values
from expunge_connectors.postgres.sql.fragments import and_
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import of_others
from expunge_connectors.postgres.sql.subject_search import Search


def any_told(spec: PostgresSpec, subjects: Sequence[Subject]) -> bool:
    """Whether the subjects have a key that shared rows may tell."""
    joint = {one for table in spec.collections.values() if table.sharing is not None for one in table.yields}
    return any(key.namespace in joint for subject in subjects for key in subject.keys)


def owned_by_others(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> keys that a shared row tells which is not this subject's alone; of those who have any."""
    with translated(store.name):
        search = Search(connection, store, key_staging.stage(connection, store, subjects, scope), None, apart=True)
    found: dict[int, set[SubjectKey]] = {}
    for mapped in store.scoped.values():  # what leads to rows, or owns them, stands before them
        with translated(store.name, mapped.name):
            paths = search_paths(search, mapped.selecting)
            if paths and count.kept(store, mapped):
                rows = partial(count.found, search, mapped, paths)
                search.keep("joint", mapped, rows, partial(count.columns, mapped))
            for identity in mapped.binding if mapped.spec.sharing is not None else ():
                statement = search.compiled(("joint", mapped.name, identity), partial(_told, search, mapped, identity))
                for number, text in connection.execute(statement).fetchall():
                    found.setdefault(number, set()).add(SubjectKey(identity, text))
    return {number: frozenset(keys) for number, keys in found.items()}


def _told(search: Search, mapped: BoundTable, identity: str) -> sql.Composed:
    source, _ = mapped.yields[identity]
    staged = search.staged.table(*key_staging.yielded(identity))
    assert staged is not None  # whatever rows yield is staged
    rows = sql.SQL("{} AS s").format(mapped.table.identifier)
    if source.several:
        rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(source, "s"))
    same = sql.SQL("{} = k.c0").format(named_there(mapped, identity, "v" if source.several else "s"))
    return sql.SQL("SELECT DISTINCT k.number, k.c0 FROM {} AS k WHERE EXISTS (SELECT FROM {} WHERE {})").format(
        staged, rows, and_(same, of_others(search, mapped, "s"))
    )
