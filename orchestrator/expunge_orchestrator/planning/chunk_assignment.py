"""Chunk assignment: which people of a list are in one chunk.

People are listed in chunks of one size. Those who share a value with others are set aside as they are looked up, and
are in chunks of their own behind: everybody who shares a value with another of the batch is in one chunk with them, for
what it leads to goes with all of them, or stays (ADR 18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.chunking import bound_together, chunks


class People(Protocol):
    """The people of a request, one set of keys each. Gone through a chunk at a time: they may be many."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __iter__(self) -> Iterator[frozenset[SubjectKey]]:
        """In the order of the list."""
        ...


Part = dict[int, frozenset[SubjectKey]]
"""Place in the list, from 1 -> the identifiers."""


@dataclass(frozen=True, slots=True)
class BatchCut:
    """The chunks of a batch.

    Attributes:
        at_most: People in a chunk; more only where that many share values.
        shared: Place in the list -> the values, of everybody who was set aside.
    """

    people: People
    at_most: int
    shared: dict[int, frozenset[SubjectKey]] = field(default_factory=dict, repr=False)
    _apart: Part = field(default_factory=dict, repr=False)

    def listed(self) -> Iterator[Part]:
        """Everybody, in the order of the list."""
        yield from map(dict, chunks(enumerate(self.people, start=1), len(self.people), self.at_most))

    def set_aside(self, part: Part, shared: Mapping[int, frozenset[SubjectKey]]) -> Part:
        """Set aside those of a part who share values; returns the others. One chunk alone is nothing to be cut."""
        if len(self.people) > self.at_most:
            self.shared.update((number, values) for number, values in shared.items() if values)
            self._apart.update((number, keys) for number, keys in part.items() if number in self.shared)
        return self._others(part)

    def set_apart(self) -> Iterator[Part]:
        """The chunks of those who were set aside."""
        for numbers in bound_together(self.shared, self.at_most):
            yield {number: self._apart[number] for number in numbers}

    def _others(self, part: Part) -> Part:
        return {number: keys for number, keys in part.items() if number not in self.shared}
