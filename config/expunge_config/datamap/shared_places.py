"""Shared places: which identities one place is read by, so that a value there is whose it is by any of them (ADR 18).

An address in a letter is Ann's, whose account names it for recovery, and Bob's, who signs in with it, where the map
finds letters by both. A number without the country's code is whose it is by the region of each link that reads it.
Pure, over the map alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from collections.abc import Set as AbstractSet
from itertools import permutations, product

from expunge_config.datamap.data_map import DataMap
from expunge_config.datamap.identities import IdentityKind, Reader


def read_alike(data_map: DataMap) -> dict[str, frozenset[tuple[Reader, Reader]]]:
    """Reusable identity that people do not share -> how it reads a place, and what else reads that place.

    Or a place that one of these reads. Of those with any. An identity is beside itself where links of two regions read
    one place: a number without the country's code is one person's by the one, and another's by the other.
    """
    groups: dict[str, set[Reader]] = {}
    pairs: dict[str, set[tuple[Reader, Reader]]] = {}
    for store, spec in data_map.stores.items():
        for together in spec.shared_places(store, data_map):
            readers = {one for one in together if _passes_on(one.identity, data_map)}
            joined = readers.union(*(groups.get(one.identity, ()) for one in readers))
            groups.update((one.identity, joined) for one in joined)
            for one, other in permutations(readers, 2):
                if one.identity == other.identity:
                    pairs.setdefault(one.identity, set()).add((one, other))
    for name, group in groups.items():
        ours = [one for one in group if one.identity == name]
        pairs.setdefault(name, set()).update(product(ours, (one for one in group if one.identity != name)))
    return {name: frozenset(found) for name, found in pairs.items() if found}


def others_read_alike(data_map: DataMap, identity: str) -> list[str]:
    """The other identities that are read where values of this one stand, sorted."""
    return sorted({there.identity for _, there in read_alike(data_map).get(identity, ())} - {identity})


def by_place(readers: Iterable[tuple[Hashable, Reader]]) -> list[AbstractSet[Reader]]:
    """How one place is read, of pairs of a place and a reader; of places that several read."""
    groups: dict[Hashable, set[Reader]] = {}
    for place, reader in readers:
        groups.setdefault(place, set()).add(reader)
    return [group for group in groups.values() if len(group) > 1]


def _passes_on(name: str, data_map: DataMap) -> bool:
    identity = data_map.identities.get(name)
    return identity is not None and identity.kind is IdentityKind.REUSABLE and not identity.shareable
