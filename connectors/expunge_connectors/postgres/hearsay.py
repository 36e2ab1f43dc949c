"""Hearsay: values that records merely tell, and that records of somebody else hold as well (ADR 18).

An address on Ann's gift that is in nobody's own row may be anybody's. What it leads to is hers only while no row that
says whose it is, and is not found for her, tells it too or is found by it: Bob's parcel, a line of his order, one with
his user name, also in a text that cannot be read and under another identity of the same place. Nor while a row tells it
that goes with her and is his. He may have written it since the resolution, so whatever goes by such a value asks again.
Rows of other members, by their own column or by the rows above them, say nothing of this member's people (ADR 28).
`k` is a staged key, `t` a row that holds it, `m` a key that is the subject's without such values, `f` a row that those
lead to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres import count
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.dependency_graph import closure
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import held_values, key_staging
from expunge_connectors.postgres.sql.combined_query import CombinedQuery, answers
from expunge_connectors.postgres.sql.comparison import equal, same_row
from expunge_connectors.postgres.sql.fragments import FALSE, and_, column, or_
from expunge_connectors.postgres.sql.member_rows import may_be_the_members
from expunge_connectors.postgres.sql.row_conditions import known_by_value_alone, says_nothing
from expunge_connectors.postgres.sql.row_owners import anothers, requested
from expunge_connectors.postgres.sql.search_paths import claimed_paths, search_paths
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, joined

_NOT_NAMED = sql.SQL("NOT EXISTS (SELECT FROM {keys} AS m WHERE m.number = k.number AND {same})")
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
    names = {key: store.aliases.everywhere(key) for one in subjects for key in one.doubtful}
    asked = [replace(one, doubtful=one.doubtful.union(*(names[key] for key in one.doubtful))) for one in subjects]
    held = _told(connection, store.telling, asked, scope, cutoff)
    told = {
        one.number: frozenset(key for key in one.doubtful if not names[key].isdisjoint(held.get(one.number, ())))
        for one in subjects
    }
    return {number: keys for number, keys in told.items() if keys}


def _told(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> dict[int, frozenset[SubjectKey]]:
    with translated(store.name):
        staged = key_staging.stage(connection, store, subjects, scope, perhaps=True)
        search = Search(connection, store, staged, cutoff)
    holding = {
        name: paths
        for name, mapped in store.scoped.items()
        if mapped.spec.person is None and (paths := claimed_paths(search, mapped))
    }
    beside = {one.name for name in holding for one in _of_table(store, store.collections[name])}
    leading = beside | closure(store.leading, beside)
    if holding and search.staged.few:
        told = answers(search, "hearsay", partial(_combined, search, holding, leading))
        if told is not None:
            return _by_subject((number, SubjectKey(identity, text)) for number, identity, text in told)
    if not _held(search, holding):  # by rows that name somebody else themselves, or through a row above
        return {}
    for name, mapped in store.scoped.items():
        with translated(store.name, name):
            if name in leading and (paths := search_paths(search, mapped.selecting)):
                rows = partial(count.found, search, mapped, paths)
                search.keep("hearsay", mapped, rows, partial(count.columns, mapped))
    return _held(search, holding)


def held_by_now(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> dict[int, frozenset[SubjectKey]]:
    """The same of the values that are followed as hearsay; of those who have any."""
    if not any(one.hearsay for one in subjects):
        return {}
    asked = [
        Subject(one.number, one.keys - told, doubtful=told, known=one.known)
        for one in subjects
        for told in [one.hearsay]
    ]
    with connection.transaction(force_rollback=True):  # the keys are staged for this question alone
        return told_by_others(connection, store, asked, scope, cutoff)


def without(subjects: Sequence[Subject], held: Mapping[int, frozenset[SubjectKey]]) -> Sequence[Subject]:
    """The subjects without the values that rows of somebody else hold by now: what is found by one is unclear."""
    return [
        replace(one, keys=one.keys - told, doubtful=one.doubtful | told) if (told := held.get(one.number)) else one
        for one in subjects
    ]


def refuse_new(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> None:
    """Look again before what went by such values is committed.

    Args:
        connection: Another session than the one that erased, which has the keys staged.
        store: The collections.
        subjects: As they were followed.
        scope: For whom the request speaks.
        cutoff: As for `resolve`.

    Raises:
        SomeRecordsError: A row of somebody else holds one. Tried again, it is not followed.
    """
    if held_by_now(connection, store, subjects, scope, cutoff):
        raise SomeRecordsError(
            f"store {store.name}: a record of somebody else came to hold a value that a record of a person to be erased"
            " merely told; nothing of this transaction is kept, and it is done again."
        )


def _combined(search: Search, holding: Mapping[str, Sequence[SearchPath]], leading: AbstractSet[str]) -> sql.Composed:
    combined = CombinedQuery.of(search)
    for name, mapped in search.store.scoped.items():
        if name in leading and (paths := search_paths(combined.search, mapped.selecting)):
            combined.keep(mapped, count.found(combined.search, mapped, paths))
    for name, held in holding.items():
        for path in held:
            theirs = _theirs(combined.search, search.store.collections[name], path)
            identity = search.staged.spellings.key(path.link.staged)[0]
            combined.add(sql.SQL("SELECT s.number, {}::text, s.key FROM ({}) AS s").format(identity, theirs))
    return combined.statement()


def _held(search: Search, holding: Mapping[str, Sequence[SearchPath]]) -> dict[int, frozenset[SubjectKey]]:
    """What rows hold that say by a key whose they are, and are not known to be the subject's by now."""
    found: list[tuple[int, SubjectKey]] = []
    for name, paths in holding.items():
        mapped = search.store.collections[name]
        for at, path in enumerate(paths):
            identity = search.staged.spellings.key(path.link.staged)[0]
            statement = search.compiled(("hearsay", name, at), partial(_theirs, search, mapped, path))
            with translated(search.store.name, name):
                rows = search.connection.execute(statement).fetchall()
            found += [(number, SubjectKey(identity, text)) for number, text in rows]
    return _by_subject(found)


def _by_subject(found: Iterable[tuple[int, SubjectKey]]) -> dict[int, frozenset[SubjectKey]]:
    keys: dict[int, set[SubjectKey]] = {}
    for number, key in found:
        keys.setdefault(number, set()).add(key)
    return {number: frozenset(told) for number, told in keys.items()}


def _theirs(search: Search, mapped: BoundTable, path: SearchPath) -> sql.Composed:
    """Subject's number and key, of such rows: they say whose they are, by a key or a value that somebody holds.

    A row in which a key of the subject's stands itself is none, nor one that is found for the subject, unless what it
    tells is somebody else's.
    """
    every = _of_table(search.store, mapped)
    links = [link for one in every for link in one.selecting if link.sure and not link.below]
    mine: list[sql.Composable] = [
        _NOT_NAMED.format(
            keys=own.table,
            same=and_(
                equal(own.link, "t", [column("m", one) for one in own.columns]),
                requested(search, mapped, own.link, "t"),
            ),
        )
        for own in search_paths(search, links)
        if own.lead is None and (own.link.source is None or not own.link.source.several)
    ]
    mine += [
        _NOT_FOUND.format(found=search.table(one.name), same=same_row(one, "t", "f"))
        for one in every
        if search.found.get(one.name)
    ]
    says: list[sql.Composable] = [
        sql.SQL("NOT ({})").format(and_(*(known_by_value_alone(search.store, one, "t") for one in every)))
    ]
    others: list[sql.Composable] = []
    for one in every:
        says += [sql.SQL("NOT ({})").format(says_nothing(search.store, own, "t")) for own in one.naming if own.of]
        others.append(anothers(search, one, "t"))
    says += held_values.said_of_others(search, path.link, "t")
    theirs = or_(and_(or_(*says), *mine), *(one for one in others if one is not FALSE))
    value = search.staged.spellings.key(path.link.staged)[1]
    told = sql.SQL("DISTINCT k.number, {} AS key").format(column("k", value))
    return joined(mapped, path, told, may_be_the_members(search.store, mapped, "t"), theirs)


def _of_table(store: BoundStore, mapped: BoundTable) -> list[BoundTable]:
    """The collections of its table: what one of them does not compare, another one may."""
    return [one for one in store.scoped.values() if one.table.text == mapped.table.text]
