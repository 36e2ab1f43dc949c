"""Values that the map says are never shared: looked at all the same, before anything elsewhere goes by one (law 2)."""

from __future__ import annotations

from psycopg import sql

from expunge_config.normalisers import Normaliser, NotNormalisable
from expunge_connectors.contract import SubjectKey
from expunge_connectors.postgres.comparison import normalised, same_row, values
from expunge_connectors.postgres.keytypes import equals
from expunge_connectors.postgres.mapped import MappedTable
from expunge_connectors.postgres.search import Search
from expunge_connectors.postgres.spec import Source
from expunge_connectors.postgres.wording import column

_PLAIN = "{column}::text"
# `f`: the rows found, `t`: these rows themselves, `o`: rows with the same value; one that is not the subject's counts.
_SHARED = sql.SQL(
    "SELECT DISTINCT f.number, {value} FROM {found} AS f JOIN {table} AS t ON {same}{mine} JOIN {others} ON {equal}"
    " WHERE NOT EXISTS (SELECT FROM {found} AS g WHERE g.number = f.number AND {known})"
)


def asked(mapped: MappedTable) -> bool:
    """The map says so of a value of this table: its rows are looked at again, and must be at hand."""
    return any(source.never_shared is not None for source, _ in mapped.yields.values())


def shared(search: Search, mapped: MappedTable) -> frozenset[tuple[int, SubjectKey]]:
    """Subject and key, where a row that was not found for the subject holds the same value."""
    keys: set[tuple[int, SubjectKey]] = set()
    for identity, (source, rule) in mapped.yields.items():
        if source.never_shared is None:
            continue
        for number, text in search.connection.execute(_statement(search, mapped, source, rule)).fetchall():
            try:
                keys.add((number, SubjectKey(identity, rule.normalise(text))))
            except NotNormalisable:
                continue  # "n/a" in many rows is no identifier
    return frozenset(keys)


def _statement(search: Search, mapped: MappedTable, source: Source, rule: Normaliser) -> sql.Composed:
    table = mapped.table.identifier
    mine, others = sql.SQL("").format(), sql.SQL("{} AS o").format(table)
    ours: sql.Composable = column("t", source.column)
    theirs: sql.Composable = column("o", source.column)
    equality = mapped.table.columns[source.column].equality
    if source.several:
        mine = sql.SQL(" CROSS JOIN LATERAL {} AS v (value)").format(values(source, "t"))
        inside = sql.SQL("({} AS o CROSS JOIN LATERAL {} AS w (value))")
        others = inside.format(table, values(source, "o"))
        ours, theirs, equality = column("v", "value"), column("w", "value"), None
    value = normalised(rule.sql, ours)
    if rule.sql != _PLAIN:
        ours, theirs, equality = value, normalised(rule.sql, theirs), None
    return _SHARED.format(
        value=value,
        found=search.table(mapped.name),
        table=table,
        same=same_row(mapped, "t", "f"),
        mine=mine,
        others=others,
        equal=equals(theirs, ours, equality),
        known=same_row(mapped, "o", "g"),
    )
