"""Shared owners: what holds a row that people share, beside the links of the map. Pure, over live foreign keys.

A shared row goes with the last row that points to it, whoever's that is: a store of the company holds its address
as people do, and no map needs to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.table_spec import TableSpec


def owning_keys(
    name: str, collections: Mapping[str, TableSpec], foreign_keys: Iterable[ForeignKey]
) -> tuple[ForeignKey, ...]:
    """The foreign keys to the shared rows of a collection that the map's links do not follow, from any table.

    Not those of the table's own rows, nor of rows that the map finds by the shared row: these go with it.

    Returns:
        None where the collection's rows are not shared.
    """
    shared = collections[name]
    if shared.sharing is None:
        return ()
    followed = {
        (collections[link.lead[0]].table, frozenset(zip(link.lead[1], link.names, strict=True)))
        for link in shared.found_by
        if link.lead is not None
    } | {
        (one.table, frozenset(zip(link.names, link.lead[1], strict=True)))
        for one in collections.values()
        for link in one.found_by
        if link.lead is not None and link.lead[0] == name
    }
    return tuple(
        key
        for key in foreign_keys
        if key.parent == shared.table != key.child
        and (key.child, frozenset(zip(key.columns, key.parent_columns, strict=True))) not in followed
    )
