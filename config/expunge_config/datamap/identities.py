"""Identities of the data map: namespaces of subject keys, what a value proves, and when two collections share one."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from enum import StrEnum

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


class Identity(Model):
    """A namespace of subject keys.

    Attributes:
        shareable: Several people normally share one value (a postal address): it helps to agree, it never
            selects a row.
        recycled: Values are handed on to other people by whoever gives them out; None: phone numbers are.
        same_person: Why one value is one person in every collection that has `person` with this identity, and who says
            so: two sequences give the same numbers to strangers.
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


def same_person_complaints(
    identities: Mapping[str, Identity], persons: Mapping[str, Sequence[str]], many: Container[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Collections of persons under one identity of which nobody says that they are the same people: (path, message).

    Args:
        identities: All of the map.
        persons: Identity -> the collections with `person` of it, each with its store.
        many: Identities of persons in tables that tell the members of a controller apart: each may count for itself.
    """
    for name, identity in identities.items():
        there = persons.get(name, ())
        if len(there) > 1 and identity.same_person is None:
            message = (
                f"{' and '.join(there)} are all `person: {name}`: one value would be one person in each, but two"
                " sequences give the same values to strangers. Give each an identity of its own; or, if they are the"
                " same people by design, say so here: `same_person: {reason: ..., approved_by: ...}`"
            )
            yield ("identities", name), message
        elif len(there) < 2 and name not in many and identity.same_person is not None:  # noqa: PLR2004 - one alone is shared with nobody
            message = f"fewer than two collections are `person: {name}`: it would speak for one that comes later"
            yield ("identities", name, "same_person"), message
