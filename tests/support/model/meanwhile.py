"""What an application does between the plan of a request and its execution, to the person's own rows (ADR 18)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.model import postgres, values
from tests.support.model.collection_plan import VALUES
from tests.support.model.random_source import Dice
from tests.support.model.reference import Keys, Reference, State
from tests.support.model.world import CUTOFF, Ask, Cell, Cells, Column, Table, World

_SINCE_THE_PLAN = CUTOFF.strftime("%Y-%m-%d %H:%M:%S+00")


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What happens to the rows of one person of a request.

    Attributes:
        what: Those that are the person are `deleted`; their addresses and numbers are `emptied`, or `replaced`; or they
            are made anew for somebody else, under the same id (`renewed`). Or the others are `handed over`.
        human: Whose addresses and numbers take the place of those.
        taken: A person whom nobody asked for has them before that.
    """

    what: str
    human: int
    taken: bool


def meanwhile(dice: Dice, chunks: list[list[Ask]]) -> dict[int, Meanwhile]:
    """For most of the people of every second world."""
    if not dice.chance(50):
        return {}
    return {
        ask.number: Meanwhile(
            dice.pick(["deleted", "deleted", "emptied", "replaced", "replaced", "renewed", "handed over"]),
            dice.number(0, 7),
            taken=dice.chance(25),
        )
        for chunk in chunks
        for ask in chunk
        if dice.chance(75)
    }


def happen(url: str, world: World, model: Reference, state: State, people: Mapping[int, Keys]) -> int:
    """Let it happen to these people, known by these keys; to so many rows."""
    everybody = frozenset[tuple[str, str]]().union(*people.values())
    collections = world.document["stores"]["main"]["collections"]

    def another(name: str) -> Cells | None:
        return next(iter(sorted(model.others(name, state, everybody), key=str)), None)

    rows = 0
    for number, keys in people.items():
        what = world.meanwhile.get(number)
        for name, found in model.found(state, keys).items() if what is not None else ():
            spec, table = collections[name], world.table_of(name)
            for cells in [state[table.text][row] for row, how in found.items() if how.belongs]:
                if "person" not in spec:
                    if what.what == "handed over":
                        rows += postgres.put(url, table, cells, _handed_over(spec, table, another))
                    continue
                other = another(name)
                if what.taken and other is not None:
                    postgres.put(url, table, other, {one: cells[one] for one in _passing(spec, table)})
                gone = what.what == "deleted" and postgres.put(url, table, cells, None)
                rows += gone or postgres.put(url, table, cells, _changed(spec, table, what))
    return rows


def _handed_over(spec: Mapping[str, Any], table: Table, another: Callable[[str], Cells | None]) -> Mapping[str, Cell]:
    """Another person in place of the one whom a row names."""
    found: dict[str, Cell] = {}
    for link in spec["found_by"]:
        lead, _, key = str(link.get("of", "")).partition(".")
        if "column" in link and key and table.column(link["column"]).writable:
            other = another(lead)
            found |= {link["column"]: other[key]} if other is not None else {}
    return found


def _changed(spec: Mapping[str, Any], table: Table, what: Meanwhile) -> Mapping[str, Cell]:
    """What takes the place of cells of such a row, also where others hold it and it cannot go."""
    passing = _passing(spec, table)
    if what.what == "handed over":
        return {}
    if what.what in {"deleted", "emptied"}:
        return {one: _holding(table.column(one), (), None) for one in passing}
    new = {
        one: _holding(
            table.column(one), path, values.telephone(what.human) if kind == "phone" else values.address(what.human)
        )
        for one, (kind, path) in passing.items()
    }
    if what.what == "renewed" and "created" in spec:
        new[spec["created"]] = values.as_written(table.column(spec["created"]).type, _SINCE_THE_PLAN)
    return new


def _holding(column: Column, path: tuple[str, ...], value: str | None) -> Cell:
    """A cell with this in it and nothing else."""
    if value is None and column.nullable:
        return None
    if column.type.endswith("[]"):
        return [] if value is None else [value]
    return (
        ({} if path or column.structured else "") if value is None else values.nested(path, value, 0) if path else value
    )


def _passing(spec: Mapping[str, Any], table: Table) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Column -> whether an address or a number stands in such a row there, and where in it."""
    found = {}
    yields = [{"column": at} if isinstance(at, str) else at for at in spec.get("yields", {}).values()]
    named = [{**at, "identity": identity} for identity, at in zip(spec.get("yields", {}), yields, strict=True)]
    for place in (*named, *spec["found_by"]):
        if place.get("identity") in VALUES:
            column = table.column(place["column"])
            found[column.source or column.name] = place["identity"], tuple(place.get("path", ()))
    return found
