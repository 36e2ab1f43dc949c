"""Template inference: proposes key templates from sampled names with exactly one identifier in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from expunge_connectors.draft import COMPANY, PERSONAL, DraftCollection, StoreDraft, collection_name
from expunge_connectors.keyspace.identifier_patterns import PLACEHOLDERS, mask_values

_PLACE = re.compile(r"\{[a-z]+\}")
_REUSABLE: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "{email}": ("email", {"kind": "reusable", "normaliser": "email/3"}),
    "{phone}": ("phone", {"kind": "reusable", "normaliser": "phone/1"}),
}
Definitions = dict[str, Mapping[str, object]]


@dataclass(slots=True)
class Shapes:
    """The shapes of a sample of names. `examples` holds a name of each, for a question to the store; never shown."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict, repr=False)
    size: int = 0

    @classmethod
    def of(cls, names: Iterable[str]) -> Shapes:
        """Sort names by their shape."""
        found = cls()
        for name in names:
            shape = mask_values(name)
            found.size += 1
            found.counts[shape] = found.counts.get(shape, 0) + 1
            found.examples.setdefault(shape, name)
        return found


@dataclass(frozen=True, slots=True)
class Guess:
    """A shape as a template.

    Attributes:
        name: For the collection.
        template: With the identity in the place.
        identity: Its name in the map to be.
        undated: The identity may be re-used, and nothing tells the age.
        unyielded: Nothing in the drafts so far tells its values: without more, no request would lead here.
        persons: Identities that the place may have instead.
    """

    name: str
    template: str
    identity: str
    definition: Mapping[str, object]
    undated: bool
    unyielded: bool = False
    persons: tuple[str, ...] = ()

    def entries(self) -> dict[str, object]:
        """What every such collection has."""
        return {
            "data_type": PERSONAL,
            "owner": {"controller": COMPANY, "inherited": True},
            **({"undated": None} if self.undated else {}),
        }

    def questions(self, count: int, size: int) -> dict[str, str]:
        """What only a person can say."""
        place = f"is its place {{{self.identity}}}?"
        if self.unyielded:
            place = f"nothing yields {self.identity}: which column tells it?"
            if self.persons:
                place += f" Or is its place {' or '.join(f'{{{one}}}' for one in self.persons)}?"
        return {"owner": "whose records are these?", **({"undated": "erase or keep"} if self.undated else {})} | {
            "": f"{place} {count} of {size} names looked at"
        }


def guess(shape: str, known: Sequence[StoreDraft]) -> Guess | None:
    """A template for the shape; None unless exactly one identifier and no unknown word stands in it."""
    places = _PLACE.findall(shape)
    if len(places) != 1 or places[0] not in PLACEHOLDERS:
        return None
    (place,) = places
    words = re.findall(r"[^\W_]+", _PLACE.sub(" ", shape))
    name = collection_name("_".join(words)) if words else "keys"
    if place in _REUSABLE:
        identity, definition = _REUSABLE[place]
        return Guess(name, shape.replace(place, f"{{{identity}}}"), identity, definition, undated=True)
    words = re.findall(r"[^\W_]+", shape.partition(place)[0])
    before = (words[-1] if words else "key").lower().removesuffix("s")
    identity = f"{before}_id" if place in {"{n}", "{uuid}"} else f"{before}_token"
    identities = {key: value for one in reversed(known) for key, value in one.identities.items()}
    definition = identities.get(identity, {"kind": "internal"})
    return Guess(
        name,
        shape.replace(place, f"{{{identity}}}"),
        identity,
        definition,
        undated=False,
        unyielded=definition.get("kind") == "internal" and identity not in _yielded(known),
        persons=tuple(key for key, value in identities.items() if value.get("kind") == "person"),
    )


def _yielded(known: Sequence[StoreDraft]) -> frozenset[str]:
    """The identities that some proposed collection tells."""
    yields = [one.entries.get("yields") for draft in known for one in draft.collections]
    return frozenset(
        str(name) for one in yields if one is not None for name in (one if isinstance(one, dict) else [one])
    )


def why_not_a_template(shape: str) -> str:
    """Why no template can be guessed for a shape."""
    places = _PLACE.findall(shape)
    if len([one for one in places if one in PLACEHOLDERS]) > 1:
        return "a template has exactly one identifier"
    if places:
        return "a word is masked as {text}, for it may be somebody's (write it if it never differs, else an identity)"
    return "no identifier stands in the name"


def unexplained(shapes: Shapes, known: Sequence[StoreDraft]) -> Iterator[tuple[str, int]]:
    """(shape, names) of the shapes that no template can be guessed for."""
    return ((shape, count) for shape, count in sorted(shapes.counts.items()) if guess(shape, known) is None)


def numbered(collections: Iterable[DraftCollection]) -> tuple[DraftCollection, ...]:
    """The collections with names that differ."""
    taken: dict[str, int] = {}
    found: list[DraftCollection] = []
    for one in collections:
        taken[one.name] = taken.get(one.name, 0) + 1
        name = one.name if taken[one.name] == 1 else f"{one.name}_{taken[one.name]}"
        found.append(DraftCollection(name, one.entries, one.questions, one.notes, one.later))
    return tuple(found)
