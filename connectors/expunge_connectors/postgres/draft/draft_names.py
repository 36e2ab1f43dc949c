"""Draft names: what identities and collections are called, where several tables are called alike (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from expunge_connectors.draft import DraftPerson, collection_name
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Table
from expunge_connectors.postgres.draft.table_roles import TableRoles, person_key, singular


@dataclass(frozen=True, slots=True)
class DraftNames:
    """The names of one draft.

    Attributes:
        store: The store's name in the map to be.
    """

    store: str
    live: Catalogue
    tables: Mapping[str, Table]
    picture: TableRoles

    def identity(self, person: str) -> str:
        """Named like the table; with store and schema where tables of several schemas are called alike."""
        names = self.person(person)
        several = len([one for one in self.picture.persons if singular(one) == singular(person)]) > 1
        return names.full if several else names.plain

    def person(self, person: str) -> DraftPerson:
        """What the identity of a table of persons may be called."""
        plain, first = f"{singular(person)}_id", f"{self.store}_{_schema(person)}_"
        same = [
            one for one in self.picture.persons if (_schema(one), singular(one)) == (_schema(person), singular(person))
        ]
        number = f"_{same.index(person) + 1}" if len(same) > 1 else ""  # `user` beside `users`
        return DraftPerson(person, plain, f"{first}{plain}{number}")

    def key(self, person: str) -> Column:
        """The column that says which person a row is."""
        table = self.tables[person]
        return table.columns[person_key(table, self.live.foreign_keys) or table.key[0]]

    def collection(self, table: str) -> str:
        """The name of the collection: the table's own, with its schema where two tables have the same."""
        name = collection_name(table.partition(".")[2])
        same = [one for one in self.tables if collection_name(one.partition(".")[2]) == name]
        if len(same) == 1:
            return name
        full = collection_name(table)
        alike = [one for one in same if collection_name(one) == full]
        return full if len(alike) == 1 else f"{full}_{alike.index(table) + 1}"


def _schema(table: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", table.partition(".")[0].lower()).strip("_")
