"""Chunking: splits a batch into chunks of one size, so that all workers are busy until the end.

People who share a value are in one chunk, whatever its size: what the value leads to goes with all of them, or stays.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

WORKERS = 2
"""How many chunks are carried out at once."""


HOLDERS = 20
"""A value that more people than these have is nobody's: it binds no people together, and is not followed."""


def chunk_sizes(people: int, at_most: int) -> list[int]:
    """How many people each chunk of a batch has.

    As few chunks as there may be, and where there are several as many as keep every worker busy to the end: five chunks
    for two workers take as long as six. They differ by one person at the most.

    Args:
        people: Of the batch.
        at_most: In one chunk.
    """
    if not people:
        return []
    number = -(-people // at_most)
    if number > 1:
        number = min(people, number + -number % WORKERS)
    each, over = divmod(people, number)
    return [each + 1] * over + [each] * (number - over)


def chunks(listed: Iterable[T], people: int, at_most: int) -> Iterator[list[T]]:
    """The chunks, in the order of the list; arguments as for `chunk_sizes`."""
    rest = iter(listed)
    for size in chunk_sizes(people, at_most):
        yield list(islice(rest, size))


def bound_together(shared: Mapping[int, Iterable[Hashable]], at_most: int) -> list[list[int]]:
    """Chunks of people who share values, those who share one together.

    Args:
        shared: Person -> values.
        at_most: People in one chunk; more only where that many share values.
    """
    holders: dict[Hashable, list[int]] = {}
    for number, values in shared.items():
        for value in values:
            holders.setdefault(value, []).append(number)
    group_of = {number: [number] for number in shared}
    for together in holders.values():
        if len(together) > HOLDERS:
            continue
        for number in together[1:]:
            into, other = group_of[together[0]], group_of[number]
            if into is not other:
                into += other
                group_of.update(dict.fromkeys(other, into))
    packed: list[list[int]] = []
    for group in {id(one): one for one in group_of.values()}.values():
        if packed and len(packed[-1]) + len(group) <= at_most:
            packed[-1] += group
        else:
            packed.append(list(group))
    return [sorted(one) for one in packed]
