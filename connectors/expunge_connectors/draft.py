"""Data map drafts: what a connector proposes from a live store, for a person to correct and decide.

Nothing in a draft is a decision. What cannot be derived is left open, each with a question, and a map with open
questions is refused (`expunge_config.datamap.load`). No draft declares a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from expunge_config.datamap import Model

COMPANY = "company"
"""The controller that the draft gives everything to, until somebody decides."""
PERSONAL = "personal"
"""The data type that is deleted."""
ANCHOR = "anchor"
"""The data type of a person's own row that is tombstoned, because something that stays points to it."""


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
class StoreDraft:
    """What is proposed for one store.

    Attributes:
        identities: Name -> kind, normaliser and so on, as in the map.
        members: Controllers of which there are many, by the tables that tell them apart: name -> explanation.
        notes: Comments about the whole store: what was left out, and why.
        questions: What is to be decided about something that was left out.
    """

    store: str
    connector: str
    identities: Mapping[str, Mapping[str, object]]
    collections: tuple[DraftCollection, ...]
    members: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


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
