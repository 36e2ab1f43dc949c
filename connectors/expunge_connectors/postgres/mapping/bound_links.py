"""Bound links: by which columns a row belongs to people, with the live columns and what else says whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from expunge_config.spellings import Spellings
from expunge_connectors.postgres.catalog.key_types import TEXT, KeyType
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind
from expunge_connectors.postgres.table_links import Source


@dataclass(frozen=True, slots=True)
class BoundLink:
    """One link of one collection.

    Attributes:
        columns: The columns compared.
        namespace: The keys they are compared with: an identity, or the values of columns (see `internal_namespace`).
        types: The types of comparison, one a column; TEXT where a normaliser's expression is compared.
        source: Where in the row an identity stands.
        normaliser: SQL with `{column}`; None: the column itself is compared.
        spellings: Keys are compared with the texts that were read as the same (see `stored_spellings`).
        of_several: A text that names several people is each one's: a person's own, or the map says so.
        sure: The keys are never re-used, so age does not matter.
        lookup_only: The identity is shareable: it selects nothing for counting, erasing and verifying.
        of: (collection, columns) that lead here, for a link inside the store.
        below: A link within one collection: it leads from a row to the rows below it.
        to_shared: The rows that it leads to are shared: who points to one decides.
        unclaimed: It is found by such keys alone as nobody else claims. A person's own row is sought by any.
        persons: The identities of the persons whom a row names by it (see `owner_links.persons_named`).
        found: Of those whose the row may be that is found by it (see `owner_links.persons_found`).
        towards_parent: The row is named by the one that leads there (see `owner_links.towards_parent`).
        holders: The collections whose rows hold the internal key by which it names one of them.
        held_elsewhere: So do rows that no statement here compares: of another store, or encoded.
        told_by: Links by which a row names people; one that names somebody is theirs, whatever value stands in it (see
            `owner_links.named_by`).
        beside: Links by which a row names people as it does by this one; it goes with all of them (see
            `owner_links.beside`).
        person_keys: The identities by whose keys it names them (see `owner_links.proven_keys`).
        of_one_row: Of a row that is a person: the links by which another identity says who it is (see
            `owner_links.of_one_row`).
        values: The values by which a row says whose it is, where none of `naming` does (see
            `owner_links.values_beside`).
        said: The same, also of a row that goes with any person (see `owner_links.values_said`).
        naming: Where there are such values: the links by which a row itself names a person.
        dated: When the row was created, where one that is older than the claim on the value is not the claimant's.
        where: Of which kind the row must be: the link leads to no other.
        ends: What stands before the value in the column's text, and behind it; None: nothing does.
    """

    columns: tuple[Column, ...]
    namespace: str
    types: tuple[KeyType, ...]
    source: Source | None = None
    normaliser: str | None = None
    spellings: Spellings | None = None
    of_several: bool = False
    sure: bool = True
    lookup_only: bool = False
    of: tuple[str, tuple[str, ...]] | None = None
    below: bool = False
    to_shared: bool = False
    unclaimed: bool = False
    persons: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()
    towards_parent: bool = False
    holders: tuple[str, ...] = ()
    held_elsewhere: bool = False
    told_by: tuple[BoundLink, ...] = ()
    beside: tuple[BoundLink, ...] = ()
    person_keys: frozenset[str] = frozenset()
    of_one_row: tuple[BoundLink, ...] = ()
    values: tuple[BoundValue, ...] = ()
    said: tuple[BoundValue, ...] = ()
    naming: tuple[BoundLink, ...] = ()
    dated: Column | None = None
    where: tuple[BoundKind, ...] = ()
    ends: tuple[str, str] | None = None

    @property
    def staged(self) -> tuple[str, tuple[KeyType, ...]]:
        """What keys of this link are staged as: a namespace, and a type for each value (see `staged_keys.Wanted`).

        Of a key that is spelt in many ways, each text that it was read from, and the key itself.
        """
        if self.spellings is None or self.source is None:
            return self.namespace, self.types
        people = "several people" if self.of_several else "one person"
        return f"{self.namespace} as spelt in {self.source.region or 'any region'} of {people}", (TEXT, TEXT)


@dataclass(frozen=True, slots=True)
class BoundValue:
    """A value in a row that passes on, and who may hold it.

    Attributes:
        link: Where it stands.
        known: What it is known by to be a subject's: as keys of each link that reads that place are staged (see
            `BoundLink.staged`), and SQL with `{column}`, a text there under that identity's normaliser.
        holders: Those in this store.
        held_elsewhere: Persons of another store hold such values too.
    """

    link: BoundLink
    known: tuple[tuple[tuple[str, tuple[KeyType, ...]], str], ...]
    holders: tuple[ValueHolder, ...]
    held_elsewhere: bool


@dataclass(frozen=True, slots=True)
class ValueHolder:
    """Rows of persons that may hold the value of another row.

    Attributes:
        rule: SQL with `{column}`: a text of the other row under the normaliser of the identity by which it is held.
        collection: Of the persons.
        held: Where it stands in theirs.
        person: By which it is known whose such a row is.
    """

    rule: str
    collection: str
    held: BoundLink
    person: BoundLink
