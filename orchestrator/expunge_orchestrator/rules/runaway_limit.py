"""Runaway limit: how much may come due of a collection until a day, by what a plan foresaw. Pure.

A start column that was filled anew, or a rule that was shortened by mistake, makes a table due that was not. What is
due beyond twice of what the starts said weeks ahead is nobody's plan: a sweep stops there, and asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from expunge_connectors.contract import WEEKS_AHEAD

_SLACK = 100
"""So many records more are nothing to ask about: a small table has no steady flow."""

_WEEK = 7


def foreseen(place: Mapping[str, Any], planned: date, day: date) -> int | None:
    """How many records of a planned place may be due on a day, if nothing of it goes; None: the plan is too old.

    Args:
        place: As `retention.age_plan` writes it.
        planned: The day of the plan.
        day: That day or a later one.
    """
    weeks = -(-(day - planned).days // _WEEK)
    if weeks > WEEKS_AHEAD:
        return None
    coming: Sequence[int] = place["due_in_weeks"]
    return int(place["due"]) + 2 * sum(coming[:weeks]) + _SLACK


def beyond(
    planned: Sequence[Mapping[str, Any]], on: date, found: Sequence[Mapping[str, Any]], day: date
) -> list[tuple[str, int, int | None]]:
    """(place, due, foreseen) of each place with more due than a plan foresaw; None: it has none, or is too old."""
    known = {(one["store"], one["collection"]): one for one in planned if "due" in one}
    told = []
    for one in found:
        if not one.get("due"):
            continue
        before = known.get((one["store"], one["collection"]))
        expected = None if before is None else foreseen(before, on, day)
        if expected is None or one["due"] > expected:
            told.append((f"{one['store']}.{one['collection']}", int(one["due"]), expected))
    return told
