"""`count`: due, retained and newer rows per subject and collection, for the plan and at the cutoff."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import sql

from expunge_connectors.contract import Counts, RecordCounts, Scope, Subject, ground_of_rows
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql import claimed_keys, key_staging, retention, row_conditions
from expunge_connectors.postgres.sql.combined_query import CombinedQuery, answers
from expunge_connectors.postgres.sql.comparison import leading, named, place_names, place_types, row_id
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.sql.retention import kept_until
from expunge_connectors.postgres.sql.row_conditions import in_scope, known_by_value_alone
from expunge_connectors.postgres.sql.row_owners import judged
from expunge_connectors.postgres.sql.search_paths import claimed_paths, search_paths
from expunge_connectors.postgres.sql.shared_rows import not_made_again, of_others, others_left
from expunge_connectors.postgres.sql.subject_search import (
    Search,
    SearchPath,
    from_rows,
    join_condition,
    joined,
    stays_joint,
)
from expunge_connectors.postgres.sql.tombstones import is_tombstone
from expunge_connectors.postgres.table_probe import probe


def searched(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> Search:
    """A search for these people in which nothing was found yet."""
    with translated(store.name):
        staged = key_staging.stage(connection, store, subjects, scope)
        claimed_keys.mark(connection, store, staged)
        return Search(connection, store, staged, cutoff)


def count(search: Search, subjects: Sequence[Subject]) -> Counts:
    """Tallies of every collection in the scope, zeros included."""
    store = search.store
    nothing = dict.fromkeys(store.scoped, RecordCounts())
    tallies = {subject.number: dict(nothing) for subject in subjects}
    combined = answers(search, "count", partial(_combined, search)) if search.staged.few and store.scoped else None
    seen: dict[tuple[Any, ...], RecordCounts] = {}  # there are few different ones
    counted = _one_by_one(search) if combined is None else combined
    for name, number, *tally in counted:
        if (key := tuple(tally)) not in seen:
            due, retained, newer, until, shared, by_type, ambiguous = key
            ground = ground_of_rows(shared=shared, by_type=by_type)
            seen[key] = RecordCounts(due, retained, newer, until, ground, ambiguous)
        tallies[number][name] = seen[key]
    return tallies


def _combined(search: Search) -> sql.Composed:
    combined = CombinedQuery.of(search)
    for mapped in search.store.scoped.values():
        paths = search_paths(combined.search, mapped.selecting)
        if paths and kept(search.store, mapped):
            combined.keep(mapped, found(combined.search, mapped, paths))
        combined.add(_statement(combined.search, mapped, paths))
    return combined.statement()


def kept(store: BoundStore, mapped: BoundTable) -> bool:
    """Its rows are looked at more than once."""
    return bool(mapped.leads) or mapped.name in store.holding


def _one_by_one(search: Search) -> Iterator[tuple[Any, ...]]:
    connection, store = search.connection, search.store
    unread: dict[str, sql.Identifier] = {}
    for mapped in store.scoped.values():
        with translated(store.name, mapped.name):
            paths = search_paths(search, mapped.selecting)
            if not paths:
                unread[mapped.name] = mapped.table.identifier
                continue
            if kept(store, mapped):
                search.keep("count", mapped, partial(found, search, mapped, paths), partial(columns, mapped))
            statement = search.compiled(("count", mapped.name), partial(_statement, search, mapped, paths))
            yield from connection.execute(statement).fetchall()
    with translated(store.name):
        probe(connection, store.name, unread)


_STATEMENT = sql.SQL(
    "SELECT {}, number,"
    " count(*) FILTER (WHERE asked AND NOT stays),"
    " count(*) FILTER (WHERE asked AND stays),"
    " count(*) FILTER (WHERE NOT asked AND NOT unclear),"
    " CASE WHEN bool_and(until IS NOT NULL) FILTER (WHERE asked AND stays)"
    " THEN max(until) FILTER (WHERE asked AND stays) END,"
    " bool_or(asked AND stays AND shared), bool_or(asked AND stays AND by_type),"
    " count(*) FILTER (WHERE NOT asked AND unclear)"
    " FROM {} AS f WHERE NOT tombstone GROUP BY number"
)
# What merely hangs on a row of others stays with it, without an end; its own data type may keep it beside that.
_TOGETHER = sql.SQL(
    "(SELECT number, asked OR joint AS asked, unclear, CASE WHEN asked THEN stays ELSE joint END AS stays,"
    " {} OR NOT asked AS shared, {} AND stays AS by_type, CASE WHEN asked THEN until END AS until, tombstone"
    " FROM {} AS f)"
)
# Of no row: a table that may not be read is not one that holds nothing.
_NOTHING = sql.SQL("SELECT {}, NULL::integer, 0, 0, 0, NULL::date, false, false, 0 FROM {} WHERE false")


def _statement(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    name = sql.SQL("{}::text").format(sql.Literal(mapped.name))
    if not paths:
        return _NOTHING.format(name, mapped.table.identifier)
    rows: sql.Composable = search.table(mapped.name)
    if not kept(search.store, mapped):
        rows = sql.SQL("({})").format(found(search, mapped, paths))
    shared, by_type = (FALSE, TRUE) if mapped.spec.sharing is None else (TRUE, FALSE)
    return _STATEMENT.format(name, _TOGETHER.format(shared, by_type, rows))


def _may_be_joint(store: BoundStore, mapped: BoundTable) -> bool:
    """People may share its rows, or those on which they hang."""
    above = {link.of[0] for link in mapped.links if link.of is not None} - {mapped.name}
    return mapped.spec.sharing is not None or any(_may_be_joint(store, store.collections[one]) for one in above)


def found(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    """The rows that the ways, and links within the collection from there, lead to: each once for a subject."""
    stays = or_(retention.retained(mapped, "t", search.cutoff), others_left(search, mapped, "t"))
    theirs = of_others(search, mapped, "t")

    def facts(
        asked: sql.Composable, leads: sql.Composable, waits: sql.Composable = FALSE, joint: sql.Composable = FALSE
    ) -> sql.Composed:
        return comma_list(
            sql.SQL("k.number"),
            *named(place_names(mapped), row_id(mapped, "t")),
            *named([f"l{at}" for at in range(len(mapped.leads))], leading(mapped)),
            sql.SQL(
                "{} AS asked, {} AS leads, {} AS unclear, {} AS joint, {} AS stays, {} AS until, {} AS tombstone"
            ).format(asked, leads, waits, joint, stays, kept_until(mapped, "t"), is_tombstone(mapped, "t")),
        )

    selects = []
    for path in paths:
        if path.link not in mapped.erasing:
            selects += _by_value(search, mapped, path, facts)
            continue
        number, since = column("k", "number"), path.since
        whose = judged(search, mapped, path.link, "t", since, number=number)
        asked = and_(whose.asked, *not_made_again(search, mapped, path, "t"))
        way, joint = path, and_(FALSE)
        if path.lead is not None and _may_be_joint(search.store, path.lead):
            way, joint = replace(path, joint=True), and_(stays_joint(path.lead), asked)
            asked = and_(sql.SQL("k.leads"), asked)
        leads = and_(asked, sql.SQL("NOT ({})").format(theirs)) if mapped.spec.sharing is not None else asked
        selects.append(joined(mapped, way, facts(asked, leads, whose.unclear, joint), beside=whose.beside))
    alone = known_by_value_alone(search.store, mapped, "t")
    for path in claimed_paths(search, mapped):
        old = row_conditions.old_enough(mapped, "t", search.cutoff)
        selects.append(joined(mapped, path, facts(FALSE, FALSE, old), alone))
    if len(selects) == 1 and not mapped.own and paths[0].once:
        return selects[0]
    same = raw(", ".join(["number", *place_names(mapped), *(f"l{at}" for at in range(len(mapped.leads)))]))
    merged = sql.SQL(
        "SELECT {same}, bool_or(asked) AS asked, bool_or(leads) AS leads,"
        " bool_or(unclear) AS unclear, bool_or(joint) AS joint, stays, until, tombstone"
        " FROM {found} GROUP BY {same}, stays, until, tombstone"
    )
    if not mapped.own:
        together = sql.SQL("({}) AS every").format(sql.SQL(" UNION ALL ").join(selects))
        return merged.format(same=same, found=together)
    below = [SearchPath(link, sql.Identifier("every"), from_rows(search, link).columns, mapped) for link in mapped.own]
    beside, *told = _below(search, mapped)
    return sql.SQL(
        "WITH RECURSIVE every AS ({} UNION SELECT {} FROM every AS k JOIN {} AS t ON {}{} WHERE {}) {}"
    ).format(
        sql.SQL(" UNION ").join(selects),
        facts(*told),
        mapped.table.identifier,
        or_(*(join_condition(path, "t") for path in below)),
        beside,
        and_(
            sql.SQL("(k.leads OR k.joint)" if _may_be_joint(search.store, mapped) else "k.leads"), in_scope(mapped, "t")
        ),
        merged.format(same=same, found=sql.SQL("every")),
    )


def _below(search: Search, mapped: BoundTable) -> tuple[sql.Composable, ...]:
    """What stands beside a row `t` below one of its own collection; and asked, leads, unclear and joint."""
    link = mapped.own[0]  # a tree hangs by one (`owner_complaints`)
    number = column("k", "number")
    whose = judged(search, mapped, link, "t", number=number)
    asked, joint = (and_(sql.SQL(how), whose.asked) for how in ("k.leads", "k.joint"))
    return whose.beside, asked, asked, whose.unclear, joint


def columns(mapped: BoundTable) -> sql.Composed:
    """The columns of a table of found rows, for DDL: see `search`.

    And asked (part of the request; otherwise newer), unclear (not asked, and ambiguous), joint (it hangs on a shared
    row that is somebody else's as well: unless it is asked, it stays), stays (kept with a ground), until (the day on
    which that ends) and tombstone (it is one already).
    """
    leads = [raw(f"l{at} {kind.ddl}") for at, kind in enumerate(mapped.leads.values())]
    facts = raw("asked boolean, leads boolean, unclear boolean, joint boolean, stays boolean, until date")
    return comma_list(sql.SQL("number integer"), *place_types(mapped), *leads, facts, raw("tombstone boolean"))


# Of each key whether its subject is known by no person key: decided before the join (OFFSET 0 is a fence). As a
# condition of the join it is charged to every look into the index, and the planner reads the whole table instead.
_WITHOUT_PERSON = sql.SQL(
    "(SELECT s.*, s.number NOT IN (SELECT p.number FROM {} AS p) AS unknown FROM {} AS s OFFSET 0)"
)


def _by_value(
    search: Search, mapped: BoundTable, path: SearchPath, facts: Callable[..., sql.Composed]
) -> list[sql.Composed]:
    """Persons' rows found by a reusable identifier alone.

    Where the subject's person keys are known such a row is another person's; one who registered since is newer. Where
    none is known it is due, so that verification shows it; but it is not erased (see `BoundTable.erasing`). Under a
    value that was not followed, or where the row has no person's key, nobody can tell.
    """
    old = row_conditions.old_enough(mapped, "t", search.cutoff)
    known = next((one for one in mapped.selecting if one.sure and one.namespace == mapped.spec.person), None)
    persons = None if known is None else search.staged.table(known.namespace, known.types)
    unknown = TRUE if persons is None else raw("k.unknown")
    nameless = FALSE if known is None else sql.SQL("{} IS NULL").format(column("t", known.columns[0].name))
    asked = and_(old, unknown, sql.SQL("NOT ({})").format(nameless))
    waits = and_(old, nameless)
    whose = or_(unknown, nameless, sql.SQL("NOT ({})").format(old))

    def asking(rows: sql.Composable) -> SearchPath:
        return replace(path, table=rows if persons is None else _WITHOUT_PERSON.format(persons, rows))

    place = search.staged.places[path.link.staged]
    if not place.claimable:
        return [joined(mapped, asking(path.table), facts(asked, FALSE, waits), whose)]
    followed, refused = (asking(place.rows(refused=refused)) for refused in (False, True))
    return [
        joined(mapped, followed, facts(asked, FALSE, waits), whose),
        joined(mapped, refused, facts(FALSE, FALSE, or_(asked, waits)), whose),
    ]
