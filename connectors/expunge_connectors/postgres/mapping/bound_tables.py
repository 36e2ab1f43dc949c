"""Bound tables: tables of the map with their live columns: what they yield and lead to, what happens to a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import Action
from expunge_config.normalisers import Normaliser
from expunge_connectors.aliases import Aliases
from expunge_connectors.postgres.catalog.key_types import (
    KeyType,
)
from expunge_connectors.postgres.catalog.tables import Column, ForeignKey, Table
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import TableSpec


@dataclass(frozen=True, slots=True)
class OutgoingKey:
    """Columns whose values lead from a row to rows of other collections (or to rows below, in the same one).

    Attributes:
        namespace: Of the internal keys that they give.
        needed: Such keys must be known after the row is gone: no foreign key guarantees that nothing refers to it then.
    """

    columns: tuple[Column, ...]
    types: tuple[KeyType, ...]
    namespace: str
    needed: bool


@dataclass(frozen=True, slots=True)
class BoundTable:
    """One collection that is no log.

    Attributes:
        leads: (column, its type) in feeds, each once: what is remembered of a row that leads on.
        yields: Identity -> (where it stands, its normaliser).
        binding: The identities among them of kind person or internal: who such a row belongs to, or what hangs on it,
            is known only when that key is.
        tells: Reusable values that a row tells and is not found by, as links (see `claims.told`).
        naming: The links by which a row itself names people (see `owner_links.names_itself`).
        naming_beside: The same, of other collections of the table; not of those that take elements out of lists.
        passing_on: What it yields that is theirs whose the row is: values, and things that do not stand for the row. Of
            a person's key the resolution judges; what names the row goes with it.
        since: Identities among them that a person's row claims and that are handed on -> when the claim began, where
            the map says.
        period: ISO period of the data type where rows are retained, else None.
        member_column: The column that names the controller's member; None: nothing to compare.
    """

    name: str
    spec: TableSpec
    table: Table
    links: tuple[BoundLink, ...]
    feeds: tuple[OutgoingKey, ...]
    yields: Mapping[str, tuple[Source, Normaliser]]
    binding: tuple[str, ...]
    tells: tuple[BoundLink, ...]
    naming: tuple[BoundLink, ...]
    naming_beside: tuple[BoundLink, ...]
    passing_on: frozenset[str]
    since: Mapping[str, Column]
    action: Action
    period: str | None
    member_column: str | None
    in_scope: bool

    @property
    def leads(self) -> Mapping[str, KeyType]:
        """Column -> its type, of everything that leads on."""
        return {column.name: kind for feed in self.feeds for column, kind in zip(feed.columns, feed.types, strict=True)}

    @property
    def own(self) -> tuple[BoundLink, ...]:
        """The links to rows below, within the collection."""
        return tuple(link for link in self.links if link.below)

    @property
    def selecting(self) -> tuple[BoundLink, ...]:
        """The links that select rows for counting."""
        return tuple(link for link in self.links if not link.lookup_only)

    @property
    def erasing(self) -> tuple[BoundLink, ...]:
        """The links that select rows for erasing, and whose rows lead on to others.

        A reusable identifier selects no person: who answers to it is decided by resolution, where it can be seen that
        several do. Whoever comes to it afterwards is another person.
        """
        return tuple(link for link in self.selecting if link.sure or self.spec.person is None)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """What rows refer to a person by: the column of the person's row that yields the person's key.

    Such a key is the subject's for as long as the person's key is.

    Attributes:
        identity: Of the person's key.
        same: They are one value; otherwise one is spelt otherwise than the other.
        told: So it is known where the person's row is gone. Only where no foreign key keeps any row from staying
            behind, and not of a member's: there the person's row says whose member's they are.
    """

    collection: str
    identity: str
    same: bool
    told: bool


@dataclass(frozen=True, slots=True)
class BoundStore:
    """The store's collections in link order: what leads to rows stands before what it leads to.

    Attributes:
        logs: Collection -> (`schema.table`, its oid) of the logs.
        may_change: Tables (`schema.table`) whose rows may change by themselves while we erase: accepted triggers write
            them, or they hold no personal data.
        internal: The internal identities.
        known_anywhere: Those of them of which a value is one thing, whoever's row holds it: none that a member counts.
        common: Internal identity -> the collections that yield it, where there are several, in the scope or not.
        owning: Collection -> foreign keys to its shared rows that no link follows, from whatever table.
        own_keys: Namespace of what links `of` a person's own key compare -> whose key it is.
        owner_keys: What keys are staged as by which rows say whose they are, where rows are asked whether they are
            somebody else's as well (see `BoundLink.beside`, `BoundLink.values`, `BoundLink.of_one_row`).
        deciding: Those among them that decide whose a person's row is by another one of its keys.
        passing: Namespaces whose values pass from one person to another, texts in which they stand among them -> who
            claims them.
        aged: Identities among them of which a row must not be older than the claim on its value (see `claims.aged`).
        aliases: What values are called under other identities that are read where they stand (see `other_names`).
        statements: The statements about it that were put together so far.
        telling: The same store, in which rows are found by what they merely tell as well (see `hearsay`).
    """

    name: str
    collections: Mapping[str, BoundTable]
    foreign_keys: tuple[ForeignKey, ...]
    logs: Mapping[str, tuple[str, int]]
    may_change: frozenset[str] = frozenset()
    internal: frozenset[str] = frozenset()
    known_anywhere: frozenset[str] = frozenset()
    common: Mapping[str, tuple[BoundTable, ...]] = field(default_factory=dict)
    passing: Mapping[str, Sequence[Claim]] = field(default_factory=dict)
    aged: frozenset[str] = frozenset()
    owning: Mapping[str, Sequence[ForeignKey]] = field(default_factory=dict)
    own_keys: Mapping[str, OwnKey] = field(default_factory=dict)
    owner_keys: tuple[tuple[str, tuple[KeyType, ...]], ...] = ()
    deciding: tuple[tuple[str, tuple[KeyType, ...]], ...] = ()
    aliases: Aliases = field(default_factory=Aliases)
    statements: StatementCache = field(default_factory=StatementCache, repr=False, compare=False)
    telling: BoundStore | None = field(default=None, repr=False, compare=False)

    def claimable(self, namespace: str) -> bool:
        """Rows of persons may say that a key of this namespace is another's."""
        return any(self.collections[one.collection].in_scope for one in self.passing.get(namespace, ()))

    @property
    def outside(self) -> Sequence[BoundTable]:
        """The collections of other controllers, in other tables, whose rows say whose an internal key is by now."""
        tables = {one.table.oid for one in self.scoped.values()}
        others = (one for one in self.collections.values() if one.table.oid not in tables)
        return [one for one in others if not self.known_anywhere.isdisjoint(one.yields)]

    @property
    def holding(self) -> frozenset[str]:
        """The collections of which a row may hold a shared one that it does not lead to."""
        keys = (key for keys in self.owning.values() for key in keys)
        return frozenset(one.name for key in keys for one in self.takers(key.child))

    @property
    def by_table(self) -> Mapping[str, BoundTable]:
        """`schema.table` -> its collection; of several the one that takes whole rows."""
        parts_last = sorted(self.collections.values(), key=lambda one: one.action is Action.TOMBSTONE, reverse=True)
        return {one.table.text: one for one in parts_last}

    def takers(self, table: str) -> Sequence[BoundTable]:
        """The collections that take whole rows of a `schema.table`, each of its kind; or one with a part of them."""
        there = [one for one in self.collections.values() if one.table.text == table]
        parts = [
            one.name
            for one in there
            if one.action is Action.TOMBSTONE
            and any(other is not one and not one.spec.apart(other.spec) for other in there)
        ]
        return [one for one in there if one.name not in parts] or there[:1]

    def place(self, name: str) -> int:
        """The collection's number, in link order: part of the names of its temporary tables."""
        return list(self.collections).index(name)

    @property
    def leading(self) -> Mapping[str, Sequence[str]]:
        """Collection of the scope -> the collections that lead to it, or whose rows may own a shared row of it."""
        owners = {
            name: [one.name for key in keys for one in self.takers(key.child)] for name, keys in self.owning.items()
        }
        return {
            name: [
                one
                for one in (*(link.of[0] for link in mapped.links if link.of is not None), *owners.get(name, ()))
                if one in self.scoped
            ]
            for name, mapped in self.scoped.items()
        }

    @property
    def scoped(self) -> Mapping[str, BoundTable]:
        """The collections of the request's controller, in link order."""
        return {name: mapped for name, mapped in self.collections.items() if mapped.in_scope}
