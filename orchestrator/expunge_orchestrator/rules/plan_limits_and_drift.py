"""Plan limits and drift: which counts need an approval, and which differ too much from the plan. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from expunge_config.datamap import Limits
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules.count_records import CountRecord, Place, unpack

SHARE_FROM = 100
"""A share of a collection is judged from so many records due on: of a table of ten rows, one is a tenth."""

PEOPLE = "people"
"""Under what the people of a plan are counted, beside `store.collection`."""

DRIFT_FROM = 10
"""So many records more than planned are never drift."""

Due = Mapping[str, Mapping[str, int]]
"""store -> collection -> records due."""


def asked(limits: Limits, plan: Mapping[str, Any]) -> dict[str, int]:
    """What a plan asks for, as far as a limit counts it over a day: place -> number."""
    found = {} if limits.people is None else {PEOPLE: int(plan["people"])}
    if limits.share_percent is not None:
        for store, one in plan["stores"].items():
            found |= {f"{store}.{name}": int(counts["due"]) for name, counts in one["collections"].items()}
    return found


def of_day(
    asks: Mapping[str, int], today: Mapping[str, int], replaced: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """What a plan is judged with, and what is counted of it, both by place; it is kept in the plan.

    A replacement is judged by the sum of its first plan, on whatever day: what waits for an approval waits on, and what
    was within a limit stays within. What it asks for beyond all plans before it is counted on its own day, and must be
    within that day's sum as well.

    Args:
        asks: What the plan asks for (`asked`).
        today: What the same person asked for before on this day, with what was counted of the plans that it replaces.
        replaced: The same of the plan that it replaces; empty: it is the first.
    """
    first, counted = replaced.get("before", {}), replaced.get("counted", {})
    before = {
        place: max(first.get(place, 0), today.get(place, 0) - counted.get(place, 0))
        for place, number in asks.items()
        if number > counted.get(place, 0)
    }
    return {
        "before": {place: number for place, number in {**first, **before}.items() if number},
        "counted": {**counted, **{place: max(number, counted.get(place, 0)) for place, number in asks.items()}},
    }


def exceeded(  # noqa: PLR0913, PLR0917 - what is counted, and against what
    limits: Limits, people: int, most_per_person: int, due: Due, sizes: Due, before: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Which limits a plan exceeds.

    Args:
        limits: The map's.
        people: In the batch.
        most_per_person: Records due of the person who has most.
        due: What the plan counted.
        sizes: About how many records there are in all; collections of unknown size are absent and not judged.
        before: What the same person asked for before on that day, of the same controller (`asked`).

    Returns:
        `{"limit", "place", "value", "allowed"}` each, as they stand in the plan; with `before` in it, `value` is of the
        whole day.
    """
    found: list[dict[str, Any]] = []
    earlier = before.get(PEOPLE, 0)
    if limits.people is not None and people + earlier > limits.people:
        found.append(_excess("people", None, people + earlier, limits.people, earlier))
    if limits.rows_per_person is not None and most_per_person > limits.rows_per_person:
        found.append(
            {"limit": "rows-per-person", "place": None, "value": most_per_person, "allowed": limits.rows_per_person}
        )
    if limits.share_percent is not None:
        for store, collections in due.items():
            for name, number in collections.items():
                size, place = sizes.get(store, {}).get(name), f"{store}.{name}"
                earlier = before.get(place, 0) if number else 0
                total = number + earlier
                if size is not None and total >= SHARE_FROM and total * 100 > limits.share_percent * size:
                    share = -(-total * 100 // max(size, total))
                    found.append(_excess("share", place, share, limits.share_percent, earlier))
    return found


def _excess(limit: str, place: str | None, value: int, allowed: int, before: int) -> dict[str, Any]:
    found = {"limit": limit, "place": place, "value": value, "allowed": allowed}
    return {**found, "before": before} if before else found


def describe(excess: Mapping[str, Any]) -> str:
    """One exceeded limit in words."""
    match excess["limit"]:
        case "people":
            if before := excess.get("before"):
                return (
                    f"{excess['value']} people in one day, {before} of them before; the map allows {excess['allowed']}"
                )
            return f"{excess['value']} people in one batch; the map allows {excess['allowed']}"
        case "rows-per-person":
            return f"{excess['value']} records of one person; the map allows {excess['allowed']}"
        case _:
            when = " in one day" if excess.get("before") else ""
            return f"{excess['value']} % of {excess['place']}{when}; the map allows {excess['allowed']} %"


@dataclass(frozen=True, slots=True)
class CameBack:
    """What of one person is there again after the answer, in what may be erased.

    Attributes:
        found: (store, collection) -> how many records were due until the answer; what was retained was never erased.
        stayed: The same of those that were seen to stay, as ambiguous or retained: it may be decided since, or over.
        due: The same of what is due by now.
    """

    found: Mapping[Place, int]
    stayed: Mapping[Place, int]
    due: Mapping[Place, int]

    @classmethod
    def of(cls, found: CountRecord, last: CountRecord, due: Mapping[Place, int]) -> Self:
        """By a person's count records: what was found until the answer, and what the last look saw."""
        return cls(
            _by_place(found, lambda one: one.due), _by_place(last, lambda one: one.ambiguous + one.retained), due
        )


def _by_place(record: CountRecord, number: Callable[[RecordCounts], int]) -> dict[Place, int]:
    return {
        (store, name): number(counts)
        for store, collections in record.items()
        for name, counts in unpack(collections).items()
    }


def unapproved(limits: Limits, planned: int, people: Mapping[int, CameBack]) -> dict[int, str]:
    """Of whom clearly more came back than was ever found, in words; of those with any.

    Each is judged alone, and those who are left together: so it does not matter with whom a chunk was cut.

    Args:
        limits: The map's.
        planned: Records of the person who had most in the plan.
        people: By item, of whom something would be erased again.
    """
    found = {number: said for number, one in people.items() if (said := _beyond(limits, planned, [one]))}
    rest = {number: one for number, one in people.items() if number not in found}
    return found | (dict.fromkeys(rest, said) if (said := _beyond(limits, planned, list(rest.values()))) else {})


def _beyond(limits: Limits, planned: int, people: Sequence[CameBack]) -> str:
    found: Counter[Place] = Counter()
    came: Counter[Place] = Counter()
    for one in people:
        found.update(one.found)
        came.update({place: max(0, now - one.stayed.get(place, 0)) for place, now in one.due.items()})
    most = max((sum((Counter(one.found) + Counter(one.due)).values()) for one in people), default=0)
    more = [
        f"{store}.{name}: {found[store, name]} found, {now} came since"
        for (store, name), now in sorted(came.items())
        if now > max(DRIFT_FROM, found[store, name] * limits.drift_percent // 100)
    ]
    return ", ".join([*more, *exceeds_approved(limits, planned, most)] if more or len(people) == 1 else more)


def exceeds_approved(limits: Limits, planned: int, found: int) -> list[str]:
    """The limit of records per person, in words, if it is exceeded by more than was planned and approved."""
    if limits.rows_per_person is None or found <= max(limits.rows_per_person, planned):
        return []
    return [f"{found} records of one person; the map allows {limits.rows_per_person}"]


def drifted(planned: Due, found: Due, percent: int) -> list[str]:
    """Collections in which clearly more is due than was planned, in words. Less is no drift: it harms nobody."""
    return [
        f"{store}.{name}: {before} planned, {now} found"
        for store, collections in found.items()
        for name, now in collections.items()
        for before in [planned.get(store, {}).get(name, 0)]
        if now - before > max(DRIFT_FROM, before * percent // 100)
    ]
