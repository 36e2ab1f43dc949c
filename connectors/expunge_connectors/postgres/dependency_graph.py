"""Dependency graph: topological order, cycles and reachability of tables by foreign keys and links. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

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
