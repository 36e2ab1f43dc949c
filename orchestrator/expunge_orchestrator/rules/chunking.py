"""Chunking: splits a batch into chunks of one size, so that all workers are busy until the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

WORKERS = 2
"""How many chunks are carried out at once."""


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
