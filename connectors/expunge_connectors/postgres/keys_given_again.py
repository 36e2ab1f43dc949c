"""Keys given again: keys of the erased person that somebody else has by now (ADR 18).

A person's own row that was made after the erasure began is somebody else's, under the same id: the map says that such
keys are never re-used; a table without a sequence, or one that was truncated, uses them again all the same. And an
internal key is whose row holds it, as a person's is whose row says by another one who it is (see `keys_of_others`). `k`
is a staged key, `t` a row of a collection of persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundStore, BoundTable
from expunge_connectors.postgres.sql import claimed_keys, key_staging, keys_of_others
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import TRUE, and_
from expunge_connectors.postgres.sql.key_staging import Staged
from expunge_connectors.postgres.sql.row_conditions import in_scope, made_after
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, join_condition

Keys = dict[int, frozenset[SubjectKey]]
"""Subject number -> keys."""


def given_again(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> Keys:
    """Subject number -> the keys that somebody else has by now; of those who have any.

    With a person's key goes what other tables know the person's rows by; with an internal key what only it leads to.
    """
    keys_of = {one.number: one.keys for one in subjects}
    if not any(keys_of.values()):
        return {}
    with translated(store.name):
        search = Search(connection, store, key_staging.stage(connection, store, subjects, scope), cutoff)
    found = _of_persons(search, keys_of, cutoff)
    with translated(store.name):
        if keys_of_others.any_held(search):
            for number, keys in _of_rows(search).items():
                found[number] = found.get(number, frozenset()) | _meant(keys_of[number], keys)
    return found


def _of_persons(search: Search, keys_of: Keys, cutoff: datetime) -> Keys:
    store, found = search.store, Keys()
    for mapped, link in _persons(store):
        if link.staged not in search.staged.places:
            continue
        identity = mapped.spec.person or ""
        names = {identity, *(namespace for namespace, of in store.own_keys.items() if of.identity == identity)}
        compose = partial(_newer, store, mapped, link, search.staged, cutoff)
        with translated(store.name, mapped.name):
            newer = search.compiled(("given again", mapped.name), compose)
            for (number,) in search.connection.execute(newer).fetchall():
                passed = frozenset(key for key in keys_of[number] if key.namespace in names)
                found[number] = found.get(number, frozenset()) | passed
    keys_of_others.forget(search, found)
    return found


def refuse(search: Search) -> None:
    """Look whether a person's key that is followed is in a row made after the cutoff: in the erasing transaction.

    Raises:
        TerminalError: It is. Whose the rows under it are cannot be told, so nothing of them goes.
    """
    assert search.cutoff is not None
    for mapped, link in _persons(search.store):
        if link.staged not in search.staged.places:
            continue
        compose = partial(_newer, search.store, mapped, link, search.staged, search.cutoff)
        with translated(search.store.name, mapped.name):
            if search.connection.execute(search.compiled(("given again", mapped.name), compose)).fetchone():
                raise TerminalError(
                    f"store {search.store.name}, collection {mapped.name}: a row with the id of this person was made"
                    f" after the erasure began, as {mapped.spec.created} has it: somebody else has it now, and whose"
                    " the records under it are cannot be told.",
                    remedy="expunge retry leaves them, and counts them as ambiguous. If the row is this person's after"
                    f" all (an import, a clock that runs ahead), correct {mapped.spec.created} first; then expunge"
                    " retry erases it.",
                )


def _of_rows(search: Search) -> Keys:
    """Look for the rows of these people until no further key turns out to be somebody else's."""
    found, more = keys_of_others.let_go_outside(search, elsewhere=True), True
    while more:
        more = False
        claimed_keys.mark(search.connection, search.store, search.staged)
        for mapped in search.store.scoped.values():
            with translated(search.store.name, mapped.name):
                paths = search_paths(search, mapped.selecting)
                told = keys_of_others.told(search.store, mapped, elsewhere=True)
                if paths and (told or count.kept(search.store, mapped)):
                    rows = partial(count.found, search, mapped, paths)
                    search.keep("given again", mapped, rows, partial(count.columns, mapped))
                for number, keys in keys_of_others.let_go(search, mapped, elsewhere=True).items():
                    found[number] = found.get(number, frozenset()) | keys
                    more = True
    return found


def _meant(known: frozenset[SubjectKey], told: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Those of the subject's keys. Where one is written otherwise, all of its namespace: which it is cannot be told."""
    strange = {key.namespace for key in told - known}
    return frozenset(key for key in known if key in told or key.namespace in strange)


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


def _newer(store: BoundStore, mapped: BoundTable, link: BoundLink, staged: Staged, cutoff: datetime) -> sql.Composed:
    """The subjects whose key such a row holds. A day without a time is later only on the days after."""
    keys = staged.table(*link.staged)
    assert keys is not None
    later = made_after(mapped, "t", cutoff)
    alive = sql.SQL("NOT ({})").format(is_erased(store, mapped, "t")) if mapped.action is Action.TOMBSTONE else TRUE
    path = SearchPath(link, keys, tuple(f"c{place}" for place in range(len(link.types))))
    # One look into the index for each key (OFFSET 0 is a fence): the planner would read the table for what is seldom.
    return sql.SQL(
        "SELECT DISTINCT k.number FROM {} AS k CROSS JOIN LATERAL (SELECT t.* FROM {} AS t WHERE {} OFFSET 0) AS t"
        " WHERE {}"
    ).format(keys, mapped.table.identifier, and_(join_condition(path, "t"), in_scope(mapped, "t")), and_(later, alive))
