"""Persons' own rows: by which link a row is known as whose it is, and when it was made, as it says itself (ADR 18).

`k` is a staged key, `t` a row of a collection of persons.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.claim_ages import began, made_by
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import TRUE, and_, comma_list
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.staged_keys import Staged
from expunge_connectors.postgres.sql.subject_search import SearchPath, join_condition


def own_links(store: BoundStore, staged: Staged) -> Iterator[tuple[BoundTable, BoundLink]]:
    """The collections of persons, and the link by which a row is known as whose it is, where such keys are at hand."""
    for mapped in store.scoped.values():
        if mapped.spec.person is None:
            continue
        for link in mapped.links:
            several = link.source is not None and link.source.several
            if link.namespace == mapped.spec.person and link.of is None and not several:
                if link.staged in staged.places:
                    yield mapped, link
                break


def holding(  # noqa: PLR0913, PLR0917 - the rows looked at, which of them, and what they tell
    store: BoundStore,
    staged: Staged,
    mapped: BoundTable,
    link: BoundLink,
    whose: sql.Composable,
    such: sql.Composable,
    texts: Sequence[sql.Composable] = (),
) -> sql.Composed:
    """The subjects whose key a live row holds that is whose it should be, and such a one; with what it tells."""
    keys = staged.table(*link.staged)
    assert keys is not None
    erased = is_erased(store, mapped, "t")
    alive = sql.SQL("NOT ({})").format(erased) if mapped.action is Action.TOMBSTONE else TRUE
    path = SearchPath(link, keys, tuple(f"c{place}" for place in range(len(link.types))))
    # One look into the index for each key (OFFSET 0 is a fence): the planner would read the table for what is seldom.
    return sql.SQL(
        "SELECT DISTINCT {} FROM {} AS k CROSS JOIN LATERAL (SELECT t.* FROM {} AS t WHERE {} OFFSET 0) AS t WHERE {}"
    ).format(
        comma_list(sql.SQL("k.number"), *texts),
        keys,
        mapped.table.identifier,
        and_(join_condition(path, "t"), whose),
        and_(such, alive),
    )


def persons_since(
    connection: Connection, store: BoundStore, persons: Collection[SubjectKey], scope: Scope
) -> dict[SubjectKey, datetime]:
    """Person's key -> when the earliest of the rows was made that are this person; of those of whom a row says it."""
    found: dict[SubjectKey, datetime] = {}
    for key, at in _made(connection, store, persons, scope, began):
        found[key] = min(at, found.get(key, at))
    return found


def persons_by(
    connection: Connection, store: BoundStore, persons: Collection[SubjectKey], scope: Scope
) -> dict[SubjectKey, datetime]:
    """Person's key -> by when all of the rows were made that are this person, for certain; of those that say it."""
    found: dict[SubjectKey, datetime] = {}
    for key, at in _made(connection, store, persons, scope, made_by):
        found[key] = max(at, found.get(key, at))
    return found


def _made(
    connection: Connection,
    store: BoundStore,
    persons: Collection[SubjectKey],
    scope: Scope,
    tells: Callable[[Column, str], sql.Composable],
) -> Iterator[tuple[SubjectKey, datetime]]:
    asked = list(persons)
    subjects = [Subject(number, frozenset([key])) for number, key in enumerate(asked)]
    staged = key_staging.stage(connection, store, subjects, scope)
    for mapped, link in own_links(store, staged):
        if mapped.spec.created is None:
            continue
        made = tells(mapped.table.columns[mapped.spec.created], "t")
        compose = partial(holding, store, staged, mapped, link, in_scope(mapped, "t"), TRUE, [made])
        with translated(store.name, mapped.name):
            what = ("persons made", tells.__name__, mapped.name, staged.shape)
            rows = connection.execute(store.statements.compiled(what, compose, {}, connection)).fetchall()
        for number, at in rows:
            if at is not None:
                yield asked[number], at
