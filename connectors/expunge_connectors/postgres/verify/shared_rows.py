"""Shared rows as verification sees them: the row `r` stays while a row `q` of whatever table points to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from psycopg import sql

from expunge_config.datamap import Action, DataMap
from expunge_connectors.postgres.catalog.reader import Catalogue, Table
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.expressions import equal, put


def pointed_at(
    name: str, collections: Mapping[str, TableSpec], data_map: DataMap, catalogue: Catalogue
) -> sql.Composed:
    """Rows still lead to a shared row. The request's own are counted in their own collection, as due.

    Args:
        name: The collection of shared rows.
        collections: All of the store.
        data_map: Says what happens to rows.
        catalogue: The live tables and foreign keys.
    """
    spec = collections[name]
    table = catalogue.tables[spec.table]
    overwritten = data_map.data_types[spec.data_type or ""].on_request is Action.TOMBSTONE
    pointers: list[sql.Composed] = []
    for holder, pairs in _pointing(name, collections, catalogue):
        conditions: list[sql.Composable] = [
            equal(table.columns[theirs], sql.Identifier("q", ours), sql.Identifier("r", theirs))
            for ours, theirs in pairs
        ]
        held = [one for one in collections.values() if one.table == holder and one.log is None]
        if overwritten and len(held) == 1:
            conditions += _no_tombstone(held[0], catalogue.tables[holder], data_map)
        schema, _, text = holder.partition(".")
        pointers.append(
            sql.SQL("EXISTS (SELECT FROM {} AS q WHERE {})").format(
                sql.Identifier(schema, text), sql.SQL(" AND ").join(conditions)
            )
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(pointers))


def _pointing(
    name: str, collections: Mapping[str, TableSpec], catalogue: Catalogue
) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """(table, pairs of its columns and the shared row's) of every table whose rows may point there."""
    for link in collections[name].found_by:
        if link.lead is not None:
            yield collections[link.lead[0]].table, list(zip(link.lead[1], link.names, strict=True))
    for key in owning_keys(name, collections, catalogue.foreign_keys):
        yield key.child, list(zip(key.columns, key.parent_columns, strict=True))


def _no_tombstone(spec: TableSpec, table: Table, data_map: DataMap) -> Iterator[sql.Composed]:
    """The row `q` has not been overwritten: what it keeps pointing to it does not hold."""
    if data_map.data_types[spec.data_type or ""].on_request is Action.TOMBSTONE:
        yield sql.SQL("NOT (SELECT {} FROM (SELECT q.*) AS r)").format(put(spec, table))
