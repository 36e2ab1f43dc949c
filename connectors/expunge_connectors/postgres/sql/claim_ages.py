"""Claim ages: since when a person has a value that is handed on; rows that are older are not theirs by it (ADR 18).

A person's row says it, and it is a key beside the value from then on: when somebody asks again the row may be gone.
While keys are being resolved the rows themselves are asked, of whoever holds the value: the first answer may come by
the value alone, before it is known whose it is.

`k` is a staged key, `u` a row of a person.
"""

from __future__ import annotations

from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import equal, values
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import and_, column, raw
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.staged_keys import Staged

# No calendar of ours has more: an application's "never", and "for ever".
_ALWAYS, _NEVER = "timestamptz '0001-01-02 00:00:00+00'", "timestamptz '9999-12-30 00:00:00+00'"


def began(since: Column, alias: str) -> sql.Composable:
    """When a person's row says that the claim began, at the earliest; NULL where the row does not say.

    Then what another row says counts, what the plan was told, or the ledger; and where nobody says, no row is too old.
    """
    when: sql.Composable = sql.SQL("{}::timestamptz").format(column(alias, since.name))
    if since.rounding:
        when = sql.SQL("{} - interval {}").format(when, sql.Literal(str(since.rounding)))
    return _inside(since, alias, when)


def made_by(created: Column, alias: str) -> sql.Composable:
    """When a row was made, at the latest: a day without a time may mean its end. NULL where the row does not say."""
    when: sql.Composable = sql.SQL("{}::timestamptz").format(column(alias, created.name))
    if created.base == "date":
        when = sql.SQL("({} + 1)::timestamptz").format(column(alias, created.name))
    if created.rounding:
        when = sql.SQL("{} + interval {}").format(when, sql.Literal(str(created.rounding)))
    return _inside(created, alias, when)


def _inside(since: Column, alias: str, when: sql.Composable) -> sql.Composable:
    inside = sql.SQL("greatest(least({}, {}), {})").format(when, raw(_NEVER), raw(_ALWAYS))
    return sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(column(alias, since.name), inside)


def read(connection: Connection, store: BoundStore, staged: Staged) -> None:
    """Put beside the staged keys since when somebody holds them, as the rows of persons say now."""
    if any(place.dated for place in staged.places.values()):
        statement = partial(_read, store, staged)
        connection.execute(store.statements.compiled(("claim ages", staged.shape), statement, {}, connection))


def _read(store: BoundStore, staged: Staged) -> sql.Composed:
    statements: list[sql.Composed] = []
    for wanted, place in staged.places.items():
        if not place.dated:
            continue
        identity, key = staged.spellings.key(wanted)
        name = key if place.columns is None else place.columns[int(key[1:])]
        held = [
            _held(store, mapped, link, staged)
            for mapped in store.scoped.values()
            if identity in mapped.since
            for link in mapped.links
            if link.namespace == identity and link.staged in staged.places
        ]
        if not held:
            continue  # rows of another store say it
        statements.append(
            sql.SQL(
                "UPDATE {} AS s SET since = least(s.since, c.since) FROM"
                " (SELECT h.value, min(h.since) AS since FROM ({}) AS h GROUP BY h.value) AS c WHERE s.{} = c.value"
            ).format(place.table, sql.SQL(" UNION ALL ").join(held), raw(name))
        )
    return sql.SQL("; ").join(statements)


def _held(store: BoundStore, mapped: BoundTable, link: BoundLink, staged: Staged) -> sql.Composed:
    """Each key of an identity that a row of these persons holds, and since when it says so."""
    rows: sql.Composable = sql.SQL("{} AS u").format(mapped.table.identifier)
    inside = None
    if link.source is not None and link.source.several:
        rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(link.source, "u"))
        inside = column("v", "value")
    conditions = [equal(link, "u", [column("k", "c0")], inside), in_scope(mapped, "u")]
    if mapped.action is Action.TOMBSTONE:
        conditions.append(sql.SQL("NOT ({})").format(is_erased(store, mapped, "u")))
    _, key = staged.spellings.key(link.staged)
    held = sql.SQL("SELECT k.{} AS value, {} AS since FROM {} AS k CROSS JOIN {} WHERE {}")
    return held.format(
        raw(key), began(mapped.since[link.namespace], "u"), staged.places[link.staged].rows(), rows, and_(*conditions)
    )
