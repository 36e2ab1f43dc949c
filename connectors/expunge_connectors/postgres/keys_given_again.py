"""Keys given again: keys of the erased person that somebody else has by now (ADR 18).

A person's own row that was made after the erasure began is somebody else's, under the same id: the map says that such
keys are never re-used; a table without a sequence, or one that was truncated, uses them again all the same. So is one
that was the request's member's and is another's by now. And an
internal key is whose row holds it, as a person's is whose row says by another one who it is (see `keys_of_others`). `t`
is a row of a collection of persons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import claimed_keys, key_staging, keys_of_others, person_rows, row_yields
from expunge_connectors.postgres.sql.fragments import TRUE
from expunge_connectors.postgres.sql.row_conditions import in_scope, made_after, made_on_the_day
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.subject_search import Search

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
    found = _of_persons(search, subjects)
    with translated(store.name):
        if keys_of_others.any_held(search):
            for number, keys in _of_rows(search).items():
                found[number] = found.get(number, frozenset()) | _meant(keys_of[number], keys)
    return found


def _of_persons(search: Search, subjects: Sequence[Subject]) -> Keys:
    store, found = search.store, Keys()
    keys_of = {one.number: one.keys for one in subjects}
    for mapped, link in person_rows.own_links(search.store, search.staged):
        identity = mapped.spec.person or ""
        names = {identity, *(namespace for namespace, of in store.own_keys.items() if of.identity == identity)}
        for number in [*_newer(search, mapped, link, subjects), *_moved(search, mapped, link, subjects)]:
            passed = frozenset(key for key in keys_of[number] if key.namespace in names)
            found[number] = found.get(number, frozenset()) | passed
    keys_of_others.forget(search, found)
    return found


def refuse(search: Search, subjects: Sequence[Subject]) -> None:
    """Look whether a person's key that is followed is somebody else's: in the erasing transaction.

    Raises:
        TerminalError: It is in a row made after the cutoff, or in one that another member has by now. Whose the rows
            under it are cannot be told, so nothing of them goes.
    """
    for mapped, link in person_rows.own_links(search.store, search.staged):
        if _moved(search, mapped, link, subjects):
            raise TerminalError(
                f"store {search.store.name}, collection {mapped.name}: the row with the id of this person is another"
                " member's by now, and whose the records under it are cannot be told.",
                remedy="expunge retry leaves them, and counts them as ambiguous. If the row is this member's after all,"
                f" correct {mapped.member_column} first; then expunge retry erases it.",
            )
        if _newer(search, mapped, link, subjects):
            raise TerminalError(
                f"store {search.store.name}, collection {mapped.name}: a row with the id of this person was made"
                f" after the erasure began, or on that day and without a value of this person, as {mapped.spec.created}"
                " has it: somebody else has it now, and whose the records under it are cannot be told.",
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


def _newer(search: Search, mapped: BoundTable, link: BoundLink, subjects: Sequence[Subject]) -> list[int]:
    """The subjects whose key a row holds that was made after the cutoff, where the map says when.

    A day without a time is later on the days after; on the cutoff's own day the values decide.
    """
    if mapped.spec.created is None:
        return []
    assert search.cutoff is not None
    later = made_after(mapped, "t", search.cutoff)
    compose = partial(person_rows.holding, search.store, search.staged, mapped, link, in_scope(mapped, "t"), later)
    found = _numbers(search, mapped, "given again", compose)
    if mapped.table.columns[mapped.spec.created].base == "date":
        found += _of_the_day(search, mapped, link, subjects)
    return found


def _of_the_day(search: Search, mapped: BoundTable, link: BoundLink, subjects: Sequence[Subject]) -> list[int]:
    """The subjects whose key a row of the cutoff's day holds that has values, and none of those that they are known by.

    Where nobody knows a value of theirs, or the row has none, nothing says that it is another one.
    """
    assert search.cutoff is not None
    identities = [identity for identity in mapped.yields if identity in search.store.passing]
    if not identities:
        return []
    texts = [row_yields.told_by(mapped, identity) for identity in identities]
    that_day = made_on_the_day(mapped, "t", search.cutoff)
    compose = partial(
        person_rows.holding, search.store, search.staged, mapped, link, in_scope(mapped, "t"), that_day, texts
    )
    with translated(search.store.name, mapped.name):
        rows = search.connection.execute(search.compiled(("made that day", mapped.name), compose)).fetchall()
    known = {
        one.number: {key for key in _ever_known(one) if key.namespace in identities} for one in subjects if one.keys
    }
    found: list[int] = []
    for number, *told in rows:
        holds = {
            SubjectKey(identity, value)
            for identity, text in zip(identities, told, strict=True)
            for source, rule in [mapped.yields[identity]]
            for one in (text if isinstance(text, list) else [text])
            if one is not None
            for value in source.read(rule, one).values
        }
        named = {key.namespace for key in holds}
        theirs = {key for key in known.get(number, ()) if key.namespace in named}
        if theirs and holds.isdisjoint(theirs):
            found.append(number)
    return found


def _ever_known(one: Subject) -> frozenset[SubjectKey]:
    """Every key of theirs, those that are not followed as well."""
    return one.keys | one.known | (one.refused or frozenset()) | one.unclear


def _moved(search: Search, mapped: BoundTable, link: BoundLink, subjects: Sequence[Subject]) -> list[int]:
    """The subjects whose own record was the member's, and is not any more: no other row can hold its key."""
    place = f"{search.store.name}.{mapped.name}"
    at_home = {one.number for one in subjects for key in one.at_home if key.namespace == place}
    alone = any(live.name in mapped.table.alone for live in link.columns)
    if not at_home or not alone or mapped.member_column is None:
        return []
    elsewhere = sql.SQL("({}) IS NOT TRUE").format(in_scope(mapped, "t"))
    compose = partial(person_rows.holding, search.store, search.staged, mapped, link, elsewhere, TRUE)
    return [number for number in _numbers(search, mapped, "moved", compose) if number in at_home]


def _numbers(search: Search, mapped: BoundTable, what: str, compose: Callable[[], sql.Composed]) -> list[int]:
    with translated(search.store.name, mapped.name):
        statement = search.compiled((what, mapped.name), compose)
        return [number for (number,) in search.connection.execute(statement).fetchall()]
