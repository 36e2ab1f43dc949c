"""Kept collections: of which collections a hold on a data type keeps the records, also where nobody asked for these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap
from expunge_connectors.contract import KnowsDependencies, Scope, StoreConnector
from expunge_orchestrator.rules.effective_holds import EffectiveHold, Hold, joined
from expunge_orchestrator.rules.scope import Actions


@dataclass(frozen=True, slots=True)
class KeptCollections:
    """What holds keep of the collections that a request is about: asked once for people who are held alike.

    A held record stays whole, whichever collection asks. So a hold on the type of one collection keeps all of which a
    record can be the same one, or a part of it. Of which types a request is makes no difference: what it leaves out can
    be held. A hold that keeps none of these collections is of no concern to the request: it is no ground of a line, and
    nobody is told of it, or not told anything because of it.
    """

    data_map: DataMap
    stores: Mapping[str, StoreConnector]
    scope: Scope
    actions: Actions
    _of_types: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict, repr=False)
    _of_holds: dict[tuple[str, tuple[int, ...]], Mapping[str, EffectiveHold]] = field(default_factory=dict, repr=False)

    def in_store(self, store: str, held: EffectiveHold) -> Mapping[str, EffectiveHold]:
        """Collection -> those of the holds that keep it; of a store that the map has no more, holds of everything."""
        place = (store, tuple(one.id for one in held.holds))
        if place not in self._of_holds:
            by_collection = {
                name: tuple(one for one in held.holds if self._keeps(one, store, name)) for name in self.actions[store]
            }
            self._of_holds[place] = {name: EffectiveHold(holds) for name, holds in by_collection.items() if holds}
        return self._of_holds[place]

    def of_request(self, held: EffectiveHold) -> EffectiveHold | None:
        """Those of the holds that keep any of the collections; None: none does."""
        kept = [one for store in self.actions for one in self.in_store(store, held).values()]
        return joined(kept) if kept else None

    def _keeps(self, hold: Hold, store: str, name: str) -> bool:
        return hold.data_type is None or name in self._of_type(store, hold.data_type)

    def _of_type(self, store: str, data_type: str) -> frozenset[str]:
        """Those of this type, those that have a record in common with them, and those whose records they need."""
        if store not in self.stores:
            return frozenset()
        if (store, data_type) not in self._of_types:
            self._of_types[store, data_type] = self._with_needed(store, data_type)
        return self._of_types[store, data_type]

    def _with_needed(self, store: str, data_type: str) -> frozenset[str]:
        kept, connector = sharing_records(self.data_map, store, data_type), self.stores[store]
        if not kept or not isinstance(connector, KnowsDependencies):
            return kept
        return kept | connector.needed_by(kept, self.scope)


def sharing_records(data_map: DataMap, store: str, data_type: str) -> frozenset[str]:
    """The collections of a data type, and those of which a record can be the same one, or a part of it."""
    specs = data_map.stores[store].collection_specs()
    named = frozenset(name for name, spec in specs.items() if spec.data_type == data_type)
    if not named:
        return named
    flows = data_map.stores[store].key_flow(store, data_map)
    if flows is None:
        return frozenset(specs)  # it does not say what shares a record with what
    met = (name for name, one in flows.items() if (one.overlaps | one.beside) & named)
    return named.union(met, *(flows[name].overlaps for name in named))
