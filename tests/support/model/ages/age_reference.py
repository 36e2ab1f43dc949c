"""Which rows go by age, as docs/retention.md and ADR 30 say: a second implementation, over rows in memory.

It knows neither SQL nor pieces: a sweep takes the most rows of which none is needed by a row that stays.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tests.support.model.ages.age_world import ANSWERS, AgeHold, AgeTable, AgeWorld

Key = tuple[str, int]
"""A table and the id of a row."""


@dataclass(frozen=True, slots=True)
class Stands:
    """A row that is there."""

    person: int | None
    member: int | None
    up: int | None
    other: int | None
    above: int | None
    name: str
    day: date | None


def period_ends(start: date, period: str) -> date:
    """The day on which it is over: months first, no later than the month's end, then days (ADR 30, 1)."""
    years, months, days = (
        int(found[1]) if (found := re.search(rf"(\d+){unit}", period)) else 0 for unit in ("Y", "M", "D")
    )
    month = start.month - 1 + 12 * years + months
    year, month = start.year + month // 12, month % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return date(year, month, day) + timedelta(days=days)


class AgeReference:
    """The rule of age for one world."""

    def __init__(self, world: AgeWorld) -> None:
        self._world = world
        self._tables = {one.name: one for one in world.tables}

    def goes_with(self, table: AgeTable) -> bool:
        """It has no start, and hangs on rows of its own data type that have one, or go with others themselves."""
        if not table.mapped or table.start is not None or table.parent is None:
            return False
        parent = self._tables[table.parent]
        return parent.data_type == table.data_type and (parent.start is not None or self.goes_with(parent))

    def ages(self) -> dict[str, str]:
        """By what each collection goes: `start`, `with` another one, or `none`."""
        return {
            one.name: "start" if one.start is not None else "with" if self.goes_with(one) else "none"
            for one in self._world.tables
            if one.mapped
        }

    def after_sweep(self, rows: Mapping[Key, Stands], today: date, holds: Collection[AgeHold]) -> dict[Key, Stands]:
        """What is left, and overwritten."""
        going = {key for key, row in rows.items() if self._may_go(rows, key, row, today, holds)}
        needs = [(key, needed, by_link) for key in rows for needed, by_link in self._needed_by(rows, key)]
        changed = True
        while changed:
            # What goes along goes only with its row.
            stays = {
                key for key in going if self._along(key) and (self._tables[key[0]].parent, rows[key].up) not in going
            }
            stays |= {
                needed
                for key, needed, by_link in needs
                # Overwritten is nothing that a foreign key alone leads to needs to keep: the row stays there.
                if needed in going and key not in going and (by_link or not self._overwritten(needed))
            }
            # A row that is overwritten is there still, and what it needs stays.
            stays |= {
                needed
                for key, needed, _ in needs
                if needed in going and key in going and self._overwritten(key)
                if not self._overwritten(needed)
            }
            changed = bool(stays)
            going -= stays
        return {
            key: replace(row, name=f"gone-{key[1]}", person=None) if key in going else row
            for key, row in rows.items()
            if key not in going or self._overwritten(key)
        }

    def untouched(
        self, rows: Mapping[Key, Stands], person: int, member: int | None, holds: Collection[AgeHold]
    ) -> frozenset[Key]:
        """The rows that a request leaves as they are: of others, and what a hold keeps of whoever asks."""
        kept = [one for one in holds if one.person in {None, person} and (one.member is None or one.member == member)]
        return frozenset(
            key
            for key in rows
            if any(one.data_type in {None, self._tables[key[0]].data_type} for one in kept)
            or not self._theirs(rows, key, person)
        )

    def _theirs(self, rows: Mapping[Key, Stands], key: Key, person: int) -> bool:
        root = self._root(rows, key)
        return self._tables[key[0]].mapped and root is not None and root.person == person

    def _along(self, key: Key) -> bool:
        return self.goes_with(self._tables[key[0]])

    def _overwritten(self, key: Key) -> bool:
        return ANSWERS.get(self._tables[key[0]].data_type) == "tombstone"

    def _may_go(
        self, rows: Mapping[Key, Stands], key: Key, row: Stands, today: date, holds: Collection[AgeHold]
    ) -> bool:
        table = self._tables[key[0]]
        if not table.mapped or any(self._keeps(one, rows, key) for one in holds):
            return False
        if self._along(key):
            return True
        if table.start is None or row.day is None:
            return False
        if self._overwritten(key) and row.name == f"gone-{key[1]}" and row.person is None:
            return False
        return period_ends(row.day, self._world.periods[table.data_type]) <= today

    def _keeps(self, hold: AgeHold, rows: Mapping[Key, Stands], key: Key) -> bool:
        """A hold is on its data type, its person and its member, or nobody knows of which member it is."""
        if hold.data_type not in {None, self._tables[key[0]].data_type}:
            return False
        root = self._root(rows, key)
        if hold.person is not None and (root is None or root.person != hold.person):
            return False
        return hold.member is None or root is None or root.member in {None, hold.member}

    def _root(self, rows: Mapping[Key, Stands], key: Key) -> Stands | None:
        """The row at the top, which says whose all below it are; None: it hangs on none."""
        parent, row = self._tables[key[0]].parent, rows.get(key)
        if parent is None or row is None:
            return row
        return None if row.up is None else self._root(rows, (parent, row.up))

    def _needed_by(self, rows: Mapping[Key, Stands], key: Key) -> Iterator[tuple[Key, bool]]:
        """The rows that this one needs, and whether by a link."""
        table, row = self._tables[key[0]], rows[key]
        ways = ((table.parent, row.up, True), (table.points_to, row.other, False), (table.name, row.above, False))
        for name, number, by_link in ways:
            if name is None or number is None or (name == table.name and not table.tree):
                continue
            # A row that points to itself needs nothing else.
            if (name, number) in rows and (name, number) != key:
                yield (name, number), by_link
