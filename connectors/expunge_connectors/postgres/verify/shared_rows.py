"""Shared rows as verification sees them: the row `r` stays while a row `q` that is not due itself points to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.verify.erased_rows import ErasedRows
from expunge_connectors.postgres.verify.expressions import equal


def pointed_at(
    name: str, erased: ErasedRows, own: Mapping[str, sql.Identifier], subject: sql.Composable | None
) -> sql.Composed:
    """Rows of others still lead to a shared row.

    Args:
        name: The collection of shared rows.
        erased: Says which rows are nobody's any more.
        own: Collection -> the expression that has the request's own rows, of those on the way there.
        subject: Others are all but this one, whose rows keep it if they stay; None: all but the request's people.
    """
    collections, catalogue = erased.collections, erased.catalogue
    spec = collections[name]
    table = catalogue.tables[spec.table]
    overwritten = erased.data_map.data_types[spec.data_type or ""].on_request is Action.TOMBSTONE
    pointers: list[sql.Composed] = []
    for holder, pairs in _pointing(name, erased):
        conditions: list[sql.Composable] = [
            equal(table.columns[theirs], sql.Identifier("q", ours), sql.Identifier("r", theirs))
            for ours, theirs in pairs
        ]
        held = [one for one, other in collections.items() if other.table == holder and other.log is None]
        if overwritten and len(held) == 1:
            conditions += _there(held[0], erased, own.get(held[0]))
        for one in (one for one in held if one in own):
            if subject is None:
                conditions.append(sql.SQL("NOT {}").format(_of_request(own[one])))
            elif overwritten or _lets_go(one, erased, {ours for ours, _ in pairs}):
                conditions.append(sql.SQL("NOT {}").format(_due_of(own[one], subject)))
        schema, _, text = holder.partition(".")
        pointers.append(
            sql.SQL("EXISTS (SELECT FROM {} AS q WHERE {})").format(
                sql.Identifier(schema, text), sql.SQL(" AND ").join(conditions)
            )
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(pointers))


def _pointing(name: str, erased: ErasedRows) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """(table, pairs of its columns and the shared row's) of every table whose rows may point there."""
    collections = erased.collections
    for link in collections[name].found_by:
        if link.lead is not None:
            yield collections[link.lead[0]].table, list(zip(link.lead[1], link.names, strict=True))
    for key in owning_keys(name, collections, erased.catalogue.foreign_keys):
        yield key.child, list(zip(key.columns, key.parent_columns, strict=True))


def _there(name: str, erased: ErasedRows, own: sql.Identifier | None) -> Iterator[sql.Composed]:
    """The row `q` has not been overwritten: what it keeps pointing to it does not hold."""
    spec = erased.collections[name]
    if erased.data_map.data_types[spec.data_type or ""].on_request is Action.TOMBSTONE:
        yield sql.SQL("NOT {}").format(erased.is_erased(spec, "q"))
        if own is not None:
            yield sql.SQL("NOT ({} AND {})").format(erased.looks_like_one(spec, "q"), _of_request(own))


def _of_request(own: sql.Identifier) -> sql.Composed:
    """The row `q` is among the request's own."""
    return sql.SQL("(q.tableoid, q.ctid) IN (SELECT w.relation, w.place FROM {} AS w WHERE w.leads)").format(own)


def _due_of(own: sql.Identifier, subject: sql.Composable) -> sql.Composed:
    """The row `q` is the subject's, and due."""
    return sql.SQL(
        "(q.tableoid, q.ctid, {}) IN"
        " (SELECT w.relation, w.place, w.subject FROM {} AS w WHERE w.leads AND NOT w.stays AND NOT w.tombstone)"
    ).format(subject, own)


def _lets_go(name: str, erased: ErasedRows, columns: AbstractSet[str]) -> bool:
    """Once they are erased, rows of the collection do not point anywhere by these columns."""
    spec = erased.collections[name]
    action = erased.data_map.data_types[spec.data_type or ""].on_request
    return action is not Action.TOMBSTONE or not columns.isdisjoint(spec.tombstone)
