"""Claimed keys: marks staged keys that another person's row holds (ADR 18).

By a marked key no record is found but persons' own rows (`BoundLink.unclaimed`). An erasing transaction looks twice: as
it begins, and once more before it is committed, for a statement that waited for somebody's lock goes on with the
snapshot that it began with.

Who held an attributed value when that was approved (`CoHolder`) does not claim it from that person; who took it since
does, as anybody does.

`k` is a staged key, `u` a row of a person who may claim it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Holders, Scope, Subject, SubjectKey, with_holders
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.claim_ages import began
from expunge_connectors.postgres.sql.comparison import equal, link_text, of_kind, values
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list, raw
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.staged_keys import CO_HOLDERS, Staged, Wanted
from expunge_connectors.postgres.sql.subject_search import SearchPath, reached

_ONE_BY_ONE = sql.SQL(
    "SELECT {names} FROM (SELECT DISTINCT {named} FROM {keys} AS k) AS k CROSS JOIN LATERAL"
    " (SELECT FROM {rows} WHERE {same} AND {others} LIMIT 1) AS other"
)
# Joined by the keys alone first: how many rows a scope holds the planner guesses wrong by orders of magnitude.
_ALL_AT_ONCE = sql.SQL(
    "SELECT DISTINCT {names} FROM"
    " (SELECT {named}, u.* FROM {keys} AS k CROSS JOIN {rows} WHERE {same} OFFSET 0) AS u WHERE {others}"
)


_HELD = sql.SQL(
    "SELECT h.value, h.person, CASE WHEN bool_and(h.since IS NOT NULL) THEN min(h.since) END FROM"
    " (SELECT {value}::text AS value, {person}::text AS person, {since} AS since"
    " FROM {keys} AS k CROSS JOIN {rows} WHERE {holds}) AS h GROUP BY h.value, h.person"
)


def mark(connection: Connection, store: BoundStore, staged: Staged) -> None:
    """Mark the keys that rows of others hold now."""
    if any(_claims(store, staged)):
        connection.execute(
            store.statements.compiled(
                ("claims", staged.shape), partial(_marked, connection, store, staged), {}, connection
            )
        )


def refuse_new(connection: Connection, store: BoundStore, staged: Staged) -> None:
    """Look again, with a snapshot of this moment, before what was deleted is committed.

    Raises:
        SomeRecordsError: Somebody else claims a key that was followed. Tried again, the key is not.
    """
    if not any(_claims(store, staged)):
        return
    key_staging.read_again(connection, staged, {one.claim.collection for one in _claims(store, staged)})
    statement = store.statements.compiled(
        ("claims again", staged.shape), partial(_claimed_anew, connection, store, staged), {}, connection
    )
    (claimed,) = only_row(connection.execute(statement))
    if claimed:
        raise SomeRecordsError(
            f"store {store.name}: a value of a person to be erased was given to another one meanwhile; nothing of this"
            " transaction is kept, and it is done again."
        )


def claimed(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> keys of reusable identities that others hold now, of those who have any."""
    identities = {name for name, claims in store.passing.items() if any(one.value.identity for one in claims)}
    asked = [
        Subject(
            one.number,
            frozenset(key for key in one.keys if key.namespace in identities | _persons(store)),
            co_holders=one.co_holders,
        )
        for one in subjects
    ]
    staged = key_staging.stage(connection, store, asked, scope)
    mark(connection, store, staged)
    found: dict[int, set[SubjectKey]] = {}
    for wanted, place in staged.places.items():
        identity, value = staged.spellings.key(wanted)
        if identity in identities:
            statement = sql.SQL("SELECT k.number, {} FROM {} AS k").format(column("k", value), place.rows(claimed=True))
            for number, text in connection.execute(statement).fetchall():
                found.setdefault(number, set()).add(SubjectKey(identity, text))
    return {number: frozenset(keys) for number, keys in found.items()}


def claimants(
    connection: Connection, store: BoundStore, values: Collection[SubjectKey], scope: Scope
) -> dict[SubjectKey, Holders]:
    """Value -> the persons' keys of the rows that hold it now, and since when they say so."""
    staged = key_staging.stage(connection, store, [Subject(0, frozenset(values))], scope)
    found: dict[SubjectKey, Holders] = {}
    for one in _claims(store, staged):
        mapped = store.collections[one.claim.collection]
        holding = _Holding.of(mapped, one)
        identity, key = staged.spellings.key(holding.wanted)
        person = link_text(holding.person, "u")
        since = None if one.claim.since is None else began(mapped.table.columns[one.claim.since], "u")
        statement = _HELD.format(
            value=column("k", key),
            person=person,
            since=sql.SQL("NULL::timestamptz") if since is None else since,
            keys=staged.places[holding.wanted].rows(),
            rows=holding.rows,
            holds=and_(holding.same, *holding.living(store, mapped), sql.SQL("{} IS NOT NULL").format(person)),
        )
        with translated(store.name, mapped.name):
            for value, whose, at in connection.execute(statement).fetchall():
                held = SubjectKey(identity, value)
                found[held] = with_holders(found.get(held, {}), {SubjectKey(holding.person.namespace, whose): at})
    return found


def _persons(store: BoundStore) -> set[str]:
    return {mapped.spec.person for mapped in store.collections.values() if mapped.spec.person is not None}


@dataclass(frozen=True, slots=True)
class _Claimed:
    """The keys of one staging table that one collection's persons may claim."""

    wanted: Wanted
    claim: Claim


def _claims(store: BoundStore, staged: Staged) -> Iterator[_Claimed]:
    for wanted in staged.places:
        for claim in store.passing.get(wanted[0], ()):
            if store.collections[claim.collection].in_scope:
                yield _Claimed(wanted, claim)


def _marked(connection: Connection, store: BoundStore, staged: Staged) -> sql.Composed:
    by_place: dict[Wanted, list[_Claimed]] = {}
    for one in _claims(store, staged):
        by_place.setdefault(one.wanted, []).append(one)
    statements: list[sql.Composed] = []
    for wanted, claimed in by_place.items():
        place = staged.places[wanted]
        named = place.columns or tuple(f"c{at}" for at in range(len(wanted[1])))
        first = len(named) - 1 if wanted in staged.spellings.rows else 0  # of a text, the key that it says
        same = [sql.SQL("s.{} = c.c{}").format(raw(named[at]), raw(str(at))) for at in range(first, len(named))]
        if staged.co_holders:
            same.append(sql.SQL("s.number = c.number").format())
        statements.append(
            sql.SQL("WITH c AS MATERIALIZED ({}) UPDATE {} AS s SET claimed = true FROM c WHERE {}").format(
                sql.SQL(" UNION ALL ").join(_by_others(connection, store, staged, one) for one in claimed),
                place.table,
                and_(sql.SQL("s.claimed IS NOT NULL"), *same),
            )
        )
    return sql.SQL("; ").join(statements)


def _claimed_anew(connection: Connection, store: BoundStore, staged: Staged) -> sql.Composed:
    looked_up = [
        sql.SQL("EXISTS ({})").format(_by_others(connection, store, staged, one, claimed=False))
        for one in _claims(store, staged)
    ]
    return sql.SQL("SELECT {}").format(sql.SQL(" OR ").join(looked_up))


@dataclass(frozen=True, slots=True)
class _Holding:
    """Rows `u` of persons that hold a staged key `k`.

    Attributes:
        wanted: Where these keys stand: a text that says one stands beside it.
        inside: Where in the row a value stands of which there are several.
    """

    person: BoundLink
    value: BoundLink
    wanted: Wanted
    keys: Sequence[sql.Identifier]
    rows: sql.Composable
    inside: sql.Identifier | None

    @classmethod
    def of(cls, mapped: BoundTable, one: _Claimed) -> _Holding:
        """Those of one claim."""
        person, value = _bound(mapped, one)
        keys = [column("k", f"c{at}") for at in range(min(len(one.wanted[1]), len(value.types)))]
        rows: sql.Composable = sql.SQL("{} AS u").format(mapped.table.identifier)
        inside = None
        if value.source is not None and value.source.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(value.source, "u"))
            inside = column("v", "value")
        return cls(person, value, one.wanted if value.spellings is None else value.staged, keys, rows, inside)

    @property
    def same(self) -> sql.Composable:
        """The row holds the key."""
        return equal(self.value, "u", self.keys, self.inside)

    def living(self, store: BoundStore, mapped: BoundTable) -> Iterator[sql.Composable]:
        """The row is a person's of the scope, and no tombstone."""
        yield in_scope(mapped, "u")
        yield of_kind(self.person.where, "u")
        if mapped.action is Action.TOMBSTONE:
            yield sql.SQL("NOT ({})").format(is_erased(store, mapped, "u"))


def _by_others(
    connection: Connection, store: BoundStore, staged: Staged, one: _Claimed, *, claimed: bool | None = None
) -> sql.Composed:
    """c0, c1, …: the staged keys that rows of persons outside of the transaction hold; of texts, in any spelling.

    Of keys that are marked so already, of those that are not, or of all (None): the texts of persons' rows are marked,
    and mark those of other rows. Where some have co-holders, whose they are is told as well (`number`): what others
    claim from one person they may not claim from another.
    """
    mapped = store.collections[one.claim.collection]
    holding = _Holding.of(mapped, one)
    person, value = holding.person, holding.value
    names = [f"c{at}" for at in range(len(one.wanted[1]))]
    others = list(holding.living(store, mapped))
    persons = staged.table(person.namespace, person.types)
    if persons is not None:
        # Nor is a row without a person's key one of theirs: a guest's.
        others.append(sql.SQL("({}) IS NOT TRUE").format(reached(SearchPath(person, persons, ("c0",)), "u")))
    key = dict(zip(names, (kind.ddl for kind in value.types), strict=False))
    with translated(store.name, mapped.name):
        unrestricted = equal(replace(value, where=()), "u", holding.keys, holding.inside)
        served = index_use.served(connection, "k", key, holding.rows, unrestricted)
    needed = list(names)
    if staged.co_holders:
        names.append("number")
        identity, text = staged.spellings.key(holding.wanted)
        needed = [*dict.fromkeys((*names, text))]
        number, held = (column("k", name) if served else column("u", _kept(name)) for name in ("number", text))
        others.append(
            sql.SQL(
                "NOT EXISTS (SELECT FROM {} AS h WHERE h.number = {} AND h.identity = {} AND h.value = {}::text"
                " AND h.kind = {} AND h.person = {})"
            ).format(
                CO_HOLDERS,
                number,
                sql.Literal(identity),
                held,
                sql.Literal(person.namespace),
                link_text(person, "u"),
            )
        )
    if served:
        wanted, named, form = comma_list(*map(raw, names)), comma_list(*map(raw, needed)), _ONE_BY_ONE
    else:
        wanted = comma_list(*(sql.SQL("{} AS {}").format(column("u", _kept(name)), raw(name)) for name in names))
        named = comma_list(*(sql.SQL("{} AS {}").format(column("k", name), raw(_kept(name))) for name in needed))
        form = _ALL_AT_ONCE
    return form.format(
        names=wanted,
        named=named,
        keys=staged.places[holding.wanted].rows(claimed=claimed),
        rows=holding.rows,
        same=holding.same,
        others=and_(*others),
    )


def _kept(name: str) -> str:
    """What a key's value is called beside the columns of a row."""
    return f"expunge_{name}"


def _bound(mapped: BoundTable, one: _Claimed) -> tuple[BoundLink, BoundLink]:
    """The links of a claim with their live columns."""
    links = dict(zip(mapped.spec.found_by, mapped.links, strict=True))
    value = links.get(one.claim.value)
    if value is None:  # columns that links of other collections name, compared as these compare them
        columns = tuple(mapped.table.columns[name] for name in one.claim.value.names)
        value = BoundLink(columns, *one.wanted)
    return links[one.claim.person], value
