"""Which rows are a subject's, in SQL: the side that counts and erases. Verification has statements of its own.

The vocabulary of the statements: `k` is a staged key, `t` a row of the table at work, `o` a row of a table that leads
to a shared row.
"""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalogue import Column
from expunge_connectors.postgres.keytypes import native
from expunge_connectors.postgres.mapped import MappedStore, MappedTable, MappedTie
from expunge_connectors.postgres.staging import SCOPE, keys_table

TRUE = sql.SQL("true")
FALSE = sql.SQL("false")
# Types without an equality operator are compared by their text.
_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})


def raw(text: str) -> sql.SQL:
    """SQL that the data map or the server's catalogue holds word for word."""
    return sql.SQL(text)  # pyright: ignore[reportArgumentType] - written by the operator, not by a requester


def column(alias: str, name: str) -> sql.Identifier:
    """`alias.name`, quoted."""
    return sql.Identifier(alias, name)


def columns(alias: str, mapped: MappedTable) -> sql.Composed:
    """The primary key's columns, for a select list."""
    return sql.SQL(", ").join(column(alias, name) for name in mapped.table.primary_key)


def both(*conditions: sql.Composable) -> sql.Composed:
    """Conditions joined by AND."""
    return sql.SQL(" AND ").join([one for one in conditions if one is not TRUE] or [TRUE])


def compared(tie: MappedTie, alias: str) -> sql.Composable:
    """The side of a tie that is compared with the key's value."""
    plain = column(alias, tie.column.name)
    if tie.normaliser is not None:
        # Composed by hand: a normaliser's own braces are no placeholders of ours.
        before, _, after = tie.normaliser.partition("{column}")
        return sql.Composed([raw(before), plain, raw(after)])
    return plain if native(tie.column.base) else sql.SQL("{}::text").format(plain)


def tied(tie: MappedTie, alias: str) -> sql.Composed:
    """`k` is a key of this tie and selects the row `alias`."""
    return sql.SQL("k.namespace = {} AND k.value = {}").format(sql.Literal(tie.namespace), compared(tie, alias))


def owned(mapped: MappedTable, alias: str) -> sql.Composable:
    """The row is a record of the request's controller."""
    if mapped.member_column is None:
        return TRUE
    return sql.SQL("{}::text = (SELECT member FROM {})").format(column(alias, mapped.member_column), SCOPE)


def requested(mapped: MappedTable, tie: MappedTie, alias: str, cutoff: datetime | None) -> sql.Composable:
    """A row found through this tie belongs to the request; otherwise it is newer."""
    if tie.sure:
        return TRUE
    if mapped.spec.undated is not None and mapped.spec.created is None:
        return TRUE if mapped.spec.undated == "erase" else FALSE
    if cutoff is None or mapped.spec.created is None:
        return TRUE
    return sql.SQL("coalesce({} < {}, false)").format(column(alias, mapped.spec.created), sql.Literal(cutoff))


def counted(mapped: MappedTable, tie: MappedTie, alias: str, cutoff: datetime) -> sql.Composable:
    """`requested`, for counting: a person found by a re-usable identifier alone.

    Where the subject's person keys are known it is another person, or one who registered again: newer. Where none is
    known it is due, so that verification shows it; but it is not erased (see `MappedTable.erasing`).
    """
    old_enough = requested(mapped, tie, alias, cutoff)
    known = next((one for one in mapped.selecting if one.sure and one.namespace == mapped.spec.person), None)
    if tie in mapped.erasing or known is None:
        return old_enough
    return sql.SQL("({} AND NOT EXISTS (SELECT FROM {} AS p WHERE p.namespace = {} AND p.number = k.number))").format(
        old_enough, keys_table(known.key_type), sql.Literal(known.namespace)
    )


def expression(mapped: MappedTable, name: str, alias: str) -> sql.Composed:
    """What a tombstone puts into a column, computed from the primary key alone."""
    return sql.SQL("(SELECT ({})::{} FROM (SELECT {}) AS key)").format(
        raw(mapped.spec.tombstone[name]), raw(mapped.table.columns[name].type), columns(alias, mapped)
    )


def entombed(mapped: MappedTable, alias: str) -> sql.Composable:
    """The row is a tombstone already: every column of it holds what its expression says."""
    if mapped.action is not Action.TOMBSTONE:
        return FALSE
    return both(
        *(
            sql.SQL("{} IS NOT DISTINCT FROM {}").format(
                comparable(mapped.table.columns[name], column(alias, name)),
                comparable(mapped.table.columns[name], expression(mapped, name, alias)),
            )
            for name in mapped.spec.tombstone
        )
    )


def comparable(of: Column, value: sql.Composable) -> sql.Composable:
    """A value of the column's type in a form that has an equality."""
    return sql.SQL("{}::text").format(value) if of.base in _WITHOUT_EQUALITY else value


def kept_until(mapped: MappedTable, alias: str) -> sql.Composable:
    """The day on which the row's retention ends (UTC); NULL where nothing is retained or no day can be named."""
    if mapped.period is None or mapped.spec.start is None:
        return sql.SQL("NULL::date")
    start = column(alias, mapped.spec.start)
    return sql.SQL("({} + {}::interval)::date").format(start, sql.Literal(mapped.period))


def kept(mapped: MappedTable, alias: str, cutoff: datetime) -> sql.Composable:
    """The row is retained by its data type. Without a start no end can be named, so it stays."""
    if mapped.period is None:
        return FALSE
    return sql.SQL("coalesce({} > {}::date, true)").format(kept_until(mapped, alias), sql.Literal(cutoff))


def nothing_left(store: MappedStore, mapped: MappedTable, alias: str) -> sql.Composed:
    """No row of the tables that lead to this shared row points to it any more."""
    return both(
        *(
            sql.SQL("NOT EXISTS (SELECT FROM {} AS o WHERE {} = {})").format(
                store.collections[tie.of[0]].table.identifier,
                column("o", tie.of[1]),
                column(alias, tie.column.name),
            )
            for tie in mapped.ties
            if tie.of is not None
        )
    )


def others_left(store: MappedStore, mapped: MappedTable, alias: str, cutoff: datetime) -> sql.Composable:
    """A row that this call is not going to delete points to the shared row."""
    if mapped.spec.sharing is None:
        return FALSE
    return sql.SQL(" OR ").join(
        sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {} = {} AND NOT ({}))").format(
            store.collections[tie.of[0]].table.identifier,
            column("o", tie.of[1]),
            column(alias, tie.column.name),
            _going(store.collections[tie.of[0]], cutoff),
        )
        for tie in mapped.ties
        if tie.of is not None
    )


def _going(mapped: MappedTable, cutoff: datetime) -> sql.Composable:
    if not mapped.in_scope or mapped.action is Action.TOMBSTONE:
        return FALSE
    found = [
        sql.SQL("EXISTS (SELECT FROM {} AS k WHERE {} AND {})").format(
            keys_table(tie.key_type), tied(tie, "o"), requested(mapped, tie, "o", cutoff)
        )
        for tie in mapped.erasing
    ]
    if not found:
        return FALSE
    return sql.SQL("({}) AND {} AND NOT {}").format(
        sql.SQL(" OR ").join(found), owned(mapped, "o"), kept(mapped, "o", cutoff)
    )


def rows(mapped: MappedTable, tie: MappedTie, wanted: sql.Composable, *conditions: sql.Composable) -> sql.Composed:
    """`SELECT wanted` of the keys and rows that one tie joins, within the scope."""
    return sql.SQL("SELECT {} FROM {} AS k JOIN {} AS t ON {} WHERE {}").format(
        wanted,
        keys_table(tie.key_type),
        mapped.table.identifier,
        tied(tie, "t"),
        both(owned(mapped, "t"), *conditions),
    )
