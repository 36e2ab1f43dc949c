"""Ages: how many records of a collection have had their time, and why some of these stay (ADR 30)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

WEEKS_AHEAD = 8
"""For so many weeks it is counted what comes due."""


@dataclass(frozen=True, slots=True)
class AgeCounts:
    """Records of one collection by age, of everybody, on one day (UTC).

    Attributes:
        records: All that are there, but for those that are overwritten already.
        due: Of these, whose period is over: it ended on this day or before.
        oldest: The earliest start of what is due; None: nothing is.
        undated: Without a start, or with one to which no period can be added: due on no day.
        ahead: The start lies after this day.
        coming: How many come due in each of the next `WEEKS_AHEAD` weeks, the first one first.
        stays: Of those due, how many cannot go, for what they hold together stays.
        needed_by: Where that is (a collection, or a table outside of the map) -> how many of those due it needs.
    """

    records: int = 0
    due: int = 0
    oldest: date | None = None
    undated: int = 0
    ahead: int = 0
    coming: tuple[int, ...] = (0,) * WEEKS_AHEAD
    stays: int = 0
    needed_by: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: AgeCounts) -> AgeCounts:
        """What two parts of a collection come to."""
        starts = [one for one in (self.oldest, other.oldest) if one is not None]
        return AgeCounts(
            self.records + other.records,
            self.due + other.due,
            min(starts, default=None),
            self.undated + other.undated,
            self.ahead + other.ahead,
            tuple(ours + theirs for ours, theirs in zip(self.coming, other.coming, strict=True)),
            self.stays + other.stays,
            {
                name: self.needed_by.get(name, 0) + other.needed_by.get(name, 0)
                for name in {**self.needed_by, **other.needed_by}
            },
        )


@dataclass(frozen=True, slots=True)
class DueLeft:
    """What is due of one collection on a day, and is there.

    Attributes:
        records: How many.
        oldest: The earliest start of them; None: there is none.
    """

    records: int = 0
    oldest: date | None = None

    def __add__(self, other: DueLeft) -> DueLeft:
        """What two parts of a collection come to."""
        starts = [one for one in (self.oldest, other.oldest) if one is not None]
        return DueLeft(self.records + other.records, min(starts, default=None))


@dataclass(frozen=True, slots=True)
class GoesWith:
    """A collection without a start whose records go with those of another one, of the same data type."""

    collection: str


@dataclass(frozen=True, slots=True)
class NoAge:
    """A collection of which the age is not known, and why, in words."""

    reason: str


Age = AgeCounts | GoesWith | NoAge
