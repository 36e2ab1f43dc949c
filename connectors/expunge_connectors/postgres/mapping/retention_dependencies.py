"""Retention dependencies: rows that stay because rows that reference them stay. Pure, over live foreign keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from expunge_config.datamap import Action, DataMap
from expunge_connectors.postgres.catalog.reader import ForeignKey
from expunge_connectors.postgres.dependency_graph import closure
from expunge_connectors.postgres.spec import PostgresSpec


def needed_by(
    collections: Collection[str], spec: PostgresSpec, data_map: DataMap, foreign_keys: Iterable[ForeignKey]
) -> frozenset[str]:
    """The collections that foreign keys lead to from these, and shared ones that links do; these left out.

    A parent that is tombstoned stays anyway, and what it refers to is kept by the finding `retained-child`.
    """
    actions = {
        one.table: data_map.data_types[one.data_type].on_request
        for name, one in spec.collections.items()
        if one.data_type is not None and spec.of_table(one.table, data_map) == name
    }
    parents: dict[str, list[str]] = {}
    for key in foreign_keys:
        if actions.get(key.parent) is not Action.TOMBSTONE:
            parents.setdefault(key.child, []).append(key.parent)
    for one in spec.collections.values():
        for link in one.found_by if one.sharing is not None else ():
            if link.lead is not None and link.lead[0] in spec.collections:
                parents.setdefault(spec.collections[link.lead[0]].table, []).append(one.table)
    reached = closure(parents, [spec.collections[name].table for name in collections if name in spec.collections])
    return frozenset(name for name, one in spec.collections.items() if one.table in reached) - frozenset(collections)
