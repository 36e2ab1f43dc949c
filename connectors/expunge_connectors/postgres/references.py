"""References of others: foreign keys by which rows that stay may point to rows that are deleted. Pure.

The server refuses to delete such a row (or changes what points there, which Expunge refuses). Where every row that
points there is found by the same columns, it goes as well, and nothing can be in the way.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from expunge_config.datamap import Action, DataMap
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.row_kinds import compared
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec


def loose_keys(
    collections: Mapping[str, TableSpec],
    data_map: DataMap,
    foreign_keys: Iterable[ForeignKey],
    of_several: Container[str] = (),
) -> tuple[tuple[ForeignKey, str], ...]:
    """Foreign keys between mapped tables that other people's rows may have, with the collection that they lead to.

    Not those to rows that are overwritten. Shared ones stay as long as anything points there, but for rows that the map
    finds by them: these keep none, and stay where they name somebody else.

    Args:
        collections: All of the store.
        data_map: Says what becomes of their rows.
        foreign_keys: Those that are asked about.
        of_several: Collections of which a row stays that is found by such a key, if it names somebody else as well.
    """
    data = {name: one for name, one in collections.items() if one.log is None}
    mapped = {one.table for one in data.values()}
    return tuple(
        (key, name)
        for key in foreign_keys
        if key.child in mapped
        for name, one in data.items()
        if one.table == key.parent
        and (
            one.sharing is None
            or any(links_along(spec, key, name) for spec in data.values() if spec.table == key.child)
        )
        and _action(one, data_map) is not Action.TOMBSTONE
        and not any(
            other not in of_several and _goes_along(spec, key, name, data, data_map) for other, spec in data.items()
        )
    )


def lets_go(spec: TableSpec, key: ForeignKey, data_map: DataMap) -> bool:
    """A row that the request takes of this collection does not point there afterwards."""
    return _action(spec, data_map) is not Action.TOMBSTONE or bool(spec.tombstone.keys() & set(key.columns))


def _goes_along(
    spec: TableSpec, key: ForeignKey, parent: str, collections: Mapping[str, TableSpec], data_map: DataMap
) -> bool:
    """Whatever points to a row that goes is found by that, whoever's it is, and goes or lets go of it."""
    if spec.table != key.child or not lets_go(spec, key, data_map) or _action(spec, data_map) is Action.RETAIN:
        return False
    owner, theirs = spec.owner, collections[parent].owner
    apart = owner is None or theirs is None or owner.controller != theirs.controller or owner.column is not None
    return not apart and any(not compared(link.where) for link in links_along(spec, key, parent))


def links_along(spec: TableSpec, key: ForeignKey, parent: str) -> list[Link]:
    """The links by which rows that point there are found."""
    pairs = set(zip(key.columns, key.parent_columns, strict=True))
    return [
        link
        for link in spec.found_by
        if link.lead is not None and link.lead[0] == parent and set(zip(link.names, link.lead[1], strict=True)) == pairs
    ]


def of_another_kind(
    collections: Mapping[str, TableSpec], key: ForeignKey, child: str, parent: str, takers: Iterable[str]
) -> bool:
    """Links follow the key to rows of another kind in the parent's table: rows of the child point to those.

    Args:
        collections: All of the store.
        key: From the table of the child to that of the parent.
        child: A collection.
        parent: A collection.
        takers: The collections that take whole rows of the parent's table.
    """
    spec = collections[child]
    return not links_along(spec, key, parent) and any(links_along(spec, key, one) for one in takers if one != parent)


def _action(spec: TableSpec, data_map: DataMap) -> Action:
    return data_map.data_types[spec.data_type or ""].on_request
