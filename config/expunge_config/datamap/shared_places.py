"""Shared places: which identities one place is read by, so that a value there is whose it is by any of them (ADR 18).

An address in a letter is Ann's, whose account names it for recovery, and Bob's, who signs in with it, where the map
finds letters by both. Pure, over the map alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from collections.abc import Set as AbstractSet

from expunge_config.datamap.identities import IdentityKind
from expunge_config.datamap.models import DataMap


def read_alike(data_map: DataMap) -> dict[str, frozenset[str]]:
    """Reusable identity that people do not share -> the others that read a place which it reads, or one of these does.

    Of those with any.
    """
    groups: dict[str, set[str]] = {}
    for store, spec in data_map.stores.items():
        for together in spec.shared_places(store, data_map):
            joined = {one for one in together if _passes_on(one, data_map)}
            for name in tuple(joined):
                joined |= groups.get(name, set())
            groups.update(dict.fromkeys(joined, joined))
    return {name: frozenset(group) - {name} for name, group in groups.items() if len(group) > 1}


def by_place(readers: Iterable[tuple[Hashable, str]]) -> list[AbstractSet[str]]:
    """The identities that read one place, of pairs of a place and an identity; of places that several read."""
    groups: dict[Hashable, set[str]] = {}
    for place, identity in readers:
        groups.setdefault(place, set()).add(identity)
    return [group for group in groups.values() if len(group) > 1]


def _passes_on(name: str, data_map: DataMap) -> bool:
    identity = data_map.identities.get(name)
    return identity is not None and identity.kind is IdentityKind.REUSABLE and not identity.shareable
