"""Effective holds: legal holds and exemptions as they are in force on one person (ADR 6)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from expunge_connectors.contract import Scope

_LONGEST_GROUNDS = 1500
"""Characters of joined grounds: two of the longest, and short enough for the reason of a person in the ledger."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as the ledger has it.

    Attributes:
        people: How many it was placed for, 0 if it names none.
        identities: By which these are known -> the normaliser that read their values.
        read_alike: The same of the identities that the map read in the same places when it was placed: it holds by
            these as well.
        informed_on: Of a restriction that was lifted: when its people were informed, as was said then (see
            `rules.restrictions`).
    """

    id: int
    uid: str
    kind: str
    people: int
    identities: Mapping[str, str]
    read_alike: Mapping[str, str]
    data_type: str | None
    controller: str | None
    member: str | None
    ground: str
    until: date | None
    undisclosed: bool
    placed_by: str
    placed_at: str
    lifted_by: str | None
    lifted_at: str | None
    informed_on: date | None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.lifted_at is None and (self.until is None or day <= self.until)

    def concerns(self, scope: Scope) -> bool:
        """Whether requests of that controller can fall under it."""
        return self.controller is None or (
            self.controller == scope.controller and (self.member is None or self.member == scope.member)
        )


@dataclass(frozen=True, slots=True)
class EffectiveHold:
    """The holds on one person, or those of them that keep something of the person; the oldest first."""

    holds: tuple[Hold, ...]

    @property
    def whole(self) -> bool:
        """Nothing of the person may be touched."""
        return any(one.data_type is None for one in self.holds)

    @property
    def of_everything(self) -> EffectiveHold:
        """Those of the holds by which nothing of the person may be touched."""
        return EffectiveHold(tuple(one for one in self.holds if one.data_type is None))

    def on_types(self, data_types: Container[str]) -> bool:
        """Whether something of these data types may be held."""
        return any(one.data_type is None or one.data_type in data_types for one in self.holds)

    @property
    def undisclosed(self) -> bool:
        """One hold that may not be told is enough to say nothing."""
        return any(one.undisclosed for one in self.holds)

    @property
    def uids(self) -> list[str]:
        """The holds' names."""
        return sorted(one.uid for one in self.holds)

    @property
    def ground(self) -> str:
        """Why, as it may be told: as many grounds as there is room for, each of them whole; `…` stands for more."""
        grounds = list(dict.fromkeys(one.ground for one in self.holds))
        told = len(grounds)
        while len("; ".join(grounds[:told])) > _LONGEST_GROUNDS:
            told -= 1
        return "; ".join([*grounds[:told], *(["…"] if told < len(grounds) else [])])

    @property
    def until(self) -> date | None:
        """The last day of the longest; None if one of them has none."""
        days = [one.until for one in self.holds]
        return None if None in days else max(day for day in days if day is not None)


def joined(parts: Iterable[EffectiveHold]) -> EffectiveHold:
    """The holds of all of these, each once."""
    holds = {one.id: one for part in parts for one in part.holds}
    return EffectiveHold(tuple(holds[number] for number in sorted(holds)))
