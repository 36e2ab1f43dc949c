"""Smaller worlds that disagree still: fewer events, rows, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.support.model.ages.age_world import AgeWorld, Event


def lessened(world: AgeWorld, fails: Callable[[AgeWorld], bool]) -> AgeWorld:
    """The world without anything that the disagreement does not need."""
    smaller: AgeWorld | None = world
    while smaller is not None:
        world = smaller
        smaller = next((one for one in _smaller(world) if fails(one)), None)
    return world


def _smaller(world: AgeWorld) -> Iterator[AgeWorld]:
    for at in range(len(world.events)):
        yield replace(world, events=world.events[:at] + world.events[at + 1 :])
    for table in world.tables:
        needed = any(table.name in {one.parent, one.points_to} for one in world.tables)
        if not needed and any(one.mapped for one in world.tables if one is not table):
            events = tuple(_without(one, table.name) for one in world.events)
            yield replace(world, tables=tuple(one for one in world.tables if one is not table), events=events)
    for at, event in enumerate(world.events):
        for row in event.rows:
            less = replace(event, rows=tuple(one for one in event.rows if one is not row))
            yield replace(world, events=(*world.events[:at], less, *world.events[at + 1 :]))


def _without(event: Event, table: str) -> Event:
    return replace(event, rows=tuple(one for one in event.rows if one.table != table))
