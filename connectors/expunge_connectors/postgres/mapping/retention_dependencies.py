"""Retention dependencies: rows that stay because rows that reference them stay. Pure, over live foreign keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from expunge_config.datamap import Action, DataMap
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.dependency_graph import closure
from expunge_connectors.postgres.references import of_another_kind
from expunge_connectors.postgres.spec import PostgresSpec


def needed_by(
    collections: Collection[str], spec: PostgresSpec, data_map: DataMap, foreign_keys: Iterable[ForeignKey]
) -> frozenset[str]:
    """The collections that foreign keys lead to from these, and shared ones that links do; these left out.

    And those by whose rows a shared row is somebody's on which rows of these hang, or which is one of these: without
    them it is the others' alone who own it, and goes with them, with all that hangs on it (ADR 26).

    A parent that is tombstoned stays anyway, and what it refers to is kept by the finding `retained-child`. The way may
    lead through tables that the map does not name: these stand for themselves.
    """
    of_table: defaultdict[str, list[str]] = defaultdict(list)
    for name, one in spec.collections.items():
        of_table[one.table].append(name)
    parents: defaultdict[str, list[str]] = defaultdict(list)
    owners = frozenset(one for name in collections if name in spec.collections for one in _owners(name, spec))
    for key in foreign_keys:
        for child in of_table.get(key.child, [key.child]):
            parents[child] += _led_to(key, child, spec, data_map)
    for name, one in spec.collections.items():
        for link in one.found_by if one.sharing is not None else ():
            if link.lead is not None and link.lead[0] in spec.collections:
                for lead in of_table[spec.collections[link.lead[0]].table]:
                    parents[lead].append(name)
    reached = closure(parents, [name for name in (*collections, *sorted(owners)) if name in spec.collections])
    return (reached | owners).intersection(spec.collections) - frozenset(collections)


def _owners(name: str, spec: PostgresSpec, below: frozenset[str] = frozenset()) -> Iterator[str]:
    """The shared collections on the way up from rows of this one, and those whose rows point to them."""
    rows = spec.collections[name]
    leads = dict.fromkeys(link.lead[0] for link in rows.found_by if link.lead is not None)
    for lead in leads.keys() & spec.collections.keys() - below - {name}:
        if rows.sharing is not None or spec.collections[lead].sharing is not None:
            yield lead
        yield from _owners(lead, spec, below | {name})


def _led_to(key: ForeignKey, child: str, spec: PostgresSpec, data_map: DataMap) -> Iterator[str]:
    """The collections to whose rows rows of the child may point, with the parts of these rows."""
    takers = spec.takers(key.parent, data_map)
    if not takers:
        yield key.parent
    for parent in takers:
        if _overwritten(spec, parent, data_map):
            continue
        if child in spec.collections and of_another_kind(spec.collections, key, child, parent, takers):
            continue
        yield parent
        rows = spec.collections[parent]
        yield from (name for name, one in spec.collections.items() if one.table == key.parent and not one.apart(rows))


def _overwritten(spec: PostgresSpec, name: str, data_map: DataMap) -> bool:
    data_type = data_map.data_types.get(spec.collections[name].data_type or "")
    return data_type is not None and data_type.on_request is Action.TOMBSTONE
