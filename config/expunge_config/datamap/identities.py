"""Identities of the data map: namespaces of subject keys, what a value proves, and when two collections share one."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pydantic import StrictBool, field_validator, model_validator

from expunge_config.datamap.base import Assurance, Model
from expunge_config.normalisers import Normaliser, builtin


class IdentityKind(StrEnum):
    """What a value of this identity proves.

    PERSON: a never re-used internal id; one value is one person. REUSABLE: e-mail, phone, address: it may be
    re-used and shared, so it only nominates. INTERNAL: a never re-used id of a thing that belongs to a person; never
    accepted from outside.
    """

    PERSON = "person"
    REUSABLE = "reusable"
    INTERNAL = "internal"


class Reader(NamedTuple):
    """How a link reads a place: by which identity, and of which region where it declares one."""

    identity: str
    region: str | None = None


class Identity(Model):
    """A namespace of subject keys.

    Attributes:
        shareable: Several people normally share one value (a postal address): it helps to agree, it never
            selects a row.
        recycled: Values are handed on to other people by whoever gives them out; None: phone numbers are.
        same_person: Why one value is one person in every collection that has `person` with this identity, and who says
            so: two sequences give the same numbers to strangers. Of a reusable identity: why whoever has one value in
            persons of two kinds (an account, a guest) is one human.
    """

    kind: IdentityKind
    normaliser: str = "exact/1"
    shareable: StrictBool = False
    recycled: StrictBool | None = None
    same_person: Assurance | None = None

    @field_validator("normaliser")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in builtin():
            raise ValueError(f"unknown normaliser; known are {', '.join(sorted(builtin()))}")
        return name

    @model_validator(mode="after")
    def _only_reusable_is_shared(self) -> Identity:
        if self.shareable and self.kind is not IdentityKind.REUSABLE:
            raise ValueError("only a reusable identity can be shareable")
        if self.recycled is not None and (self.shareable or self.kind is not IdentityKind.REUSABLE):
            raise ValueError("`recycled` is for reusable identities that select records")
        if self.rule.spellings is not None and self.kind is not IdentityKind.REUSABLE:
            raise ValueError(f"{self.normaliser} is for reusable identities: one value has many spellings")
        return self

    @property
    def rule(self) -> Normaliser:
        """The normaliser itself."""
        return builtin()[self.normaliser]

    @property
    def handed_on(self) -> bool:
        """What is older than the person's claim on a value is not known by it to be theirs."""
        if self.kind is not IdentityKind.REUSABLE or self.shareable:
            return False
        return self.recycled if self.recycled is not None else self.rule.telephone


@dataclass(frozen=True, slots=True)
class PersonCollection:
    """A collection whose records are persons.

    Attributes:
        place: Its store and name.
        person: The identity of these persons.
        controller: Whose the records are.
        found_by: Identities that find its records.
        tells: Identities that its records yield.
    """

    place: str
    person: str
    controller: str
    found_by: AbstractSet[str]
    tells: AbstractSet[str]


def same_person_complaints(
    identities: Mapping[str, Identity], people: Sequence[PersonCollection], many: Container[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Collections of persons whom one value makes one human, and nobody says that they are: (path, message).

    Args:
        identities: All of the map.
        people: Every collection of persons.
        many: Identities of persons in tables that tell the members of a controller apart: each may count for itself.
    """
    for name, identity in identities.items():
        reusable = identity.kind is IdentityKind.REUSABLE
        there = merged_by(name, people) if reusable else _numbered_by(name, people)
        if there and identity.same_person is None:
            yield ("identities", name), (_MERGED if reusable else _NUMBERED).format(" and ".join(there), name)
        elif not there and name not in many and identity.same_person is not None:
            yield ("identities", name, "same_person"), (_MERGES_NONE if reusable else _NUMBERS_ONE).format(name)


def _numbered_by(identity: str, people: Sequence[PersonCollection]) -> list[str]:
    """The collections whose persons have this identity, if there are several."""
    there = [one.place for one in people if one.person == identity]
    return there if len(there) > 1 else []


def merged_by(identity: str, people: Sequence[PersonCollection]) -> list[str]:
    """The collections with persons of different kinds whom a value that passes on leads to, one from the other."""
    having = [one for one in people if identity in one.found_by | one.tells]
    return sorted(
        {
            place.place
            for one in having
            for other in having
            if identity in one.found_by and one.person != other.person and one.controller == other.controller
            for place in (one, other)
        }
    )


_SAY_SO = "say so here: `same_person: {{reason: ..., approved_by: ...}}`"
_NUMBERED = (
    "{0} are all `person: {1}`: one value would be one person in each, but two sequences give the same values to"
    f" strangers. Give each an identity of its own; or, if they are the same people by design, {_SAY_SO}"
)
_NUMBERS_ONE = "fewer than two collections are `person: {0}`: it would speak for one that comes later"
_MERGED = (
    "{0} are persons of different kinds, and `{1}` leads from one to the other: whoever has one value in both goes in"
    f" both. If they are the same people by design, {_SAY_SO}. Otherwise leave it out of all of them but one"
    " (`found_by` and `yields`)"
)
_MERGES_NONE = "`{0}` leads from no kind of person to another: it would speak for one that comes later"
