"""Keys of others: keys that were the subject's and that a row of somebody else holds by now (ADR 18).

An internal key (the id of an order, the name of an object) is known from the resolution on, also when the row that told
it is gone. The row may be handed to somebody else before, and the key given again after. So such a key leads only while
no live row holds it but the subject's own: none of another member's or another controller's either, where a value is
one thing whoever has it (`BoundStore.known_anywhere`). So does a person's key whose row says by another one who it is:
a customer's number, of a row with an account. Of the request's shared rows those count alone that were made since the
cutoff: whose the older ones are their owners say (`joint_keys`). `s` is a staged key, `t` a row that holds it, `f` a
row found.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from psycopg import sql

from expunge_connectors.contract import SubjectKey
from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.connection import only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, equal, named_there, of_kind, same_row, values
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, any_of, column, comma_list, not_, or_
from expunge_connectors.postgres.sql.key_staging import yielded
from expunge_connectors.postgres.sql.named_people import Question, Who
from expunge_connectors.postgres.sql.row_conditions import in_scope, old_enough
from expunge_connectors.postgres.sql.staged_keys import Staged, StagingTable, Wanted
from expunge_connectors.postgres.sql.subject_search import Search
from expunge_connectors.postgres.table_spec import Elements

_NOT = sql.SQL("NOT ({})")
_HELD = sql.SQL("EXISTS (SELECT FROM {rows} WHERE {same} AND {alive})")
# Looked up once for all keys: as a join the planner, who takes few keys for held, would read all found rows for each.
_BY_THEIRS = sql.SQL(
    "s.ctid NOT IN (SELECT s.ctid FROM {place} AS s JOIN {found} AS f ON f.number = s.number AND f.asked"
    " JOIN {rows} ON {found_row} WHERE {same})"
)


@dataclass(frozen=True, slots=True)
class _Held:
    """Keys of one namespace as rows of one collection hold them.

    Attributes:
        rows: What stands behind FROM, a row being `t`.
        same: Such a row holds the key `s`.
        persons: They are keys of persons.
        anywhere: A row of another member's says it too: no two rows hold one, and of this one the subject's was read.
    """

    wanted: Wanted
    place: StagingTable
    rows: sql.Composable
    same: sql.Composable
    persons: bool = False
    anywhere: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the staging table."""
        return _names(self.wanted, self.place)


def told(store: BoundStore, mapped: BoundTable, *, elsewhere: bool) -> bool:
    """Rows of this collection hold keys, of which the subject's may be another's by now.

    Of a row from whose list only elements go, and of a shared one of the request's of which nothing says when it was
    made, other rules say what becomes of it.

    Args:
        store: The collections.
        mapped: One of them.
        elsewhere: Keys count as well that lead to nothing in this store.
    """
    if any(isinstance(one, Elements) for one in mapped.spec.tombstone.values()):
        return False
    if mapped.in_scope and mapped.spec.sharing is not None and mapped.spec.created is None:
        return False
    held = any(_internal(store, mapped, elsewhere=elsewhere))
    return held or (mapped.in_scope and bool(mapped.feeds or any(_own(mapped))))


def let_go(search: Search, mapped: BoundTable, *, elsewhere: bool = False) -> dict[int, frozenset[SubjectKey]]:
    """Take such keys out of the staging tables; subject number -> the keys that a row of this collection holds.

    Its found rows are at hand, if there are any; what was found of other collections by these keys is to be found anew.
    """
    gone: dict[int, set[SubjectKey]] = {}
    if not told(search.store, mapped, elsewhere=elsewhere):
        return {}
    for held in _held(search.store, search.staged, mapped, elsewhere=elsewhere):
        statement = search.compiled(
            ("keys of others", mapped.name, held.wanted), partial(_deleted, search, mapped, held)
        )
        for number, *texts in search.connection.execute(statement).fetchall():
            value = texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
            gone.setdefault(number, set()).add(SubjectKey(held.wanted[0], value))
        if held.persons and gone:
            _follow_suit(search, held, gone)
    return {number: frozenset(keys) for number, keys in gone.items()}


def let_go_outside(search: Search, *, elsewhere: bool = False) -> dict[int, frozenset[SubjectKey]]:
    """The same of keys that rows of other controllers hold, of which none is the subject's: before rows are found."""
    gone: dict[int, frozenset[SubjectKey]] = {}
    for mapped in search.store.outside:
        with translated(search.store.name, mapped.name):
            for number, keys in let_go(search, mapped, elsewhere=elsewhere).items():
                gone[number] = gone.get(number, frozenset()) | keys
    return gone


def forget(search: Search, keys: Mapping[int, Collection[SubjectKey]]) -> None:
    """Take these subjects' keys of the same namespaces out of the staging tables."""
    for number, some in keys.items():
        namespaces = {key.namespace for key in some}
        for wanted, place in search.staged.places.items():
            if wanted[0] in namespaces:
                search.connection.execute(
                    sql.SQL("DELETE FROM {} AS s WHERE s.number = {} AND {} IS NOT NULL").format(
                        place.table, sql.Literal(number), column("s", _names(wanted, place)[0])
                    )
                )


def any_held(search: Search) -> bool:
    """Whether any live row of any collection holds any of the keys, the subject's own rows among them."""
    held = [
        (mapped, one)
        for mapped in (*search.store.scoped.values(), *search.store.outside)
        if told(search.store, mapped, elsewhere=True)
        for one in _held(search.store, search.staged, mapped, elsewhere=True)
    ]
    if not held:
        return False
    statement = search.compiled("any key held", partial(_looked_up, search, held))
    (found,) = only_row(search.connection.execute(statement))
    return bool(found)


def _internal(store: BoundStore, mapped: BoundTable, *, elsewhere: bool) -> Iterator[str]:
    """The internal identities that its rows yield. What has to be decoded is not compared here."""
    linked = {link.namespace for one in store.scoped.values() for link in one.links}
    known = store.internal if mapped.in_scope else store.known_anywhere
    for identity in mapped.binding:
        if identity in known and not mapped.yields[identity][0].decode and (elsewhere or identity in linked):
            yield identity


def _own(mapped: BoundTable) -> Iterator[BoundLink]:
    """The links by which a row that is a person says by one of several persons' keys who it is.

    Nobody has two of one kind: of a row that another key makes somebody else's, each of them is theirs.
    """
    for link in mapped.links:
        if link.of_one_row and link.namespace in link.person_keys and link.of is None and link.spellings is None:
            yield link


def _follow_suit(search: Search, held: _Held, numbers: Iterable[int]) -> None:
    """Take out what is not there any more as this one: other types of the identity, and what rows refer to it by."""
    identity, (key,) = held.wanted[0], held.names
    for wanted, place in search.staged.places.items():
        of = search.store.own_keys.get(wanted[0])
        refers = of is not None and of.identity == identity
        if not refers and (wanted[0] != identity or wanted == held.wanted):
            continue
        name, theirs = column("s", _names(wanted, place)[0]), column("k", key)
        same = [sql.SQL("{}::text = {}::text").format(theirs, name)] if of is None or of.same else []
        search.connection.execute(
            sql.SQL(
                "DELETE FROM {} AS s WHERE s.number IN ({}) AND {} IS NOT NULL AND NOT EXISTS"
                " (SELECT FROM {} AS k WHERE k.number = s.number AND {} IS NOT NULL AND {})"
            ).format(
                place.table,
                comma_list(*map(sql.Literal, sorted(numbers))),
                name,
                held.place.table,
                theirs,
                and_(TRUE, *same),
            )
        )


def _held(store: BoundStore, staged: Staged, mapped: BoundTable, *, elsewhere: bool) -> Iterator[_Held]:
    shared = {link.namespace for one in store.scoped.values() if one.spec.sharing is not None for link in one.links}
    plain = sql.SQL("{} AS t").format(mapped.table.identifier)
    for feed in mapped.feeds if mapped.in_scope else ():
        wanted = feed.namespace, feed.types
        of_one_row = set(mapped.table.primary_key) <= {live.name for live in feed.columns} and mapped.table.primary_key
        if (place := staged.places.get(wanted)) is None or (feed.namespace in shared and not of_one_row):
            continue  # whether a shared row stays, its owners say
        theirs = (column("s", name) for name in _names(wanted, place))
        same = (
            equals(compared(live, kind, "t"), key, kind.equality)
            for live, kind, key in zip(feed.columns, feed.types, theirs, strict=True)
        )
        alone = not mapped.table.alone.isdisjoint(live.name for live in feed.columns)
        yield _Held(wanted, place, plain, and_(*same), anywhere=alone)
    for link in _own(mapped) if mapped.in_scope else ():
        if (place := staged.places.get(link.staged)) is not None:
            said = equal(link, "t", [column("s", name) for name in _names(link.staged, place)])
            yield _Held(link.staged, place, plain, said, persons=True)
    for identity in _internal(store, mapped, elsewhere=elsewhere):
        source = mapped.yields[identity][0]
        rows: sql.Composable = plain
        if source.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(plain, values(source, "t"))
        text = named_there(mapped, identity, "v" if source.several else "t")
        for wanted, place in staged.places.items():
            if wanted[0] != identity:
                continue
            (name,) = _names(wanted, place)
            key: sql.Composable = column("s", name)
            if wanted != yielded(identity):
                key = sql.SQL("{}::text").format(key)
            yield _Held(wanted, place, rows, sql.SQL("{} = {}").format(text, key))


def _names(wanted: Wanted, place: StagingTable) -> tuple[str, ...]:
    return place.columns or tuple(f"c{at}" for at in range(len(wanted[1])))


def _given(held: _Held) -> sql.Composed:
    """The staged row holds such a key: where many stand together, it may be one of another namespace."""
    return sql.SQL("{} IS NOT NULL").format(column("s", held.names[0]))


def _looked_up(search: Search, held: Iterable[tuple[BoundTable, _Held]]) -> sql.Composed:
    each = (
        sql.SQL("EXISTS (SELECT FROM {} AS s WHERE {} AND {})").format(
            one.place.table, _given(one), _held_now(search, mapped, one)
        )
        for mapped, one in held
    )
    return sql.SQL("SELECT {}").format(sql.SQL("\n OR ").join(each))


def _held_now(search: Search, mapped: BoundTable, held: _Held, said: sql.Composable = TRUE) -> sql.Composed:
    """A live row holds the key, whoever's; of any kind but those that another collection of the request looks at.

    Args:
        search: The keys, and the rows found.
        mapped: The collection.
        held: The keys.
        said: What else is so of that row.
    """
    further: list[sql.Composable] = [
        sql.SQL("({}) IS NOT TRUE").format(of_kind(link.where, "t"))
        for one in search.store.takers(mapped.table.text)
        if one is not mapped and one.in_scope and one.spec.apart(mapped.spec)
        for link in one.links
    ]
    if mapped.in_scope and not held.anywhere and held.wanted[0] not in search.store.known_anywhere:
        further.append(in_scope(mapped, "t"))
    if mapped.in_scope and mapped.spec.sharing is not None:
        further.append(_NOT.format(old_enough(mapped, "t", search.cutoff)))
    alive = and_(_NOT.format(is_erased(search.store, mapped, "t")), said, *further)
    return _HELD.format(rows=held.rows, same=held.same, alive=alive)


def _says(search: Search, mapped: BoundTable, held: _Held, who: Who) -> sql.Composable:
    """The row says by another key than the one it holds that it is such a person's."""
    naming = (link for link in mapped.naming if link.namespace != held.wanted[0])
    return any_of(Question(search, who, link.persons).asked_of(link, "t") for link in naming)


def _by_theirs(search: Search, mapped: BoundTable, held: _Held, said: sql.Composable = TRUE) -> sql.Composed:
    """None of the subject's found rows holds the key; `said`: none of which this is so."""
    return _BY_THEIRS.format(
        place=held.place.table,
        found=search.table(mapped.name),
        rows=held.rows,
        found_row=same_row(mapped, "t", "f"),
        same=and_(held.same, said),
    )


def _deleted(search: Search, mapped: BoundTable, held: _Held) -> sql.Composed:
    not_theirs: sql.Composable = TRUE
    if search.found.get(mapped.name):
        not_theirs = _by_theirs(search, mapped, held)
        of_others = _says(search, mapped, held, Who.OTHER)
        if of_others is not FALSE:  # a row that the key alone led to does not say whose the key is
            alone = and_(of_others, not_(_says(search, mapped, held, Who.GOING)))
            named = _by_theirs(search, mapped, held, _says(search, mapped, held, Who.ANYBODY))
            not_theirs = or_(not_theirs, and_(_held_now(search, mapped, held, alone), named))
    return sql.SQL("DELETE FROM {} AS s WHERE {} RETURNING s.number, {}").format(
        held.place.table,
        and_(_given(held), _held_now(search, mapped, held), not_theirs),
        comma_list(*(sql.SQL("{}::text").format(column("s", name)) for name in held.names)),
    )
