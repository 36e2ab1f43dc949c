"""Plan limits and drift: which counts need an approval, and which differ too much from the plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expunge_config.datamap import Limits

SHARE_FROM = 100
"""A share of a collection is judged from so many records due on: of a table of ten rows, one is a tenth."""

DRIFT_FROM = 10
"""So many records more than planned are never drift."""

Due = Mapping[str, Mapping[str, int]]
"""store -> collection -> records due."""


def exceeded(limits: Limits, people: int, most_per_person: int, due: Due, sizes: Due) -> list[dict[str, Any]]:
    """Which limits a plan exceeds.

    Args:
        limits: The map's.
        people: In the batch.
        most_per_person: Records due of the person who has most.
        due: What the plan counted.
        sizes: About how many records there are in all; collections of unknown size are absent and not judged.

    Returns:
        `{"limit", "place", "value", "allowed"}` each, as they stand in the plan.
    """
    found: list[dict[str, Any]] = []
    if limits.people is not None and people > limits.people:
        found.append({"limit": "people", "place": None, "value": people, "allowed": limits.people})
    if limits.rows_per_person is not None and most_per_person > limits.rows_per_person:
        found.append(
            {"limit": "rows-per-person", "place": None, "value": most_per_person, "allowed": limits.rows_per_person}
        )
    if limits.share_percent is not None:
        for store, collections in due.items():
            for name, number in collections.items():
                size = sizes.get(store, {}).get(name)
                if size is not None and number >= SHARE_FROM and number * 100 > limits.share_percent * size:
                    share = -(-number * 100 // max(size, number))
                    place = f"{store}.{name}"
                    found.append({"limit": "share", "place": place, "value": share, "allowed": limits.share_percent})
    return found


def describe(excess: Mapping[str, Any]) -> str:
    """One exceeded limit in words."""
    match excess["limit"]:
        case "people":
            return f"{excess['value']} people in one batch; the map allows {excess['allowed']}"
        case "rows-per-person":
            return f"{excess['value']} records of one person; the map allows {excess['allowed']}"
        case _:
            return f"{excess['value']} % of {excess['place']}; the map allows {excess['allowed']} %"


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
