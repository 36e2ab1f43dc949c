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
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable, OutgoingKey
from expunge_connectors.postgres.sql import claim_ages, key_staging, shared_values
from expunge_connectors.postgres.sql.combined_query import CombinedQuery, answers
from expunge_connectors.postgres.sql.comparison import (
    leading,
    named,
    named_there,
    place_names,
    place_types,
    row_id,
    values,
)
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.sql.retention import retained
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.row_owners import anothers, requested
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import not_made_again, of_others, others_left
from expunge_connectors.postgres.sql.subject_search import (
    Search,
    SearchPath,
    from_rows,
    join_condition,
    joined,
)
from expunge_connectors.postgres.sql.tombstones import is_tombstone
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
    reporting = {name for name, mapped in store.scoped.items() if mapped.yields or _reported(mapped)}
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
    return {name for name in names & store.scoped.keys() if store.scoped[name].yields or _reported(store.scoped[name])}


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
        rows = answers(search, "resolve", partial(_combined, search, reporting, leads_on))
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
        yield DiscoveredKey(number, SubjectKey(identity, value), name, _not_read(store.name, name, identity, text))


def _not_read(store: str, name: str, identity: str, text: str) -> SubjectKey:
    return SubjectKey(f"{UNREAD}{store}.{name}", hashlib.sha256(f"{identity} {text}".encode()).hexdigest())


def _combined(search: Search, reporting: AbstractSet[str], leads_on: AbstractSet[str]) -> sql.Composed:
    """Every collection's yields in one statement; a value in it is an array, as those with several values are."""
    combined = CombinedQuery.of(search)
    width = max(len(list(_wanted(mapped))) for mapped in search.store.scoped.values())
    for mapped in search.store.scoped.values():
        name = sql.SQL("{}::text").format(sql.Literal(mapped.name))
        paths = search_paths(combined.search, mapped.links) if mapped.name in reporting | leads_on else []
        if paths and (mapped.name in leads_on or mapped.own):
            combined.keep(mapped, _found(combined.search, mapped, paths))
        if paths and mapped.name in reporting:
            several = [mapped.yields[identity][0].several for identity in (*mapped.yields, *mapped.since)]
            several += [False] * len(_reported(mapped))
            values_ = [
                sql.SQL("{}::text[]" if one else "ARRAY[{}]::text[]").format(value)
                for one, value in zip(several, _wanted(mapped), strict=True)
            ]
            padding = [sql.SQL("NULL::text[]")] * (width - len(values_))
            rows = _rows(combined.search, mapped, paths)
            combined.add(_DISTINCT.format(comma_list(name, *_ORIGIN, *values_, *padding), rows, _telling(mapped)))
        else:
            # Of no row: a table that may not be read is not one that says nothing.
            nothing = [sql.SQL("NULL::text[]")] * width
            empty = sql.SQL("SELECT {}, NULL::integer, NULL::text, NULL::text, {} FROM {} WHERE false")
            combined.add(empty.format(name, comma_list(*nothing), mapped.table.identifier))
    return combined.statement()


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
                search.keep("resolve", mapped, partial(_found, search, mapped, paths), partial(_columns, mapped))
            if mapped.name in reporting and search.found.get(mapped.name) != 0:
                yield from _discovered(search, mapped, paths, known)
    with translated(store.name):
        probe(search.connection, store.name, unread)


def _reported(mapped: BoundTable) -> list[OutgoingKey]:
    """The internal keys that may be reported.

    Needed ones, of every row. Others only say that two reusable keys led to one record in common: of rows that were
    found by such keys, where no person is.
    """
    nominated = mapped.spec.person is None and any(not link.sure for link in mapped.links)
    return [feed for feed in mapped.feeds if feed.needed or nominated]


def _columns(mapped: BoundTable) -> sql.Composed:
    leads = [raw(f"l{at} {kind.ddl}") for at, kind in enumerate(mapped.leads.values())]
    yields = [
        raw(f"y{at} {'text[]' if source.several else 'text'}") for at, (source, _) in enumerate(mapped.yields.values())
    ]
    yields += [
        raw(f"s{at} {'text[]' if mapped.yields[identity][0].several else 'text'}")
        for at, identity in enumerate(mapped.since)
    ]
    facts = raw("by text, via text, leads boolean, nominated boolean, stays boolean")
    return comma_list(sql.SQL("number integer"), *place_types(mapped), *leads, *yields, facts)


def _found(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    """The rows found, with what they declare and the key that led there."""
    selects: list[sql.Composed] = []
    for path in paths:
        others, beside = _anothers(search, mapped, path.link)
        leads = TRUE if path.link in mapped.erasing else FALSE
        facts = _facts(search, mapped, _origin(path), leads, _nominated(path), others)
        whose = and_(requested(search, mapped, path.link, "t", path.since), *not_made_again(search, mapped, path, "t"))
        selects.append(joined(mapped, path, facts, whose, beside=beside))
    if not mapped.own:
        return sql.SQL(" UNION ").join(selects)
    others, beside = _anothers(search, mapped, mapped.own[0])
    below = [SearchPath(link, sql.Identifier("every"), from_rows(search, link).columns, mapped) for link in mapped.own]
    return sql.SQL(
        "WITH RECURSIVE every AS ({} UNION SELECT {} FROM every AS k JOIN {} AS t ON {}{} WHERE {}) {}"
    ).format(
        sql.SQL(" UNION ").join(selects),
        _facts(search, mapped, _origin(below[0]), TRUE, FALSE, others),
        mapped.table.identifier,
        or_(*(join_condition(path, "t") for path in below)),
        beside,
        and_(sql.SQL("k.leads"), in_scope(mapped, "t"), requested(search, mapped, mapped.own[0], "t")),
        sql.SQL("SELECT * FROM every"),
    )


def _anothers(search: Search, mapped: BoundTable, link: BoundLink) -> tuple[sql.Composable, sql.Composable]:
    """What the row found tells is another's (FALSE: of no row), and what stands behind the tables joined for it."""
    said = anothers(search, mapped, "t", link) if mapped.passing_on else FALSE
    if said is FALSE:
        return FALSE, sql.SQL("")
    beside = sql.SQL(" CROSS JOIN LATERAL (SELECT ({}) IS TRUE AS others OFFSET 0) AS whose").format(said)
    return column("whose", "others"), beside


def _facts(  # noqa: PLR0913, PLR0917 - what is known of the row
    search: Search,
    mapped: BoundTable,
    origin: tuple[sql.Composable, sql.Composable],
    leads: sql.Composable,
    nominated: sql.Composable,
    others: sql.Composable,
) -> sql.Composed:
    """What is remembered of a row `t` reached from `k`."""
    stays = or_(retained(mapped, "t", search.cutoff), others_left(search, mapped, "t"))
    if mapped.spec.sharing is not None:
        leads = and_(leads, sql.SQL("NOT ({})").format(of_others(search, mapped, "t")))
    declared = [told_by(mapped, identity) for identity in mapped.yields]
    if others is not FALSE:
        declared = [
            sql.SQL("CASE WHEN NOT {} THEN {} END").format(others, told) if identity in mapped.passing_on else told
            for identity, told in zip(mapped.yields, declared, strict=True)
        ]
    since = [told_by(mapped, identity, since=True) for identity in mapped.since]
    return comma_list(
        sql.SQL("k.number"),
        *named(place_names(mapped), row_id(mapped, "t")),
        *named([f"l{at}" for at in range(len(mapped.leads))], leading(mapped)),
        *named([f"y{at}" for at in range(len(declared))], declared),
        *named([f"s{at}" for at in range(len(since))], since),
        *named(["by", "via", "leads", "nominated", "stays"], [*origin, leads, nominated, stays]),
    )


def _origin(path: SearchPath) -> tuple[sql.Composable, sql.Composable]:
    """By and via: the namespace and the value of the last key on the way that is reported."""
    values = [column("k", name) for name in path.columns]
    if path.lead is None:
        key = values if path.link.spellings is None else [column("k", "c1")]
        return sql.SQL("{}::text").format(sql.Literal(path.link.namespace)), _one_value(key)
    feed = next(one for one in path.lead.feeds if one.namespace == path.link.namespace)
    if feed.needed:
        return sql.SQL("{}::text").format(sql.Literal(feed.namespace)), _one_value(values)
    return sql.SQL("k.by"), sql.SQL("k.via")


def _nominated(path: SearchPath) -> sql.Composable:
    return FALSE if path.link.sure else TRUE


def _one_value(values: Sequence[sql.Composable]) -> sql.Composed:
    """The text of a key; of several columns, a JSON array of their texts without spaces."""
    texts = [sql.SQL("{}::text").format(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    quoted = sql.SQL(" || ',' || ").join(sql.SQL("pg_catalog.to_json({})::text").format(text) for text in texts)
    return sql.SQL("('[' || {} || ']')").format(quoted)


def _discovered(
    search: Search, mapped: BoundTable, paths: Sequence[SearchPath], known: _Keys
) -> Iterator[DiscoveredKey]:
    statement = search.compiled(("discovered", mapped.name), partial(_statement, search, mapped, paths))
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


def _statement(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    """What the rows found say: those kept, or those that the ways lead to."""
    return _DISTINCT.format(comma_list(*_ORIGIN, *_wanted(mapped)), _rows(search, mapped, paths), _telling(mapped))


_ORIGIN = (raw("f.number"), raw("f.by"), raw("f.via"))
_DISTINCT = sql.SQL("SELECT DISTINCT {} FROM {} AS f WHERE {}")


def _rows(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composable:
    if mapped.name in search.found:
        return search.table(mapped.name)
    return sql.SQL("({})").format(_found(search, mapped, paths))


def _telling(mapped: BoundTable) -> sql.Composable:
    """The row found says something: a shared one that is somebody else's as well does not."""
    return TRUE if mapped.spec.sharing is None else sql.SQL("f.leads")


def _wanted(mapped: BoundTable) -> Iterator[sql.Composable]:
    """What is said of a row found: its yields, since when these are its own, the internal keys reported of it."""
    names = list(mapped.leads)
    yield from (raw(f"f.y{at}") for at in range(len(mapped.yields)))
    yield from (raw(f"f.s{at}") for at in range(len(mapped.since)))
    for feed in _reported(mapped):
        value = _one_value([raw(f"f.l{names.index(one.name)}") for one in feed.columns])
        yield value if feed.needed else sql.SQL("CASE WHEN f.nominated THEN {} END").format(value)


def told_by(mapped: BoundTable, identity: str, *, since: bool = False) -> sql.Composable:
    """What stands there, under the identity's normaliser; nothing where a tombstone stands.

    Args:
        mapped: A collection.
        identity: One that it yields.
        since: Say before each value when the claim on it began.
    """
    source, _ = mapped.yields[identity]
    value: sql.Composable = named_there(mapped, identity, "v" if source.several else "t")
    if since:
        value = sql.SQL("{}::text || '|' || ({})").format(claim_ages.began(mapped.since[identity], "t"), value)
    if source.several:
        value = sql.SQL("ARRAY(SELECT DISTINCT {} FROM {} AS v (value))").format(value, values(source, "t"))
    if source.column not in mapped.spec.tombstone:
        return value
    return sql.SQL("CASE WHEN NOT ({}) THEN {} END").format(is_tombstone(mapped, "t"), value)


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
                keys += (SubjectKey(self._unread, hashlib.sha256(f"{self._namespace} {text}".encode()).hexdigest()),)
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
        return [*declared, *since, *(self.of(feed.namespace) for feed in _reported(mapped))]


def _claimed(source: Source, rule: Normaliser, text: str) -> Reading:
    """Since when each of the values in a text is claimed. What cannot be read is counted with the values themselves."""
    when, _, told = text.partition("|")
    return Reading(frozenset(claim_text(when, value) for value in source.read(rule, told).values))
