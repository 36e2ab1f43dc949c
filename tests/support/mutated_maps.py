"""Data maps with mistakes in them: names, values and whole parts of a document replaced, removed or doubled."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

Parent = dict[Any, Any] | list[Any]

_STRANGE: tuple[Any, ...] = (
    "",
    " ",
    "x" * 70,
    "ünï.cödé",
    'quo"ted',
    "%s {x} $1",
    0,
    -1,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
)


def mutated(document: dict[str, Any], seed: str) -> dict[str, Any]:
    """A copy with one to three mistakes; the same of the same seed. Half of the copies have misspelt words alone."""
    draw, copy = random.Random(seed), deepcopy(document)
    words = draw.random() < 0.5
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        _misspell(draw, copy) if words else _mistake(draw, copy)
    return copy


def _misspell(draw: random.Random, document: dict[str, Any]) -> None:
    """Where it is not seen without the database: in the name of a table or column, and in whatever says the same."""
    places = [
        (holder, key)
        for holder, key in _places(document.get("stores"))
        if isinstance(holder[key], str) and key in {"table", "column", "created", "start", "of", *_yielded(document)}
    ]
    if places:
        holder, key = draw.choice(places)
        holder[key] = _misspelt(draw, holder[key])


def _mistake(draw: random.Random, document: dict[str, Any]) -> None:
    places = _places(document)
    inside = _places(document.get("stores"))  # there are the names that must be those of something
    holder, key = draw.choice(inside if inside and draw.random() < 0.7 else places)
    match draw.choice(("misspell", "another", "another", "swap", "remove", "double", "strange", "rename")):
        case "misspell" if isinstance(holder[key], str):
            holder[key] = _misspelt(draw, holder[key])
        case "another":
            holder[key] = deepcopy(_like(draw, places, key, holder))
        case "swap":
            other, theirs = draw.choice([one for one in places if one[1] == key])
            holder[key], other[theirs] = deepcopy(other[theirs]), deepcopy(holder[key])
        case "double" if isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        case "double":
            holder[f"{key}_2"] = deepcopy(holder[key])
        case "strange":
            holder[key] = deepcopy(draw.choice(_STRANGE))
        case "rename" if isinstance(holder, dict):
            holder[_misspelt(draw, str(key))] = holder.pop(key)
        case _:
            del holder[key]


def _yielded(document: dict[str, Any]) -> list[Any]:
    """Identities: under their names stand the columns that yield them."""
    return list(document["identities"]) if isinstance(document.get("identities"), dict) else []


def _places(holder: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of everything below."""
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder))) if isinstance(holder, list) else []
    return [one for key in keys for one in ((holder, key), *_places(holder[key]))]


def _like(draw: random.Random, places: list[tuple[Any, Any]], key: object, holder: object) -> Any:
    """What stands elsewhere under the same key."""
    return draw.choice([where[one] for where, one in places if one == key and isinstance(where, type(holder))])


def _misspelt(draw: random.Random, word: str) -> str:
    at = draw.randrange(len(word) + 1)
    return draw.choice((word[:at] + "x" + word[at:], word[: max(at - 1, 0)] + word[max(at, 1) :]))
