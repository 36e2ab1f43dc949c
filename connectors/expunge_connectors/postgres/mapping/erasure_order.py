"""Erasure order: the allowed actions per table, children before parents."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.dependency_graph import ErasingOrder, erasing_order
from expunge_connectors.postgres.mapping.bound_tables import BoundStore


def checked_actions(store: BoundStore, actions: Mapping[str, Action], logs: Mapping[str, object]) -> dict[str, Action]:
    """The actions of the collections in scope.

    Raises:
        TerminalError: An action is for a log or an unknown collection, or differs from the map's decision.
    """
    for name, action in actions.items():
        if name in logs:
            raise TerminalError(f"store {store.name}, collection {name}: a log is left alone.")
        if name not in store.collections:
            raise TerminalError(f"store {store.name}, collection {name}: the data map does not declare it.")
        if store.collections[name].action is not action:
            raise TerminalError(
                f"store {store.name}, collection {name}: {action} was approved, but the data map says"
                f" {store.collections[name].action}.",
                remedy="Plan again.",
            )
    return {name: action for name, action in actions.items() if store.collections[name].in_scope}


def order(store: BoundStore) -> ErasingOrder:
    """In which order the store's collections are emptied.

    Raises:
        TerminalError: A shared row and those that point to it refer to each other in a circle.
    """
    by_table = {mapped.table.text: mapped for mapped in store.collections.values()}
    references = [
        (by_table[one.child].name, by_table[one.parent].name)
        for one in store.foreign_keys
        if one.child in by_table and one.parent in by_table and by_table[one.parent].action is not Action.TOMBSTONE
    ]
    # Who still points to a shared row is asked when those of the request do so no more.
    references += [
        (link.of[0], mapped.name)
        for mapped in store.collections.values()
        if mapped.spec.sharing is not None
        for link in mapped.links
        if link.of is not None
    ]
    links = [(link.of[0], mapped.name) for mapped in store.collections.values() for link in mapped.links if link.of]
    persons = [mapped.name for mapped in store.collections.values() if mapped.spec.person is not None]
    sequence = erasing_order(store.collections, references, links, persons)
    for group in sequence.groups:
        for name in group:
            if len(group) > 1 and store.collections[name].spec.sharing is not None:
                raise TerminalError(
                    f"store {store.name}, collection {name}: the foreign keys of {', '.join(group)} run in a circle"
                    " around a shared row.",
                    remedy="Tombstone one of these collections.",
                )
    return sequence
