"""Shared values: checks that a value which must be one person's is, before other places go by it (law 2).

Within a table the database makes sure of it, or the map says so (`never_shared`). Between tables nothing does: each
column is unique for itself.
"""

from __future__ import annotations

from psycopg import sql

from expunge_config.normalisers import Normaliser, NotNormalisable
from expunge_connectors.contract import SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.key_types import as_it_is, equals, same_value, spelling
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import itself, normalised, same_row, taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column
from expunge_connectors.postgres.sql.subject_search import Search
from expunge_connectors.postgres.table_links import Source

# `f`: the rows found, `t`: these rows themselves, `o`: rows with the same value; one that is not the subject's counts.
_SHARED = sql.SQL(
    "SELECT DISTINCT f.number, {value}"
    " FROM {found} AS f JOIN {table} AS t ON {same}{mine} JOIN {others} ON {equal}"
    " WHERE {followed} AND {not_theirs}"
)
_NOT_FOUND = sql.SQL("NOT EXISTS (SELECT FROM {found} AS g WHERE g.number = f.number AND {known})")
_REQUESTED = sql.SQL("{row}.asked AND NOT {row}.waits")
_GOING = sql.SQL("{row}.asked AND NOT {row}.waits AND NOT {row}.stays")


def is_looked_at_again(mapped: BoundTable) -> bool:
    """Rows with the same values are looked for, so those that were found must be at hand."""
    return any(source.never_shared is not None for source, _ in mapped.yields.values())


def shared(search: Search, mapped: BoundTable) -> frozenset[tuple[int, SubjectKey]]:
    """Subject and key, where a row that was not found for the subject holds the same value."""
    keys: set[tuple[int, SubjectKey]] = set()
    for identity, (source, rule) in mapped.yields.items():
        if source.never_shared is None:
            continue
        statement = _statement(search, mapped, source, rule, (mapped, source), TRUE)
        for number, text in search.connection.execute(statement).fetchall():
            # "n/a" in many rows is no identifier.
            keys.update((number, SubjectKey(identity, value)) for value in source.read(rule, text).values)
    return frozenset(keys)


def refuse_common(search: Search) -> None:
    """Let nothing go where a value is another's as well: rows of two tables hold it, and one is not the request's.

    Asked as the erasure begins, when every key is known: while they are still being resolved, the subject's own other
    row may be found only in a later round. Rows count that will be followed: an unknown key leads nowhere.

    Raises:
        TerminalError: There is such a value.
    """
    for identity, holders in search.store.common.items():
        for mapped in holders:
            if not search.found.get(mapped.name):
                continue
            source, rule = mapped.yields[identity]
            requested = _followed(mapped, "f")
            for other in holders:
                if other is mapped:
                    continue
                theirs = other.yields[identity][0]
                statement = _statement(search, mapped, source, rule, (other, theirs), requested)
                rows = search.connection.execute(statement).fetchall()
                if any(_is_one(rule, text) for _, text in rows):
                    raise TerminalError(
                        f"store {search.store.name}, collection {mapped.name}: a value of {identity} stands in a row of"
                        f" {other.name} as well that is not the request's: with the one person's record in another"
                        " store, somebody else's would go.",
                        remedy=f"Correct the row, or the links of {other.name}; the value belongs to one person.",
                    )


def _followed(mapped: BoundTable, row: str) -> sql.Composed:
    """The found row leads on: a shared one only if it goes."""
    return (_REQUESTED if mapped.spec.sharing is None else _GOING).format(row=sql.Identifier(row))


def _is_one(rule: Normaliser, text: str) -> bool:
    try:
        rule.normalise(text)
    except NotNormalisable:
        return False
    return True


def _statement(  # noqa: PLR0913, PLR0917 - a table, another one, and what is compared
    search: Search,
    mapped: BoundTable,
    source: Source,
    rule: Normaliser,
    other: tuple[BoundTable, Source],
    followed: sql.Composable,
) -> sql.Composed:
    table, there, source_there = mapped.table.identifier, *other
    mine, others = sql.SQL("").format(), sql.SQL("{} AS o").format(there.table.identifier)
    ours = taken_out(source, column("t", source.column))
    theirs = taken_out(source_there, column("o", source_there.column))
    if source.several:
        mine = sql.SQL(" CROSS JOIN LATERAL {} AS v (value)").format(values(source, "t"))
        ours = column("v", "value")
    if source_there.several:
        inside = sql.SQL("({} AS o CROSS JOIN LATERAL {} AS w (value))")
        others = inside.format(there.table.identifier, values(source_there, "o"))
        theirs = column("w", "value")
    live, live_there = mapped.table.columns[source.column], there.table.columns[source_there.column]
    value = normalised("{column}::text" if source.decode else spelling(rule, live, inside=source.several), ours)
    alike = source.several == source_there.several and (source.several or live.base == live_there.base)
    # What has to be decoded is compared as it stands: within a table, of which the map says that none is shared.
    plain = bool(source.decode) or (rule.plain if source.several else as_it_is(rule, live))
    if not alike or not plain:
        spelt = spelling(rule, live_there, inside=source_there.several)
        ours, theirs = value, normalised(spelt, theirs)
    as_stored = alike and plain and not source.several
    equal = same_value(live, theirs, ours) if as_stored else equals(theirs, ours, None)
    not_theirs: sql.Composable = TRUE
    if there is not mapped and there.table.oid == mapped.table.oid:  # of other kinds, or with a part of the row
        not_theirs = sql.SQL("NOT ({})").format(itself(mapped, "o", "t"))
    if search.found.get(there.name):
        known = same_row(there, "o", "g")
        if there is not mapped:
            known = and_(_followed(there, "g"), known)
        not_theirs = and_(not_theirs, _NOT_FOUND.format(found=search.table(there.name), known=known))
    return _SHARED.format(
        value=value,
        found=search.table(mapped.name),
        table=table,
        same=same_row(mapped, "t", "f"),
        mine=mine,
        others=others,
        equal=and_(equal, tells(source.where, "t"), tells(source_there.where, "o")),
        followed=followed,
        not_theirs=not_theirs,
    )
