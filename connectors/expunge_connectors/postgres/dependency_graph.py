"""Dependency graph: topological order, cycles and reachability of tables by foreign keys and links. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Edge = tuple[str, str]
"""(earlier, later)"""


class CycleError(ValueError):
    """There is no order: each of these names waits for another one.

    Args:
        names: The names in the cycle and behind it, sorted.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"{', '.join(names)} wait for each other")
        self.names = tuple(names)


def topological_order(names: Iterable[str], edges: Iterable[Edge], last: Collection[str] = ()) -> tuple[str, ...]:
    """Sort names so that every edge points forward.

    Args:
        names: What to sort. Where edges leave a choice, this order decides.
        edges: Pairs (earlier, later); pairs with a name outside `names`, or with itself, are ignored.
        last: Names that come as late as the edges allow.

    Raises:
        CycleError: The edges contradict each other.
    """
    waiting = list(names)
    known = set(waiting)
    before: dict[str, set[str]] = {name: set() for name in waiting}
    for earlier, later in edges:
        if earlier in known and later in known and earlier != later:
            before[later].add(earlier)
    done: list[str] = []
    while waiting:
        ready = [name for name in waiting if not before[name].difference(done)]
        if not ready:
            raise CycleError(sorted(waiting))
        name = next((one for one in ready if one not in last), ready[0])
        waiting.remove(name)
        done.append(name)
    return tuple(done)


@dataclass(frozen=True, slots=True)
class ErasingOrder:
    """In which order collections are emptied.

    Attributes:
        groups: The order. Collections whose rows refer to each other in a circle are one group.
        together: Collections between (and with) one whose rows lead to another and that other, where foreign keys
            force the leading row to go first: no commit may fall between them, or a crash would lose the way. And the
            collections of a circle.
    """

    groups: tuple[tuple[str, ...], ...]
    together: frozenset[str]


def erasing_order(
    names: Iterable[str], references: Iterable[Edge], links: Iterable[Edge], persons: Collection[str]
) -> ErasingOrder:
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
    return ErasingOrder(sequence, frozenset(together))


def strongly_connected(names: Sequence[str], edges: Iterable[Edge]) -> tuple[tuple[str, ...], ...]:
    """Every name once: with those that it reaches and that reach it back, or alone."""
    following: dict[str, list[str]] = {}
    for earlier, later in edges:
        following.setdefault(earlier, []).append(later)
    reached = {name: closure(following, [name]) for name in names}
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name not in found:
            one = (name, *(other for other in names if other != name and _both_ways(reached, name, other)))
            found.update(dict.fromkeys(one, one))
    return tuple(dict.fromkeys(found.values()))


def _both_ways(reached: Mapping[str, frozenset[str]], one: str, other: str) -> bool:
    return other in reached[one] and one in reached[other]


def has_path(edges: Iterable[Edge], start: str, goal: str) -> bool:
    """Whether edges lead from `start` to `goal`."""
    following: dict[str, list[str]] = {}
    for earlier, later in edges:
        following.setdefault(earlier, []).append(later)
    return goal in closure(following, [start])


def closure(following: Mapping[str, Iterable[str]], start: Iterable[str]) -> frozenset[str]:
    """Everything that can be reached from `start`, without `start` itself unless a circle leads back."""
    found: set[str] = set()
    waiting = [later for name in start for later in following.get(name, ())]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(following.get(name, ()))
    return frozenset(found)
