"""Kept collections: of which collections a hold on data types keeps the records, also where nobody asked for these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap
from expunge_connectors.contract import KnowsDependencies, Scope, StoreConnector


@dataclass(frozen=True, slots=True)
class KeptCollections:
    """What holds on data types keep, store by store: asked once for people who are held alike.

    A held record stays whole, whichever collection asks. So a hold on the type of one collection keeps all of which a
    record can be the same one, or a part of it. Of which types a request is makes no difference: what it leaves out can
    be held.
    """

    data_map: DataMap
    stores: Mapping[str, StoreConnector]
    scope: Scope
    _known: dict[tuple[str, frozenset[str]], frozenset[str]] = field(default_factory=dict, repr=False)

    def in_store(self, store: str, data_types: frozenset[str]) -> frozenset[str]:
        """The collections of a store that such a hold keeps; none of a store that the map does not have any more."""
        if store not in self.stores or not data_types:
            return frozenset()
        place = (store, data_types)
        if place not in self._known:
            self._known[place] = self._of_types(store, data_types)
        return self._known[place]

    def any_of(self, data_types: frozenset[str], actions: Mapping[str, Collection[str]]) -> bool:
        """Whether such a hold keeps anything of these collections (store -> names)."""
        return any(not self.in_store(store, data_types).isdisjoint(names) for store, names in actions.items())

    def _of_types(self, store: str, data_types: frozenset[str]) -> frozenset[str]:
        """Those of these types, those that have a record in common with them, and those whose records they need."""
        specs = self.data_map.stores[store].collection_specs()
        named = frozenset(name for name, spec in specs.items() if spec.data_type in data_types)
        if not named:
            return named
        flows = self.data_map.stores[store].key_flow(store, self.data_map)
        if flows is None:
            return frozenset(specs)  # it does not say what shares a record with what
        met = (name for name, one in flows.items() if (one.overlaps | one.beside) & named)
        kept = named.union(met, *(flows[name].overlaps for name in named))
        connector = self.stores[store]
        return kept | connector.needed_by(kept, self.scope) if isinstance(connector, KnowsDependencies) else kept
