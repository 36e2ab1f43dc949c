"""Key staging: the keys of a chunk in temporary tables of one transaction.

Each namespace has a table of its own, or, where there are few keys, columns of its own in one table, typed as what it
is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from expunge_connectors.contract import Scope, Subject
from expunge_connectors.postgres.catalog.key_types import TEXT, KeyType
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.sql import staging_tables, stored_spellings
from expunge_connectors.postgres.sql.key_rows import Row, claim_ages, marked_row, plain_rows, staged_rows, with_ages
from expunge_connectors.postgres.sql.staged_keys import (
    CO_HOLDERS,
    Staged,
    StagingTable,
    Wanted,
    from_the_start,
    known_as,
    refused_as,
)

# So many keys share one table: making one takes the server longer than finding a person's rows. Of more the planner
# must know how many there are of each namespace.
_FEW = 100


def stage(  # noqa: PLR0913 - whose keys, and how
    connection: Connection,
    store: BoundStore,
    subjects: Sequence[Subject],
    scope: Scope,
    *,
    dated: bool = False,
    perhaps: bool = False,
) -> Staged:
    """Make the tables and fill them; they vanish with the transaction.

    A value that is not the text form of its column's type is left out: it cannot stand there. Keys that the
    resolution found to be shared are claimed ones.

    Args:
        connection: In the transaction.
        store: The collections.
        subjects: Whose keys these are.
        scope: For whom the request speaks.
        dated: There is to be room for the ages of claims that are not among the keys.
        perhaps: Of keys that are not followed texts are staged as well that cannot be read, and may say one.
    """
    scoped = store.scoped.values()
    wanted = dict.fromkeys(link.staged for mapped in scoped for link in mapped.links)
    wanted |= dict.fromkeys(store.owner_keys)
    wanted |= dict.fromkeys((known_as(namespace), types) for namespace, types in store.owner_keys)
    wanted |= dict.fromkeys((from_the_start(namespace), types) for namespace, types in store.deciding)
    spelt = stored_spellings.found(connection, store, subjects, perhaps=perhaps)
    bound = dict.fromkeys(yielded(identity) for mapped in scoped for identity in mapped.binding)
    wanted |= bound
    if any(one.refused for one in subjects):
        wanted |= dict.fromkeys(
            yielded(refused_as(identity)) for identity, _ in bound if identity not in store.internal
        )
    ages = claim_ages(subjects, store.aged)
    aged = store.aged if dated else {identity for _, identity, _ in ages}
    rows: dict[Wanted, list[Row]] = {}
    of_age: set[Wanted] = set()
    shape: list[int] = []
    for at, (one, found) in enumerate(staged_rows(wanted, store, subjects, spelt)):
        if found or one in bound or one in spelt.rows:
            rows[one] = found
            shape.append(at)
            if aged and spelt.key(one)[0] in aged:
                rows[one] = with_ages(found, one, spelt, ages)
                of_age.add(one)
                shape.append(-1)
    few = sum(map(len, rows.values())) <= _FEW
    width = staging_tables.shared_width(rows, scope.member) if few else None
    places = staging_tables.together(rows, width, store, of_age) if few else staging_tables.apart(rows, store, of_age)
    member = scope.member is not None
    if places or member:
        made = store.statements.compiled(
            ("stage", few, member, tuple(shape), width),
            lambda: staging_tables.made(places, width, few=few, member=member),
            {},
            connection,
        )
        connection.execute(made)
    if few:
        staging_tables.fill_together(connection, places, rows, scope.member)
    else:
        for one, place in places.items():
            staging_tables.fill(connection, place, one[1], rows[one])
        if scope.member is not None:
            staging_tables.fill_member(connection, scope.member)
        staging_tables.count_rows(connection, [(place.table, len(rows[one])) for one, place in places.items()])
    co_holders = _co_holders(connection, subjects)
    return Staged(places, (int(few), int(member), int(co_holders), *shape), few, spelt, ages, co_holders)


def _co_holders(connection: Connection, subjects: Sequence[Subject]) -> bool:
    """Put them into their table; whether there are any."""
    rows = [
        (one.number, *held.value, *held.person) for one in subjects if one.co_holders for held in sorted(one.co_holders)
    ]
    if rows:
        columns = {"number": "integer"} | dict.fromkeys(("identity", "value", "kind", "person"), "text")
        connection.execute(staging_tables.temporary_table(CO_HOLDERS, map(" ".join, columns.items())))
        staging_tables.copy(connection, CO_HOLDERS, columns, rows)
    return bool(rows)


def yielded(identity: str) -> Wanted:
    """The keys of an identity as rows yield them: normalised text, whatever the columns' types."""
    return identity, (TEXT,)


def add(connection: Connection, place: StagingTable, keys: Iterable[tuple[int, str]]) -> None:
    """More keys to those that are plain texts: of rows, so any length."""
    _add(connection, place, (TEXT,), plain_rows(keys, (TEXT,)))


def read_again(connection: Connection, staged: Staged, collections: Iterable[str]) -> None:
    """Texts that say the chunk's keys and came to stand in these collections since they were staged."""
    for (namespace, types), rows in staged.spellings.news(connection, collections).items():
        place = staged.places[namespace, types]
        told: list[Row] = [marked_row(row) if place.claimable else row[:-1] for row in rows]
        if place.dated:
            told = with_ages(told, (namespace, types), staged.spellings, staged.ages)
        _add(connection, place, types, told)


def _add(connection: Connection, place: StagingTable, types: tuple[KeyType, ...], rows: Sequence[Row]) -> None:
    if (
        place.width is not None
        and place.columns is not None
        and any(len(str(value)) > place.width for row in rows for value in row[1:])
    ):
        widened = [sql.SQL("ALTER COLUMN {} TYPE text").format(sql.Identifier(name)) for name in place.columns]
        connection.execute(sql.SQL("ALTER TABLE {} {}").format(place.table, sql.SQL(", ").join(widened)))
    staging_tables.fill(connection, place, types, rows)
