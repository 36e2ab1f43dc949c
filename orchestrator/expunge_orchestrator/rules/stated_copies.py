"""Stated copies: which backup copies a statement names one by one, and which it tells of together (law 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from expunge_connectors.contract import OBJECTS, BackupCopy
from expunge_orchestrator.rules.gone_copies import GoneCopy

STATED_AT_MOST: Final = 500
"""So many copies a statement names, and of so many groups it tells: each statement has to be readable with the rest."""


class StatedCopy(NamedTuple):
    """A copy, or the last to go of so many that are stated together; it was read when any of them was."""

    last: BackupCopy
    number: int
    grouped: bool


def as_stated(copies: Sequence[BackupCopy]) -> list[StatedCopy]:
    """Objects are stated in groups that end alike, for each is named by its key: in it other people may be named.

    So are others where there are too many of them for a receipt.
    """
    named = sorted((copy for copy in copies if copy.kind != OBJECTS), key=lambda one: (one.place, one.id))
    if len(named) > STATED_AT_MOST:
        named = []
    rest = [copy for copy in copies if copy.kind == OBJECTS or not named]
    return [*(StatedCopy(copy, 1, grouped=False) for copy in named), *_groups(rest)]


def _groups(copies: Sequence[BackupCopy]) -> list[StatedCopy]:
    """Copies that end alike: on one day for one reason, or where that are too many, in one month or for any reason."""
    groups: dict[tuple[str, ...], list[BackupCopy]] = {}
    for of_date, by_reason in _CLOSENESS:
        groups = {}
        for copy in copies:
            days = ("" if one is None else one.date().isoformat()[:of_date] for one in (copy.expected_by, copy.due))
            why = (copy.ground, copy.blocker or "") if by_reason else ()
            alike = copy.place, copy.store, copy.kind, copy.status.value, *days, *why
            groups.setdefault(alike, []).append(copy)
        if len(groups) <= STATED_AT_MOST:
            break
    return [StatedCopy(_together(groups[one]), len(groups[one]), grouped=True) for one in sorted(groups)]


class StatedGone(NamedTuple):
    """A copy that is gone, or the last to go of so many that are stated together; it was read when any of them was."""

    last: GoneCopy
    number: int
    grouped: bool


def gone_as_stated(copies: Sequence[GoneCopy]) -> list[StatedGone]:
    """As copies that are there: objects in groups, for their names may name people, and others where there are many."""
    named = sorted(one for one in copies if one.kind != OBJECTS)
    if len(named) > STATED_AT_MOST:
        named = []
    groups: dict[tuple[str, str, str], list[GoneCopy]] = {}
    for one in copies:
        if one.kind == OBJECTS or not named:
            groups.setdefault((one.place, one.store, one.kind), []).append(one)
    together = [StatedGone(_gone_together(groups[one]), len(groups[one]), grouped=True) for one in sorted(groups)]
    return [*(StatedGone(one, 1, grouped=False) for one in named), *together]


def _gone_together(copies: Sequence[GoneCopy]) -> GoneCopy:
    return max(copies, key=lambda one: one.observed_gone_at)._replace(
        taken_from=min(one.taken_from for one in copies), taken_until=max(one.taken_until for one in copies)
    )


_CLOSENESS: Final = ((10, True), (7, True), (7, False), (0, False))
"""How much of their dates, and whether what keeps them, copies of a group have in common."""


def _together(copies: Sequence[BackupCopy]) -> BackupCopy:
    last = max(
        copies, key=lambda one: (one.expected_by or one.taken_until, one.taken_until, one.ground, one.blocker or "")
    )
    dues = [one.due for one in copies if one.due is not None]
    others = "" if len({(one.ground, one.blocker) for one in copies}) == 1 else "; others of these for other reasons"
    return replace(
        last,
        taken_from=min(one.taken_from for one in copies),
        taken_until=max(one.taken_until for one in copies),
        due=max(dues, default=None),
        ground=f"{last.ground}{others}",
    )
