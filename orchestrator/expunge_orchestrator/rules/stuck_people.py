"""Stuck people: what can become of people who failed, or wait for what may never come (ADR 8)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import CountRecord, Place, ResidualCount
from expunge_orchestrator.rules.outcomes import Result


class StuckPerson(NamedTuple):
    """One of them.

    Attributes:
        seen: What was last seen of the person.
        withdrawable: No store was asked to erase, and no end was stated.
    """

    id: int
    chunk_id: int
    outcome: str | None
    seen: CountRecord
    withdrawable: bool


@dataclass(frozen=True, slots=True)
class StuckPeople:
    """The people of a batch who failed or wait for what may never come, by what can become of them.

    Attributes:
        endable: Chunk -> people (items) who can be ended: a store was asked to erase, or an end was stated.
        held: Chunk -> people of whom a hold is in force.
        withdrawable: Chunk -> people whom a cancel withdraws: no store was asked to erase.
        places: What is due of the endable ones as last seen.
    """

    endable: Mapping[int, Sequence[int]]
    held: Mapping[int, Sequence[int]]
    withdrawable: Mapping[int, Sequence[int]]
    places: Mapping[Place, ResidualCount]

    @property
    def number(self) -> int:
        """How many can be ended."""
        return _number(self.endable)

    @property
    def others(self) -> list[str]:
        """What becomes of the others, in words."""
        told = []
        if number := _number(self.withdrawable):
            told.append(f"Nothing was erased of {number}: `expunge retry` tries again, `expunge cancel` withdraws.")
        if number := _number(self.held):
            told.append(f"A hold is in force of {number}: lift it first (`expunge holds list`).")
        return told


def _number(people: Mapping[int, Sequence[int]]) -> int:
    return sum(map(len, people.values()))


def sorted_out(people: Iterable[StuckPerson], on_hold: Collection[int]) -> StuckPeople:
    """Decide who can be ended, who can be withdrawn, and for whom neither is possible while a hold is in force.

    Args:
        people: Who are stuck.
        on_hold: Of whom (items) a hold on anything of the request is in force.
    """
    endable, held, withdrawable = (defaultdict[int, list[int]](list) for _ in range(3))
    people_in, records_in = Counter[Place](), Counter[Place]()
    for one in people:
        if one.withdrawable:
            withdrawable[one.chunk_id].append(one.id)
        elif one.outcome == Result.AMBIGUOUS:
            continue  # denied: nothing of theirs is due, they go where their chunk goes
        elif one.id in on_hold:
            held[one.chunk_id].append(one.id)
        else:
            endable[one.chunk_id].append(one.id)
            due = count_records.due_places(one.seen)
            people_in.update(due.keys())
            records_in.update(due)
    places = {place: ResidualCount(number, records_in[place]) for place, number in sorted(people_in.items())}
    return StuckPeople(endable, held, withdrawable, places)
