"""Count: what is there of each subject, for the plan and for the record at the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql

from expunge_connectors.contract import Counts, Scope, Subject, Tally
from expunge_connectors.postgres import paths, selection, staging
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapped import MappedStore, MappedTable


def count(
    connection: Connection, store: MappedStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> Counts:
    """Tallies of every collection in the scope, zeros included."""
    with translated(store.name):
        staging.stage(connection, store, subjects, scope)
        paths.follow(connection, store, cutoff)
    tallies = {subject.number: dict.fromkeys(store.scoped, Tally()) for subject in subjects}
    for mapped in store.scoped.values():
        with translated(store.name, mapped.name):
            for number, due, retained, newer, until in connection.execute(_statement(store, mapped, cutoff)).fetchall():
                ground = "shared" if retained and mapped.spec.sharing else None
                tallies[number][mapped.name] = Tally(due, retained, newer, until, ground)
    return tallies


def _statement(store: MappedStore, mapped: MappedTable, cutoff: datetime) -> sql.Composed:
    """One row per subject. A row of the table that several ties find counts once."""
    stays = sql.SQL("({} OR {})").format(
        selection.kept(mapped, "t", cutoff), selection.others_left(store, mapped, "t", cutoff)
    )
    found = [
        selection.rows(
            mapped,
            tie,
            sql.SQL("k.number, {} AS key, {} AS requested, {} AS stays, {} AS until").format(
                sql.SQL("ROW({})").format(selection.columns("t", mapped)),
                selection.counted(mapped, tie, "t", cutoff),
                stays,
                selection.kept_until(mapped, "t"),
            ),
            sql.SQL("NOT ({})").format(selection.entombed(mapped, "t")),
        )
        for tie in mapped.selecting
    ]
    if not found:
        return sql.SQL("SELECT 0, 0, 0, 0, NULL WHERE false").format()
    return sql.SQL(
        "SELECT number,"
        " count(*) FILTER (WHERE requested AND NOT stays),"
        " count(*) FILTER (WHERE requested AND stays),"
        " count(*) FILTER (WHERE NOT requested),"
        " max(until) FILTER (WHERE requested AND stays)"
        " FROM (SELECT number, bool_or(requested) AS requested, bool_or(stays) AS stays, max(until) AS until"
        " FROM ({}) AS found GROUP BY number, key) AS one GROUP BY number"
    ).format(sql.SQL(" UNION ALL ").join(found))
