"""Known keys: SQL condition that the keys a row yields are already resolved."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_tables import BoundTable, OutgoingKey
from expunge_connectors.postgres.sql.comparison import compared, named_there, values
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, or_
from expunge_connectors.postgres.sql.key_staging import yielded
from expunge_connectors.postgres.sql.row_owners import anothers
from expunge_connectors.postgres.sql.staged_keys import refused_as
from expunge_connectors.postgres.sql.subject_search import Search


def keys_known(search: Search, mapped: BoundTable, alias: str, number: sql.Composable | None) -> sql.Composable:
    """What the row says of whose it is, or of what hangs on it, is among the subject's keys, so that nothing is lost.

    A row that came after the resolution may name another person, or an object that nobody would find without it: it
    waits until its keys are resolved and durable (laws 2 and 6). Values that are no identifiers are no keys, and
    reusable ones may have been left out on purpose. `number` is the subject's; None: any subject's keys will do.
    """
    conditions: list[sql.Composable] = []
    conditions += [known_identity(search, mapped, identity, alias, number) for identity in mapped.binding]
    conditions += [_known_feed(search, feed, alias, number) for feed in mapped.feeds if feed.needed]
    return and_(*conditions) if conditions else TRUE


def leading_known(search: Search, mapped: BoundTable, alias: str, number: sql.Composable | None) -> sql.Composable:
    """The same, as far as the row has to say it before it leads on: of a shared row, no person whom nobody knows.

    What else it says is told to none of several owners while the others are there (ADR 26), so that it waits, for ever
    where it stays. What hangs below it in this store is theirs by its owners, and waits for keys of its own.
    """
    if mapped.spec.sharing is None:
        return keys_known(search, mapped, alias, number)
    persons = (one for one in mapped.binding if one not in search.store.internal)
    return and_(TRUE, *(known_identity(search, mapped, one, alias, number) for one in persons))


def known_identity(
    search: Search, mapped: BoundTable, identity: str, alias: str, number: sql.Composable | None
) -> sql.Composed:
    """What the row names in this identity is among the subject's keys (None: among any subject's); or another's.

    It is another's where the row says whose it is. And a row of which the map says that it goes with any person whom it
    names waits for no person whom the resolution was told and did not accept: no resolution will ever follow that key.
    A row that does not go with any, and names such a person, stays: it may be theirs, and somebody has to look.
    """
    known = _known(search, mapped, identity, alias, number)
    others = anothers(search, mapped, alias) if identity in mapped.passing_on else FALSE
    return known if others is FALSE else or_(known, others)


def _known(
    search: Search, mapped: BoundTable, identity: str, alias: str, number: sql.Composable | None
) -> sql.Composed:
    source, _ = mapped.yields[identity]
    table = search.staged.table(*yielded(identity))
    if table is None:
        raise AssertionError(identity)
    refused = search.staged.table(*yielded(refused_as(identity))) if mapped.spec.goes_with_any is not None else None
    tables = [table] if refused is None else [table, refused]
    if source.several:
        unknown = _unknown(named_there(mapped, identity, "v"), tables, number)
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS v (value) WHERE {})").format(values(source, alias), unknown)
    return sql.SQL("(({}) IS NOT TRUE)").format(_unknown(named_there(mapped, identity, alias), tables, number))


def _unknown(value: sql.Composable, tables: Sequence[sql.Composable], number: sql.Composable | None) -> sql.Composed:
    """A value that stands in none of these tables of keys."""
    if number is None:
        absent = [sql.SQL("{} NOT IN (SELECT s.c0 FROM {} AS s)").format(value, one) for one in tables]
    else:
        absent = [
            sql.SQL("({}, {}) NOT IN (SELECT s.number, s.c0 FROM {} AS s)").format(number, value, one) for one in tables
        ]
    return and_(sql.SQL("{} IS NOT NULL").format(value), *absent)


def _known_feed(search: Search, feed: OutgoingKey, alias: str, number: sql.Composable | None) -> sql.Composed:
    ours = [compared(live, kind, alias) for live, kind in zip(feed.columns, feed.types, strict=True)]
    empty = or_(*(sql.SQL("{} IS NULL").format(one) for one in ours))
    table = search.staged.table(feed.namespace, feed.types)
    if table is None:
        return empty
    same = [
        equals(one, column("s", f"c{at}"), kind.equality)
        for at, (one, kind) in enumerate(zip(ours, feed.types, strict=True))
    ]
    if any(kind.equality is not None for kind in feed.types):
        of_subject = TRUE if number is None else sql.SQL("s.number = {}").format(number)
        return or_(empty, sql.SQL("EXISTS (SELECT FROM {} AS s WHERE {})").format(table, and_(of_subject, *same)))
    left = comma_list(*([] if number is None else [number]), *ours)
    right = comma_list(
        *([] if number is None else [sql.SQL("s.number")]), *(column("s", f"c{at}") for at in range(len(ours)))
    )
    return or_(empty, sql.SQL("({}) IN (SELECT {} FROM {} AS s)").format(left, right, table))
