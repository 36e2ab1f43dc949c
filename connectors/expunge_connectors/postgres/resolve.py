"""`resolve`: further keys that the subjects' rows yield."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import sql

from expunge_config.normalisers import Normaliser
from expunge_config.spellings import Reading
from expunge_connectors.contract import SINCE, UNREAD, DiscoveredKey, Scope, Subject, SubjectKey, claim_text
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.dependency_graph import closure
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import claim_ages, key_staging, row_yields, shared_values
from expunge_connectors.postgres.sql.combined_query import answers
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_probe import probe


def resolve(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None
) -> list[DiscoveredKey]:
    """Declared yields, and the internal keys that are needed, of every row linked to these keys.

    Paths inside the store are followed, without reporting each row on the way: `via` is the last key that is reported.
    A person found by a reusable identifier leads on only once the person's own key is asked about, and a row found
    through a shareable identity yields, so that it can help to agree, but leads nowhere. A shared row that
    anybody else owns neither yields nor leads: another subject too, for that one may have to stay (ADR 26).
    """
    reporting = {name for name, mapped in store.scoped.items() if mapped.yields or row_yields.reported(mapped)}
    leads_on = closure(store.leading, reporting)
    on_the_way = reporting | leads_on
    links = {link.namespace for name in on_the_way for link in store.scoped[name].links}
    spelt = {link.namespace for mapped in store.scoped.values() for link in mapped.links if link.spellings is not None}
    asked = {key.namespace for subject in subjects for key in subject.keys}
    if asked.isdisjoint(links | spelt):
        return []
    search = _search(connection, store, subjects, scope, cutoff, apart=True)
    unread = list(_unread(store, search))
    if asked.isdisjoint(links):
        return unread
    told = _told(search, reporting, leads_on)
    return [*_with_own_keys(store, subjects, told), *unread]


def resolve_together(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> list[DiscoveredKey]:
    """What shared rows that are these subjects' alone, all of them taken together, and rows below these say."""
    shared = {name for name, mapped in store.scoped.items() if mapped.spec.sharing is not None}
    following: dict[str, list[str]] = {}
    for name, mapped in store.scoped.items():
        for link in mapped.links:
            if link.of is not None:
                following.setdefault(link.of[0], []).append(name)
    reporting = _telling_anything(store, shared | closure(following, shared))
    if not reporting:
        return []
    search = _search(connection, store, subjects, scope, cutoff, apart=False)
    return list(_told(search, reporting, closure(store.leading, reporting)))


def resolve_shared(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> list[DiscoveredKey]:
    """What shared rows say that a subject owns, whoever else does. What hangs below them is told with their going."""
    reporting = _telling_anything(store, {name for name, one in store.scoped.items() if one.spec.sharing is not None})
    if not reporting:
        return []
    search = _search(connection, store, subjects, scope, cutoff, apart=True, whoever_owns=True)
    return list(_told(search, reporting, closure(store.leading, reporting)))


def _telling_anything(store: BoundStore, names: AbstractSet[str]) -> set[str]:
    return {
        name
        for name in names & store.scoped.keys()
        if store.scoped[name].yields or row_yields.reported(store.scoped[name])
    }


def _search(  # noqa: PLR0913 - who is looked for where
    connection: Connection,
    store: BoundStore,
    subjects: Sequence[Subject],
    scope: Scope,
    cutoff: datetime | None,
    *,
    apart: bool,
    whoever_owns: bool = False,
) -> Search:
    with translated(store.name):
        staged = key_staging.stage(connection, store, subjects, scope, dated=True)
        claim_ages.read(connection, store, staged)
        return Search(connection, store, staged, cutoff, apart=apart, whoever_owns=whoever_owns)


def _told(search: Search, reporting: AbstractSet[str], leads_on: AbstractSet[str]) -> Iterable[DiscoveredKey]:
    """What rows of some collections say, found by way of others."""
    store, known, rows = search.store, _Keys(search.store.name), None
    if search.staged.few and not any(map(shared_values.is_looked_at_again, store.scoped.values())):
        rows = answers(search, "resolve", partial(row_yields.combined, search, reporting, leads_on))
    if rows is None:
        return _one_by_one(search, reporting, leads_on, known)
    made = {name: known.made(store.scoped[name]) for name in reporting}
    return (one for name, *row in rows for one in _yields(name, made[name], row, known))


def _with_own_keys(
    store: BoundStore, subjects: Sequence[Subject], told: Iterable[DiscoveredKey]
) -> Iterator[DiscoveredKey]:
    """What rows refer to a person by leads on from the person's own key: the person's row may be gone."""
    theirs = {(one.number, key) for one in subjects for key in one.keys | one.known} if store.own_keys else set()
    for one in told:
        of = store.own_keys.get(one.via.namespace)
        if of is not None and of.told:
            own = one.number, SubjectKey(of.identity, one.via.value)
            if own in theirs:
                theirs.discard(own)
                yield DiscoveredKey(*own, of.collection, one.via)
        yield one


def _unread(store: BoundStore, search: Search) -> Iterator[DiscoveredKey]:
    """What may be a key of a subject, by its characters, and nobody can read: it is not found by it."""
    for number, identity, value, name, text in search.staged.spellings.unread:
        yield DiscoveredKey(
            number, SubjectKey(identity, value), name, _not_read(f"{UNREAD}{store.name}.{name}", identity, text)
        )


def _not_read(namespace: str, identity: str, text: str) -> SubjectKey:
    return SubjectKey(namespace, hashlib.sha256(f"{identity} {text}".encode()).hexdigest())


def _one_by_one(
    search: Search, reporting: AbstractSet[str], leads_on: AbstractSet[str], known: _Keys
) -> Iterator[DiscoveredKey]:
    store = search.store
    unread: dict[str, sql.Identifier] = {}
    for mapped in store.scoped.values():
        with translated(store.name, mapped.name):
            paths = search_paths(search, mapped.links)
            if not paths or mapped.name not in reporting | leads_on:
                unread[mapped.name] = mapped.table.identifier
                continue
            if mapped.name in leads_on or mapped.own or shared_values.is_looked_at_again(mapped):
                search.keep(
                    "resolve",
                    mapped,
                    partial(row_yields.found, search, mapped, paths),
                    partial(row_yields.columns, mapped),
                )
            if mapped.name in reporting and search.found.get(mapped.name) != 0:
                yield from _discovered(search, mapped, paths, known)
    with translated(store.name):
        probe(search.connection, store.name, unread)


def _discovered(
    search: Search, mapped: BoundTable, paths: Sequence[SearchPath], known: _Keys
) -> Iterator[DiscoveredKey]:
    statement = search.compiled(("discovered", mapped.name), partial(row_yields.statement, search, mapped, paths))
    shared = shared_values.shared(search, mapped)
    made = known.made(mapped)
    for row in search.connection.execute(statement).fetchall():
        yield from _yields(mapped.name, made, row, known, shared)


def _yields(
    name: str,
    made: Sequence[_Texts],
    row: Sequence[Any],
    known: _Keys,
    shared: AbstractSet[tuple[int, SubjectKey]] = frozenset(),
) -> Iterator[DiscoveredKey]:
    """What one answer says: the subject's number, by and via, and texts (or arrays of them) of the kinds `made`."""
    number, by, via, *found = row
    [origin] = known.of(by)[via]
    for keys, texts in zip(made, found, strict=False):  # beyond there is padding
        for text in texts if isinstance(texts, list) else (texts,):
            for key in () if text is None else keys[text]:
                if not shared or (number, key) not in shared:
                    yield DiscoveredKey(number, origin, name, key)


class _Texts(dict[str, tuple[SubjectKey, ...]]):
    """Text -> the keys that it is in one namespace, made once: a person's rows say the same few again and again."""

    def __init__(self, namespace: str, read: Callable[[str], Reading] | None = None, unread: str = "") -> None:
        super().__init__()
        self._namespace = namespace
        self._read = read
        self._unread = unread

    def __missing__(self, text: str) -> tuple[SubjectKey, ...]:
        if self._read is None:
            keys: tuple[SubjectKey, ...] = (SubjectKey(self._namespace, text),)
        else:
            # What stands there may be no such identifier ("unknown", "n/a"): it leads nowhere, and is counted.
            reading = self._read(text)
            keys = tuple([SubjectKey(self._namespace, value) for value in reading.values])
            if not reading.whole:
                keys += (_not_read(self._unread, self._namespace, text),)
        self[text] = keys
        return keys


class _Keys:
    """The keys of one call: those that rows were found by, those between rows, and those that rows declare."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._plain: dict[str, _Texts] = {}
        self._declared: dict[tuple[str, str, str | None, tuple[str, ...]], _Texts] = {}

    def of(self, namespace: str) -> _Texts:
        """Keys as they are."""
        if namespace not in self._plain:
            self._plain[namespace] = _Texts(namespace)
        return self._plain[namespace]

    def declared(self, name: str, identity: str, source: Source, rule: Normaliser) -> _Texts:
        """Keys of an identity, from what stands in a row of a collection."""
        texts = _Texts(identity, partial(source.read, rule), f"{UNREAD}{self._store}.{name}")
        return self._declared.setdefault((name, identity, source.region, source.decode), texts)

    def made(self, mapped: BoundTable) -> list[_Texts]:
        """Of what is said of a collection's rows, in that order."""
        declared = [
            self.declared(mapped.name, identity, source, rule) for identity, (source, rule) in mapped.yields.items()
        ]
        since = [
            self._declared.setdefault(
                (f"{SINCE}{mapped.name}", identity, source.region, source.decode),
                _Texts(f"{SINCE}{identity}", partial(_claimed, source, rule)),
            )
            for identity in mapped.since
            for source, rule in [mapped.yields[identity]]
        ]
        return [*declared, *since, *(self.of(feed.namespace) for feed in row_yields.reported(mapped))]


def _claimed(source: Source, rule: Normaliser, text: str) -> Reading:
    """Since when each of the values in a text is claimed. What cannot be read is counted with the values themselves."""
    when, _, told = text.partition("|")
    return Reading(frozenset(claim_text(when, value) for value in source.read(rule, told).values))
