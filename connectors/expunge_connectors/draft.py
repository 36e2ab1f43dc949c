"""Data map drafts: what a connector proposes from a live store, for a person to correct and decide.

Nothing in a draft is a decision. What cannot be derived is left open, each with a question, and a map with open
questions is refused (`expunge_config.datamap.load`). No draft declares a log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from expunge_config.datamap import Model

COMPANY = "our_company"
"""The controller that the draft gives everything to, until somebody decides."""
PERSONAL = "personal"
"""The data type that is deleted."""
ANCHOR = "anchor"
"""The data type of a person's own row that is tombstoned, because something that stays points to it."""


def collection_name(text: str) -> str:
    """What a collection is called after a table or a key: as the map allows (`Name`), letters of others left out."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    letters = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9_-]+", "_", letters).strip("_-")
    return (name if name[:1].isalpha() else f"t_{name}".rstrip("_"))[:63]


@dataclass(frozen=True, slots=True)
class DraftCollection:
    """One proposed collection.

    Attributes:
        entries: Keys and values as they stand in the map; None is left empty.
        questions: Key -> what is to be decided there.
        notes: What else was noticed: comments above the collection.
        later: Lines of the map that one answer or another needs: comments below it.
    """

    name: str
    entries: Mapping[str, object]
    questions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftPerson:
    """A table with a row for each person.

    Attributes:
        table: `schema.table`.
        plain: The name of its identity where no other table of persons is called alike.
        full: The name otherwise: with store and schema.
    """

    table: str
    plain: str
    full: str


@dataclass(frozen=True, slots=True)
class StoreDraft:
    """What is proposed for one store.

    Attributes:
        identities: Name -> kind, normaliser and so on, as in the map.
        members: Controllers of which there are many, by the tables that tell them apart: name -> explanation.
        notes: Comments about the whole store: what was left out, and why.
        questions: What is to be decided about something that was left out.
        persons: Identity of kind person -> the table whose rows they are.
    """

    store: str
    connector: str
    identities: Mapping[str, Mapping[str, object]]
    collections: tuple[DraftCollection, ...]
    members: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    persons: Mapping[str, DraftPerson] = field(default_factory=dict)

    def renamed(self, names: Mapping[str, str]) -> StoreDraft:
        """The same with other names of identities: old -> new."""
        if not names:
            return self

        def replaced(value: object) -> object:
            if isinstance(value, dict):
                return {names.get(key, key): replaced(one) for key, one in value.items()}
            if isinstance(value, list):
                return [replaced(one) for one in value]
            return names.get(value, value) if isinstance(value, str) else value

        collections = tuple(
            replace(
                one,
                entries={
                    key: replaced(entry) if key in {"person", "found_by", "yields"} else entry
                    for key, entry in one.entries.items()
                },
            )
            for one in self.collections
        )
        return replace(
            self,
            identities={names.get(name, name): one for name, one in self.identities.items()},
            collections=collections,
            persons={names.get(name, name): one for name, one in self.persons.items()},
        )


def alike(drafts: Sequence[StoreDraft]) -> dict[str, list[tuple[StoreDraft, str]]]:
    """Plain name -> the drafts, with their identities, whose persons' tables are called so."""
    found: dict[str, list[tuple[StoreDraft, str]]] = {}
    for one in drafts:
        for name, person in one.persons.items():
            found.setdefault(person.plain, []).append((one, name))
    return found


def set_apart(drafts: Sequence[StoreDraft]) -> list[StoreDraft]:
    """Identities of persons that several stores named alike get names with their store and schema.

    Two stores count their people apart: the same number in both is two people, until somebody says otherwise.
    """
    several = {plain for plain, found in alike(drafts).items() if len(found) > 1}
    return [
        one.renamed({name: person.full for name, person in one.persons.items() if name == person.plain in several})
        for one in drafts
    ]


@runtime_checkable
class Draftable(Protocol):
    """A store's class that can propose a map for a live store."""

    @classmethod
    def draft(cls, name: str, connection: Model, rows: int, known: Sequence[StoreDraft]) -> StoreDraft:
        """Look at the store, and propose. Reads only; shapes and names come back, never a value.

        Args:
            name: The store's name in the map to be.
            connection: How to reach it.
            rows: Size of a sample: rows of a table, names of a keyspace or bucket.
            known: Drafts of the stores before this one, whose identities may be used.

        Raises:
            ConnectorError: The store cannot be asked.
        """
        ...
