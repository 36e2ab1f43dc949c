"""What stands in a row, as a link or a yield of the map reads it: values, identifiers, places in documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from tests.support.model.normalisation import spelt
from tests.support.model.world import Cell, Cells, Column


def compared(column: Column, cell: Cell) -> Cell:
    """A value as its type compares it."""
    if cell is None:
        return None
    if column.type == "numeric":
        return Decimal(cell)
    return cell.lower() if column.type.endswith("citext") else cell


def moment(cell: str) -> datetime:
    """A date or timestamp column's text, in UTC."""
    moment = datetime.fromisoformat(cell)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same_place(link: Mapping[str, object], place: object) -> bool:
    """A link compares what a yield tells, of rows of every kind of which it does."""
    told = place if isinstance(place, dict) else {"column": place}
    return all(link.get(one) == told.get(one) for one in ("column", "path", "each", "where", "template"))


def of_kind(link: Mapping[str, object], cells: Cells) -> bool:
    """The row is of the kind that a link, or a yield, speaks of."""
    where = link.get("where", {})
    assert isinstance(where, dict)
    return all(
        cells[column] in [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
        for column, wanted in where.items()
    )


def says(link: Mapping[str, object], columns: Iterable[str], cells: Cells) -> bool:
    """The row says something in these columns; a text of another template says nothing."""
    said = [cells[one] for one in columns]
    return None not in said and ("template" not in link or any(taken_out(link, one) is not None for one in said))


def spellings(normaliser: str, link: Mapping[str, object], cells: Cells) -> set[str]:
    """The identifiers that stand there."""
    taken = [taken_out(link, one) for one in held(link, cells)]
    return {one for one in (spelt(normaliser, each) for each in taken) if one is not None}


def sought(normaliser: str, link: Mapping[str, object], cells: Cells) -> set[str]:
    """The identifiers by which a link finds the row: of texts with one that has one spelling, as it is literally."""
    found = spellings(normaliser, link, cells)
    if "template" in link and normaliser != "uuid/1":
        found &= {str(taken_out(link, one)) for one in held(link, cells)}
    return found


def taken_out(link: Mapping[str, object], cell: Cell) -> Cell:
    """What stands in a text between the words of its template; None: it is another text."""
    if "template" not in link or cell is None:
        return cell
    before, _, behind = str(link["template"]).replace("}", "{").split("{")
    whole = str(cell)
    inside = whole[len(before) : len(whole) - len(behind)]
    return inside if inside and whole == before + inside + behind else None


def held(link: Mapping[str, object], cells: Cells) -> list[Cell]:
    """The values that a link compares: the column's, each element's, or those at a path."""
    cell = cells[str(link["column"])]
    if "path" in link:
        return [str(one) for one in at(cell, list(link["path"]))]  # type: ignore[call-overload]
    if link.get("each"):
        return [one for one in cell or () if one is not None]
    return [cell]


def at(data: Cell, path: list[str]) -> list[Cell]:
    """The texts and numbers at a path; arrays on the way and at the end are walked."""
    if isinstance(data, list):
        return [one for element in data for one in at(element, path)]
    if not path:
        return [data] if isinstance(data, (str, int, float)) and not isinstance(data, bool) else []
    return at(data[path[0]], path[1:]) if isinstance(data, dict) and path[0] in data else []


def without(data: Cell, paths: list[list[str]]) -> Cell:
    """The data with these paths removed, through arrays too; the rest as it was."""
    for path in paths:
        data = _without(data, path)
    return data


def _without(data: Cell, path: list[str]) -> Cell:
    if isinstance(data, list):
        return [_without(one, path) for one in data]
    if not isinstance(data, dict) or path[0] not in data:
        return data
    if len(path) == 1:
        return {name: value for name, value in data.items() if name != path[0]}
    return {name: _without(value, path[1:]) if name == path[0] else value for name, value in data.items()}


def without_elements(data: Cell, path: list[str], goes: Callable[[Cell], bool]) -> Cell:
    """The data without what goes: the innermost element of a list that it stands in, or its key where in none."""
    return _pruned(data, path, goes, listed=False)[0]


def _pruned(data: Cell, path: list[str], goes: Callable[[Cell], bool], *, listed: bool) -> tuple[Cell, bool]:
    """What is left, and whether it goes itself with the list's element of which it is a part."""
    if isinstance(data, list):
        pruned = [_pruned(one, path, goes, listed=True) for one in data]
        return [one for one, gone in pruned if not gone], False
    if not path:
        return data, isinstance(data, (str, int, float)) and not isinstance(data, bool) and goes(data)
    if not isinstance(data, dict) or path[0] not in data:
        return data, False
    left, gone = _pruned(data[path[0]], path[1:], goes, listed=listed)
    if gone and not listed:
        return {name: value for name, value in data.items() if name != path[0]}, False
    return {**data, path[0]: left}, gone
