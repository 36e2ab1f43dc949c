"""Staged keys: where the keys of a chunk are, once `stage` has put them into temporary tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import KeyType
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.sql.stored_spellings import StoredSpellings

REQUEST = sql.Identifier("pg_temp", "expunge_request")
MEMBER = sql.SQL("(SELECT member FROM pg_temp.expunge_request WHERE member IS NOT NULL)")
"""The controller's member for whom the request speaks."""
CO_HOLDERS = sql.Identifier("pg_temp", "expunge_co_holders")
"""(number, identity, value, kind, person) of attributed keys and who does not claim them; made where there are any."""
Wanted = tuple[str, tuple[KeyType, ...]]
"""(namespace, a type for each of its values)"""
Ages = Mapping[tuple[int, str, str], datetime]
"""(a subject's number, identity, value) -> since when this person has it."""


@dataclass(frozen=True, slots=True)
class StagingTable:
    """Where the keys of one namespace are.

    Attributes:
        columns: Its columns for the key's values; None: c0, c1, … of a table that holds no others.
        types: What a value in each of these columns is compared as, for DDL.
        width: So many characters fit into a text there; None: any number.
        claimable: The table says of each key whether another person claims it (see `claimed_keys`).
        dated: It says as well since when this person has it (see `claim_ages`); such a table is claimable.
    """

    table: sql.Identifier
    columns: tuple[str, ...] | None = None
    types: tuple[str, ...] = ()
    width: int | None = None
    claimable: bool = False
    dated: bool = False

    def rows(self, *, claimed: bool | None = None, refused: bool | None = None) -> sql.Composable:
        """What stands behind FROM: number, then c0, c1, … for the key's values.

        Args:
            claimed: Only the keys that others claim, or only those that nobody else does. None: all.
            refused: Only the keys that were not to be followed from the start, or only the others. None: all.
        """
        wanted = sql.SQL("TRUE")
        if claimed is not None and self.claimable:
            wanted = sql.SQL("s.claimed IS NOT FALSE" if claimed else "s.claimed IS FALSE")
        elif refused is not None and self.claimable:
            wanted = sql.SQL("s.claimed IS NULL" if refused else "s.claimed IS NOT NULL")
        elif claimed or refused:
            wanted = sql.SQL("FALSE")
        if self.columns is None:
            if claimed is refused is None:
                return self.table
            return sql.SQL("(SELECT * FROM {} AS s WHERE {})").format(self.table, wanted)
        # Cast, for a type of another width is another type to a recursive search.
        typed = zip(self.columns, self.types, strict=True)
        values = [raw(f"s.{name}::{ddl} AS c{at}") for at, (name, ddl) in enumerate(typed)]
        values += [raw("s.since")] if self.dated else []
        return sql.SQL("(SELECT s.number, {} FROM {} AS s WHERE {} IS NOT NULL AND {})").format(
            sql.SQL(", ").join(values), self.table, raw(f"s.{self.columns[0]}"), wanted
        )


@dataclass(frozen=True, slots=True)
class Staged:
    """The keys of a chunk in the database.

    Attributes:
        shape: Equal for two chunks whose keys stand in the same tables and columns.
        few: There are so few that whatever they lead to is few.
        spellings: The texts among them, which were read from rows.
        ages: Since when the people have values that are handed on.
        co_holders: Some keys are a person's though certain others hold them: these stand in `CO_HOLDERS`.
    """

    places: Mapping[Wanted, StagingTable] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    few: bool = False
    spellings: StoredSpellings = field(default_factory=StoredSpellings)
    ages: Ages = field(default_factory=dict)
    co_holders: bool = False

    def dated(self, link: BoundLink) -> bool:
        """Of the keys of this link it is known since when a person has them, and rows may be too old for them."""
        place = None if link.dated is None else self.places.get(link.staged)
        return place is not None and place.dated

    def table(
        self, namespace: str, types: tuple[KeyType, ...], *, claimed: bool | None = None
    ) -> sql.Composable | None:
        """Where these keys are, to be named behind FROM; None if there are none.

        Args:
            namespace: Of the keys.
            types: As what they are compared.
            claimed: Only the keys that others claim, or only those that nobody else does. None: all.
        """
        place = self.places.get((namespace, types))
        return None if place is None else place.rows(claimed=claimed)


def from_the_start(namespace: str) -> str:
    """The namespace of such keys as they were staged: some may be found to be somebody else's on the way."""
    return f"at first {namespace}"


def known_as(namespace: str) -> str:
    """The namespace of such keys that an earlier round of the resolution followed: they lead nowhere in this one."""
    return f"known {namespace}"


def refused_as(identity: str) -> str:
    """The namespace of such keys of people that the resolution was told and did not accept: they lead nowhere."""
    return f"refused {identity}"
