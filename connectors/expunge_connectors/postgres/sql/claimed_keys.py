"""Claimed keys: marks staged keys that another person's row holds (ADR 18).

By a marked key no record is found but persons' own rows (`BoundLink.unclaimed`). An erasing transaction looks twice: as
it begins, and once more before it is committed, for a statement that waited for somebody's lock goes on with the
snapshot that it began with.

`k` is a staged key, `u` a row of a person who may claim it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundStore, BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.comparison import equal, of_kind, values
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list, raw
from expunge_connectors.postgres.sql.key_staging import Staged, Wanted
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.subject_search import SearchPath, reached

_ONE_BY_ONE = sql.SQL(
    "SELECT {names} FROM (SELECT DISTINCT {names} FROM {keys} AS k) AS k CROSS JOIN LATERAL"
    " (SELECT FROM {rows} WHERE {same} AND {others} LIMIT 1) AS other"
)
# Joined by the keys alone first: how many rows a scope holds the planner guesses wrong by orders of magnitude.
_ALL_AT_ONCE = sql.SQL(
    "SELECT DISTINCT {names} FROM"
    " (SELECT {named}, u.* FROM {keys} AS k CROSS JOIN {rows} WHERE {same} OFFSET 0) AS u WHERE {others}"
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
    (claimed,) = connection.execute(statement).fetchone() or (False,)
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
        Subject(one.number, frozenset(key for key in one.keys if key.namespace in identities | _persons(store)))
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
        same = and_(*(sql.SQL("s.{} = c.c{}").format(raw(named[at]), raw(str(at))) for at in range(first, len(named))))
        statements.append(
            sql.SQL("WITH c AS MATERIALIZED ({}) UPDATE {} AS s SET claimed = true FROM c WHERE {}").format(
                sql.SQL(" UNION ALL ").join(_by_others(connection, store, staged, one) for one in claimed),
                place.table,
                and_(sql.SQL("s.claimed IS NOT NULL"), same, *_not_attributed(staged, wanted, "s")),
            )
        )
    return sql.SQL("; ").join(statements)


def _not_attributed(staged: Staged, wanted: Wanted, alias: str) -> Iterator[sql.Composed]:
    """The staged key is not one that is its person's whoever else holds it."""
    if staged.attributed:
        identity, key = staged.spellings.key(wanted)
        columns = staged.places[wanted].columns
        at = int(key[1:])
        value = column(alias, key if columns is None or alias == "k" else columns[at])
        yield sql.SQL(
            "NOT EXISTS (SELECT FROM {} AS a WHERE a.number = {} AND a.identity = {} AND a.value = {}::text)"
        ).format(key_staging.ATTRIBUTED, column(alias, "number"), sql.Literal(identity), value)


def _claimed_anew(connection: Connection, store: BoundStore, staged: Staged) -> sql.Composed:
    looked_up = [
        sql.SQL("EXISTS ({})").format(_by_others(connection, store, staged, one, claimed=False))
        for one in _claims(store, staged)
    ]
    return sql.SQL("SELECT {}").format(sql.SQL(" OR ").join(looked_up))


def _by_others(
    connection: Connection, store: BoundStore, staged: Staged, one: _Claimed, *, claimed: bool | None = None
) -> sql.Composed:
    """c0, c1, …: the staged keys that rows of persons outside of the transaction hold; of texts, in any spelling.

    Of keys that are marked so already, of those that are not, or of all (None): the texts of persons' rows are marked,
    and mark those of other rows.
    """
    mapped = store.collections[one.claim.collection]
    person, value = _bound(mapped, one)
    names = [f"c{at}" for at in range(len(one.wanted[1]))]
    keys = [column("k", name) for name in names[: len(value.types)]]
    rows: sql.Composable = sql.SQL("{} AS u").format(mapped.table.identifier)
    inside = None
    if value.source is not None and value.source.several:
        rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(value.source, "u"))
        inside = column("v", "value")
    same = equal(value, "u", keys, inside)
    others = [
        in_scope(mapped, "u"),
        of_kind(person.where, "u"),
    ]
    persons = staged.table(person.namespace, person.types)
    if persons is not None:
        # Nor is a row without a person's key one of theirs: a guest's.
        others.append(sql.SQL("({}) IS NOT TRUE").format(reached(SearchPath(person, persons, ("c0",)), "u")))
    if mapped.action is Action.TOMBSTONE:
        others.append(sql.SQL("NOT ({})").format(is_erased(store, mapped, "u")))
    key = dict(zip(names, (kind.ddl for kind in value.types), strict=False))
    with translated(store.name, mapped.name):
        served = index_use.served(connection, "k", key, rows, equal(replace(value, where=()), "u", keys, inside))
    if served:
        wanted, form = comma_list(*map(raw, names)), _ONE_BY_ONE
    else:
        kept = (sql.SQL("{} AS {}").format(column("u", _kept(name)), raw(name)) for name in names)
        wanted, form = comma_list(*kept), _ALL_AT_ONCE
    return form.format(
        names=wanted,
        named=comma_list(*(sql.SQL("{} AS {}").format(column("k", name), raw(_kept(name))) for name in names)),
        keys=_keys(staged, one.wanted if value.spellings is None else value.staged, claimed=claimed),
        rows=rows,
        same=same,
        others=and_(*others),
    )


def _keys(staged: Staged, wanted: Wanted, *, claimed: bool | None) -> sql.Composable:
    """The keys that are looked up; of those that were not claimed before none that is a person's whoever holds it."""
    rows = staged.places[wanted].rows(claimed=claimed)
    spared = list(_not_attributed(staged, wanted, "k")) if claimed is False else []
    return sql.SQL("(SELECT * FROM {} AS k WHERE {})").format(rows, and_(*spared)) if spared else rows


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
