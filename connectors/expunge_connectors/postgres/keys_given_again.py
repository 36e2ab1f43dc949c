"""Keys given again: a person's own row that was made after the erasure began is somebody else's, under the same id.

The map says that such keys are never re-used; a table without a sequence, or one that was truncated, uses them again
all the same (ADR 18). `k` is a staged key, `t` a row of a collection of persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundStore, BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.fragments import TRUE, column
from expunge_connectors.postgres.sql.key_staging import Staged
from expunge_connectors.postgres.sql.subject_search import SearchPath, joined
from expunge_connectors.postgres.sql.tombstones import is_tombstone
from expunge_connectors.postgres.statement_cache import Placeholder
from expunge_connectors.postgres.table_spec import internal_namespace


def given_again(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> the keys of the person that somebody else has by now; of those who have any.

    With a person's key goes what other tables know the person's row by.
    """
    persons = {mapped.spec.person for mapped, _ in _persons(store)}
    asked = [
        Subject(one.number, keys)
        for one in subjects
        if (keys := frozenset(key for key in one.keys if key.namespace in persons))
    ]
    if not asked:
        return {}
    with translated(store.name):
        staged = key_staging.stage(connection, store, asked, scope)
    keys_of = {one.number: one.keys for one in subjects}
    found: dict[int, frozenset[SubjectKey]] = {}
    for mapped, link in _persons(store):
        if link.staged not in staged.places:
            continue
        identity = mapped.spec.person or ""
        names = {identity, internal_namespace(store.name, mapped.name, [mapped.spec.yields[identity].column])}
        with translated(store.name, mapped.name):
            newer = store.statements.compiled(
                ("given again", mapped.name, staged.shape),
                partial(_newer, mapped, link, staged, cutoff),
                {"cutoff": cutoff},
                connection,
            )
            for (number,) in connection.execute(newer).fetchall():
                passed = frozenset(key for key in keys_of[number] if key.namespace in names)
                found[number] = found.get(number, frozenset()) | passed
    return found


def _persons(store: BoundStore) -> Iterator[tuple[BoundTable, BoundLink]]:
    """The collections of persons that say when a row was made, and the link by which a row is known as whose it is."""
    for mapped in store.scoped.values():
        if mapped.spec.person is None or mapped.spec.created is None:
            continue
        for link in mapped.links:
            several = link.source is not None and link.source.several
            if link.namespace == mapped.spec.person and link.of is None and not several:
                yield mapped, link
                break


def _newer(mapped: BoundTable, link: BoundLink, staged: Staged, cutoff: datetime) -> sql.Composed:
    """The subjects whose key such a row holds. A day without a time is later only on the days after."""
    keys = staged.table(*link.staged)
    assert keys is not None
    live = mapped.table.columns[mapped.spec.created or ""]
    later = sql.SQL("{} > {}::date" if live.base == "date" else "{} > {}").format(
        column("t", live.name), Placeholder("cutoff", cutoff)
    )
    alive = sql.SQL("NOT ({})").format(is_tombstone(mapped, "t")) if mapped.action is Action.TOMBSTONE else TRUE
    path = SearchPath(link, keys, tuple(f"c{place}" for place in range(len(link.types))))
    return joined(mapped, path, sql.SQL("DISTINCT k.number"), later, alive)
