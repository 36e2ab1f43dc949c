"""Count: what is there of each subject, for the plan and for the record at the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from psycopg import sql

from expunge_connectors.contract import Counts, Scope, Subject, Tally
from expunge_connectors.postgres import selection, staging
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapped import MappedStore, MappedTable, MappedTie
from expunge_connectors.postgres.reading import probe
from expunge_connectors.postgres.selection import Search, Trail
from expunge_connectors.postgres.wording import TRUE, either


def count(
    connection: Connection, store: MappedStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> Counts:
    """Tallies of every collection in the scope, zeros included."""
    with translated(store.name):
        search = Search(connection, store, staging.stage(connection, store, subjects, scope), cutoff)
    nothing = dict.fromkeys(store.scoped, Tally())
    tallies = {subject.number: dict(nothing) for subject in subjects}
    unread: dict[str, sql.Identifier] = {}
    seen: dict[tuple[int, int, int, date | None, str | None], Tally] = {}  # there are few different ones
    for mapped in store.scoped.values():
        with translated(store.name, mapped.name):
            ways = selection.ways(search, mapped.selecting)
            if not ways:
                unread[mapped.name] = mapped.table.identifier
                continue
            found = _found(search, mapped, ways)
            rows = sql.SQL("({}) AS f").format(found)
            if mapped.leads:
                search.keep(mapped, found, selection.found_columns(mapped))
                rows = sql.SQL("{} AS f").format(search.table(mapped.name))
            for number, due, retained, newer, until in connection.execute(_STATEMENT.format(rows)).fetchall():
                told = (due, retained, newer, until, "shared" if retained and mapped.spec.sharing else None)
                if told not in seen:
                    seen[told] = Tally(*told)
                tallies[number][mapped.name] = seen[told]
    with translated(store.name):
        probe(connection, store.name, unread)
    return tallies


_STATEMENT = sql.SQL(
    "SELECT number,"
    " count(*) FILTER (WHERE asked AND NOT stays),"
    " count(*) FILTER (WHERE asked AND stays),"
    " count(*) FILTER (WHERE NOT asked),"
    " max(until) FILTER (WHERE asked AND stays)"
    " FROM {} WHERE NOT tombstone GROUP BY number"
)


def _found(search: Search, mapped: MappedTable, ways: Sequence[selection.Way]) -> sql.Composed:
    stays = either(selection.kept(mapped, "t", search.cutoff), selection.others_left(search, mapped, "t"))
    trails = [Trail(way, counted(search, mapped, way.tie), way.tie in mapped.erasing, TRUE) for way in ways]
    return selection.found_rows(search, mapped, trails, stays)


def counted(search: Search, mapped: MappedTable, tie: MappedTie) -> sql.Composable:
    """Whether a row found through this tie is part of the request.

    A person found by a re-usable identifier alone: where the subject's person keys are known it is another person, or
    one who registered again: newer. Where none is known it is due, so that verification shows it; but it is not erased
    (see `MappedTable.erasing`).
    """
    old_enough = selection.requested(mapped, tie, "t", search.cutoff)
    known = next((one for one in mapped.selecting if one.sure and one.namespace == mapped.spec.person), None)
    persons = None if known is None else search.staged.table(known.namespace, known.types)
    if tie in mapped.erasing or persons is None:
        return old_enough
    return sql.SQL("({} AND k.number NOT IN (SELECT p.number FROM {} AS p))").format(old_enough, persons)
