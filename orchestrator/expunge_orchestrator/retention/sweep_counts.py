"""Sweep counts: how much was due by age, how much of it went, what is left and why: of a place, and of a data type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one place or data type, in one sweep or a period.

    Attributes:
        due: Due as the first sweep began, and what came due until the last one did.
        gone: Went by their own age; `along`: and with them, of other collections.
        left: Due, and there when the last sweep that is done looked again; None: none was done.
        held: Of these, on hold.
        needed: Of these, that something needs which stays, as the sweep's plan counted.
        undated: Without a start, or with one that no calendar has: due on no day.
        oldest_left: The earliest start of those left: all that began before it are gone.
        looked_on: The day of that sweep: but for what is left, everything whose period was over then is gone.
    """

    due: int
    gone: int
    along: int
    left: int | None
    held: int
    needed: int
    undated: int
    oldest_left: str | None
    looked_on: date | None

    @property
    def other(self) -> int:
        """Left for another reason: what they name in another store stays, or they were written meanwhile."""
        return (self.left or 0) - self.held - self.needed

    def followed_by(self, later: Counts) -> Counts:
        """With what the next sweep of the same place counted."""
        came = max(0, later.due - (self.due - self.gone if self.left is None else self.left))
        looked = later if later.left is not None else self
        return Counts(
            self.due + came,
            self.gone + later.gone,
            self.along + later.along,
            looked.left,
            looked.held,
            looked.needed,
            later.undated,
            looked.oldest_left,
            looked.looked_on,
        )

    def and_of(self, other: Counts) -> Counts:
        """With those of another place. Where one was not looked at, nothing is known of what is left of both."""
        known = self.left is not None and other.left is not None
        starts = [one for one in (self.oldest_left, other.oldest_left) if one is not None]
        days = [one for one in (self.looked_on, other.looked_on) if one is not None]
        return Counts(
            self.due + other.due,
            self.gone + other.gone,
            self.along + other.along,
            (self.left or 0) + (other.left or 0) if known else None,
            self.held + other.held if known else 0,
            self.needed + other.needed if known else 0,
            self.undated + other.undated,
            min(starts, default=None),
            min(days) if known else None,
        )


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """One collection. `needed_by`: what needs rows of it, as the last plan counted; `failure`: of its last sweep."""

    store: str
    collection: str
    data_type: str
    controller: str
    rule: str
    counts: Counts
    needed_by: tuple[str, ...]
    failure: str | None

    @property
    def name(self) -> str:
        """Store and collection."""
        return f"{self.store}.{self.collection}"


@dataclass(frozen=True, slots=True)
class TypeReport:
    """One data type, in all its places."""

    data_type: str
    rule: str
    counts: Counts


def of_sweep(sweep: Sweep, places: Iterable[SweepPlace], planned: Iterable[Mapping[str, Any]]) -> list[PlaceReport]:
    """What a sweep came to in each of its places.

    Args:
        sweep: The sweep.
        places: As far as it came.
        planned: Its plan, as `age_plan` wrote it.
    """
    plans = {(one["store"], one["collection"]): one for one in planned}
    return [_of_place(sweep, one, plans[one.store, one.collection]) for one in places]


def of_period(sweeps: Iterable[Iterable[PlaceReport]]) -> list[PlaceReport]:
    """Place by place, what sweeps come to that followed each other."""
    found: dict[str, PlaceReport] = {}
    for places in sweeps:
        for one in places:
            before = found.get(one.name)
            counts = one.counts if before is None else before.counts.followed_by(one.counts)
            found[one.name] = PlaceReport(
                one.store, one.collection, one.data_type, one.controller, one.rule, counts, one.needed_by, one.failure
            )
    return list(found.values())


def of_types(places: Iterable[PlaceReport]) -> list[TypeReport]:
    """Data type by data type."""
    found: dict[str, TypeReport] = {}
    for one in places:
        before = found.get(one.data_type)
        counts = one.counts if before is None else before.counts.and_of(one.counts)
        found[one.data_type] = TypeReport(one.data_type, one.rule, counts)
    return [found[name] for name in sorted(found)]


def _of_place(sweep: Sweep, place: SweepPlace, plan: Mapping[str, Any]) -> PlaceReport:
    left = None if place.left is None else int(place.left[0])
    held = 0 if left is None else min(place.held, left)
    stays = 0 if plan["held"] else plan["due"] - plan["goes"]
    counts = Counts(
        place.due,
        place.swept,
        sum(place.gone.values()) - place.swept,
        left,
        held,
        0 if left is None else min(left - held, stays),
        plan["undated"],
        None if place.left is None else place.left[1],
        None if left is None else sweep.day,
    )
    rule = f"{plan['period']} from {plan['start_event']}"
    needed_by = tuple(sorted(name for name, number in plan["needed_by"].items() if number))
    return PlaceReport(
        place.store, place.collection, place.data_type, place.controller, rule, counts, needed_by, place.failure
    )
