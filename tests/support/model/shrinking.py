"""Smaller worlds that still fail, for whoever has to read one: fewer people asked for, rows, collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.support.model.interludes import Interlude
from tests.support.model.world import Table, World

ROUNDS = 4


def reduced(world: World, fails: Callable[[World], bool]) -> World:
    """The world with everything left out that the failure does not need."""
    for _ in range(ROUNDS):
        before = world
        for lessen in (_quieter, _fewer_asks, _fewer_collections, _fewer_rows):
            smaller: World | None = world
            while smaller is not None:
                world = smaller
                smaller = next((one for one in lessen(world) if fails(one)), None)
        if world is before:
            return world
    return world


def _fewer_asks(world: World) -> Iterator[World]:
    for at, chunk in enumerate(world.chunks):
        for ask in chunk:
            left = [one for one in chunk if one is not ask]
            chunks = [*world.chunks[:at], *([left] if left else []), *world.chunks[at + 1 :]]
            if chunks:
                yield replace(world, chunks=chunks)


def _quieter(world: World) -> Iterator[World]:
    if world.again is not None:
        yield replace(world, again=None)
    for number in world.meanwhile:
        yield replace(world, meanwhile={one: what for one, what in world.meanwhile.items() if one != number})
    quiet = Interlude(reopened=False)
    for at, one in enumerate(world.interludes):
        if one != quiet:
            yield replace(world, interludes=[*world.interludes[:at], quiet, *world.interludes[at + 1 :]])


def _fewer_collections(world: World) -> Iterator[World]:
    for name, spec in world.document["stores"]["main"]["collections"].items():
        table = world.table_of(name)
        others = {one: other for one, other in world.document["stores"]["main"]["collections"].items() if one != name}
        leads = {
            link["of"].split(".")[0] for other in others.values() for link in other.get("found_by", ()) if "of" in link
        }
        if any(other["table"] == spec["table"] for other in others.values()):
            yield _without(world, None, others)
        elif name not in leads and "person" not in spec:
            yield _without(world, table, others)
    mapped = {spec["table"] for spec in world.document["stores"]["main"]["collections"].values()}
    for table in world.tables:
        if table.text not in mapped:
            yield _without(world, table, world.document["stores"]["main"]["collections"])


def _without(world: World, table: Table | None, collections: dict[str, Any]) -> World:
    stores = {"main": {**world.document["stores"]["main"], "collections": collections}}
    types = {spec["data_type"] for spec in collections.values() if "data_type" in spec}
    tables = [
        replace(one, foreign_keys=[key for key in one.foreign_keys if key.parent is not table])
        for one in world.tables
        if one is not table
    ]
    by_text = {one.text: one for one in tables}
    for one in tables:
        one.foreign_keys = [
            replace(key, parent=by_text[key.parent.text]) for key in one.foreign_keys if key.parent is not table
        ]
    return replace(
        world,
        tables=tables,
        rows=[(by_text[one.text], leaf, cells) for one, leaf, cells in world.rows if one is not table],
        document={
            **world.document,
            "stores": stores,
            "data_types": {name: one for name, one in world.document["data_types"].items() if name in types},
        },
    )


def _fewer_rows(world: World) -> Iterator[World]:
    """One row less, with the rows that point to it."""
    for row in reversed(world.rows):
        gone = [row]
        for table, _, cells in gone:
            for other in world.rows:
                points = any(
                    key.parent is table
                    and all(
                        other[2][ours] is not None and other[2][ours] == cells[theirs]
                        for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
                    )
                    for key in other[0].foreign_keys
                )
                if points and not any(other is one for one in gone):
                    gone.append(other)
        yield replace(world, rows=[one for one in world.rows if not any(one is other for other in gone)])
