"""Erasure order: in which order tables are emptied, and which may be: children before parents, persons last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.dependency_graph import (
    Edge,
    closure,
    has_path,
    strongly_connected,
    topological_order,
)
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """In which order collections are emptied.

    Attributes:
        groups: The order. Collections whose rows refer to each other in a circle are one group.
        together: Collections between (and with) one whose rows lead to another and that other, where foreign keys
            force the leading row to go first: no commit may fall between them, or a crash would lose the way. And the
            collections of a circle.
    """

    groups: tuple[tuple[str, ...], ...]
    together: frozenset[str]


def children_first(
    names: Iterable[str], references: Iterable[Edge], links: Iterable[Edge], persons: Collection[str]
) -> ErasureOrder:
    """Children before parents; where foreign keys leave a choice, rows before those that lead to them; persons last.

    Args:
        names: The collections.
        references: (child, parent) for every foreign key between them whose parent's rows are to be deleted.
        links: (leading collection, collection reached) for every link.
        persons: Collections whose rows are the persons themselves.
    """
    waiting = tuple(names)
    group = {name: one for one in strongly_connected(waiting, references) for name in one}
    groups = tuple(dict.fromkeys(group[name] for name in waiting))
    # Groups are known by their first name.
    edges = [(group[child][0], group[parent][0]) for child, parent in references if group[child] != group[parent]]
    against: list[Edge] = []
    for leading, reached in ((group[one][0], group[other][0]) for one, other in links):
        if leading == reached:
            continue
        if has_path(edges, leading, reached):
            against.append((leading, reached))
        else:
            edges.append((reached, leading))
    last = {group[name][0] for name in persons}
    order = topological_order([one[0] for one in groups], edges, last)
    sequence = tuple(group[name] for name in order)
    together = {name for one in groups if len(one) > 1 for name in one}
    for leading, reached in against:
        for one in sequence[order.index(leading) : order.index(reached) + 1]:
            together.update(one)
    return ErasureOrder(sequence, frozenset(together))


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


def _saying_whose(store: BoundStore, mapped: BoundTable) -> frozenset[str]:
    """The collections above a row that is asked whose it is: it goes before they do, for what is gone says nothing."""
    above = {name: [one for link in table.links for one in _named(link)] for name, table in store.collections.items()}
    asked = {one for link in mapped.links for further in (*link.beside, *link.told_by) for one in _named(further)}
    return frozenset((asked | closure(above, asked)) - {mapped.name})


def _named(link: BoundLink) -> tuple[str, ...]:
    return link.holders if link.of is None else (link.of[0],)


def order(store: BoundStore) -> ErasureOrder:
    """In which order the store's collections are emptied.

    Raises:
        TerminalError: A shared row and those that point to it refer to each other in a circle.
    """
    references = [
        (child.name, parent.name)
        for one in store.foreign_keys
        for child in store.takers(one.child)
        for parent in store.takers(one.parent)
        if parent.action is not Action.TOMBSTONE
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
    links += [(one, mapped.name) for mapped in store.collections.values() for one in _saying_whose(store, mapped)]
    persons = [mapped.name for mapped in store.collections.values() if mapped.spec.person is not None]
    sequence = children_first(store.collections, references, links, persons)
    for group in sequence.groups:
        for name in group:
            if len(group) > 1 and store.collections[name].spec.sharing is not None:
                raise TerminalError(
                    f"store {store.name}, collection {name}: the foreign keys of {', '.join(group)} run in a circle"
                    " around a shared row.",
                    remedy="Tombstone one of these collections.",
                )
    return sequence
