"""Bound tables: tables of the map with their live columns: which keys are compared, what happens to a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_config.normalisers import Normaliser
from expunge_config.spellings import Spellings
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.key_types import (
    TEXT,
    KeyType,
    as_it_is,
    comparable,
    key_type,
    names_people,
    spelling,
)
from expunge_connectors.postgres.catalog.reader import Catalogue, Column, ForeignKey, Table
from expunge_connectors.postgres.claims import Claim, hearsay, passing_values, person_link
from expunge_connectors.postgres.dependency_graph import CycleError, topological_order
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind, bound
from expunge_connectors.postgres.mapping.owner_values import refuse_misspelled
from expunge_connectors.postgres.row_kinds import RowKind
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.table_spec import Link, Source, TableSpec, internal_namespace, sought_namespace


@dataclass(frozen=True, slots=True)
class BoundLink:
    """One link of one collection.

    Attributes:
        columns: The columns compared.
        namespace: The keys they are compared with: an identity, or `store.collection.column`.
        types: The types of comparison, one a column; TEXT where a normaliser's expression is compared.
        source: Where in the row an identity stands.
        normaliser: SQL with `{column}`; None: the column itself is compared.
        spellings: Keys are compared with the texts that were read as the same (see `stored_spellings`).
        of_several: A text that names several people is each one's: a person's own, or the map says so.
        sure: The keys are never re-used, so age does not matter.
        lookup_only: The identity is shareable: it selects nothing for counting, erasing and verifying.
        of: (collection, columns) that lead here, for a link inside the store.
        below: A link within one collection: it leads from a row to the rows below it.
        unclaimed: It is found by such keys alone as nobody else claims. A person's own row is sought by any.
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
    unclaimed: bool = False
    where: tuple[BoundKind, ...] = ()
    ends: tuple[str, str] | None = None

    @property
    def staged(self) -> tuple[str, tuple[KeyType, ...]]:
        """What keys of this link are staged as: a namespace, and a type for each value (see `key_staging.Wanted`).

        Of a key that is spelt in many ways, each text that it was read from, and the key itself.
        """
        if self.spellings is None or self.source is None:
            return self.namespace, self.types
        people = "several people" if self.of_several else "one person"
        return f"{self.namespace} as spelt in {self.source.region or 'any region'} of {people}", (TEXT, TEXT)


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
        hearsay: Reusable identities among them that a row merely tells, and is not found by: a row of somebody else's
            may tell the same value.
        names: The link by which a row names whose it is; None: it is a person, or names nobody by a person's own key.
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
    hearsay: tuple[str, ...]
    names: BoundLink | None
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
class BoundStore:
    """The store's collections in link order: what leads to rows stands before what it leads to.

    Attributes:
        logs: Collection -> (`schema.table`, its oid) of the logs.
        may_change: Tables (`schema.table`) whose rows may change by themselves while we erase: accepted triggers write
            them, or they hold no personal data.
        common: Internal identity -> the collections that yield it, where there are several, in the scope or not.
        passing: Namespaces whose values pass from one person to another, texts in which they stand among them -> who
            claims them.
        statements: The statements about it that were put together so far.
    """

    name: str
    collections: Mapping[str, BoundTable]
    foreign_keys: tuple[ForeignKey, ...]
    logs: Mapping[str, tuple[str, int]]
    may_change: frozenset[str] = frozenset()
    common: Mapping[str, tuple[BoundTable, ...]] = field(default_factory=dict)
    passing: Mapping[str, Sequence[Claim]] = field(default_factory=dict)
    statements: StatementCache = field(default_factory=StatementCache, repr=False, compare=False)

    def claimable(self, namespace: str) -> bool:
        """Rows of persons may say that a key of this namespace is another's."""
        return any(self.collections[one.collection].in_scope for one in self.passing.get(namespace, ()))

    @property
    def by_table(self) -> Mapping[str, BoundTable]:
        """`schema.table` -> its collection; of several the one that takes whole rows."""
        parts_last = sorted(self.collections.values(), key=lambda one: one.action is Action.TOMBSTONE, reverse=True)
        return {one.table.text: one for one in parts_last}

    def place(self, name: str) -> int:
        """The collection's number, in link order: part of the names of its temporary tables."""
        return list(self.collections).index(name)

    @property
    def scoped(self) -> Mapping[str, BoundTable]:
        """The collections of the request's controller, in link order."""
        return {name: mapped for name, mapped in self.collections.items() if mapped.in_scope}


def bound_store(name: str, data_map: DataMap, catalogue: Catalogue, scope: Scope) -> BoundStore:
    """Join map and catalogue for one scope.

    Raises:
        TerminalError: A table or column is missing, links do not fit, an owner is undecided, or the member
            is spelled as none is.
    """
    spec = store_spec(name, data_map)
    data = {collection: table for collection, table in spec.collections.items() if table.log is None}
    edges = [
        (lead, reached) for reached, table in data.items() for lead, _ in outgoing_columns(table) if lead != reached
    ]
    try:
        order = topological_order(data, edges)
    except CycleError as error:
        raise TerminalError(f"store {name}: the links of {', '.join(error.names)} run in a circle.") from None
    passing = passing_values(name, spec, data_map, catalogue)
    builder = _Builder(name, spec, data_map, catalogue, scope, frozenset(passing))
    logs = {
        collection: (table.table, catalogue.tables[table.table].oid)
        for collection, table in spec.collections.items()
        if table.log is not None and table.table in catalogue.tables
    }
    accepted = {table for one in data.values() for trigger in one.triggers_ok for table in trigger.writes}
    free = {one.place for one in spec.unmapped_ok}
    tables = {one: builder.table(one) for one in order}
    common = {
        identity: holders
        for identity, one in data_map.identities.items()
        if one.kind is IdentityKind.INTERNAL
        and len(holders := tuple(table for table in tables.values() if identity in table.yields)) > 1
    }
    links = [link for table in tables.values() for link in table.links]
    in_texts = {link.staged[0]: passing[link.namespace] for link in links if link.namespace in passing}
    return BoundStore(
        name, tables, catalogue.foreign_keys, logs, frozenset(accepted | free), common, {**passing, **in_texts}
    )


def store_spec(name: str, data_map: DataMap) -> PostgresSpec:
    """The map's entry for this store.

    Raises:
        TerminalError: The map has no Postgres store of this name.
    """
    spec = data_map.stores.get(name)
    if not isinstance(spec, PostgresSpec):
        raise TerminalError(f"the data map has no Postgres store {name}.")
    return spec


def outgoing_columns(table: TableSpec) -> list[tuple[str, tuple[str, ...]]]:
    """(collection, columns) of every link inside the store."""
    return [link.lead for link in table.found_by if link.lead is not None]


@dataclass(frozen=True, slots=True)
class _Builder:
    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope
    passing: frozenset[str]

    def table(self, name: str) -> BoundTable:
        spec = self.spec.collections[name]
        table = self._live(name)
        if spec.owner is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the map does not say whose records these are.",
                remedy="Give the collection an `owner`.",
            )
        data_type = self.data_map.data_types[spec.data_type or ""]
        in_scope = spec.owner.controller == self.scope.controller
        if in_scope and spec.owner.column is not None and self.scope.member is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the request does not say which member it is for."
            )
        for column in (spec.owner.column, spec.created, spec.start):
            if column is not None:
                self._column(name, column)
        if in_scope and spec.owner.column is not None and self.scope.member is not None:
            refuse_misspelled(self.store, name, self._column(name, spec.owner.column), self.scope.member)
        for column in spec.tombstone:
            if self._column(name, column).generated:
                raise TerminalError(
                    f"store {self.store}, collection {name}: the server alone writes the column {column}.",
                    remedy="Leave it out of the tombstone.",
                )
        return BoundTable(
            name=name,
            spec=spec,
            table=table,
            links=tuple(self._unclaimed(spec, self._link(name, link)) for link in spec.found_by),
            feeds=self._feeds(name),
            yields={
                identity: (self._source(name, source), self.data_map.identities[identity].rule)
                for identity, source in spec.yields.items()
            },
            binding=tuple(
                identity
                for identity in spec.yields
                if self.data_map.identities[identity].kind is not IdentityKind.REUSABLE
            ),
            hearsay=tuple(link.identity or "" for link in hearsay(self.spec, spec, self.data_map)),
            names=self._names(name, spec),
            action=data_type.on_request,
            period=str(data_type.rule.period) if data_type.on_request is Action.RETAIN else None,
            member_column=spec.owner.column,
            in_scope=in_scope,
        )

    def _live(self, name: str) -> Table:
        table = self.catalogue.tables.get(self.spec.collections[name].table)
        if table is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the table is missing.",
                remedy="Correct `table` in the data map, or restore the table.",
            )
        if not table.supported:
            raise TerminalError(
                f"store {self.store}, collection {name}: {table.text} is a view, a foreign table, a partition, or"
                " inherits from another table.",
                remedy="Name the table at the top: its partitions and children are included.",
            )
        return table

    def _column(self, name: str, column: str) -> Column:
        found = self._live(name).columns.get(column)
        if found is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the column {column} is missing.",
                remedy="Correct the column's name in the data map.",
            )
        return found

    def _source(self, name: str, source: Source) -> Source:
        live = self._column(name, source.column)
        base = live.base
        self._kinds(name, source.where)
        if not names_people(live, inside=source.several, of_bytes=source.of_bytes):
            raise TerminalError(
                f"store {self.store}, collection {name}: identifiers cannot be told in the column {source.column},"
                f" which is {live.type}."
            )
        if source.ends is not None and source.path is None and not textual(base):
            raise TerminalError(f"store {self.store}, collection {name}: the column {source.column} holds no texts.")
        if source.path is not None and base not in {"json", "jsonb"}:
            raise TerminalError(f"store {self.store}, collection {name}: the column {source.column} is no JSON.")
        if source.each and not base.endswith("[]"):
            raise TerminalError(f"store {self.store}, collection {name}: the column {source.column} is no array.")
        return source

    def _link(self, name: str, link: Link) -> BoundLink:
        columns = tuple(self._column(name, column) for column in link.names)
        where = self._kinds(name, link.where)
        if link.lead is not None:
            lead, lead_columns = link.lead
            types = tuple(map(key_type, columns))
            theirs = [self._column(lead, column) for column in lead_columns]
            if not all(map(comparable, columns, theirs)):
                raise TerminalError(
                    f"store {self.store}, collection {name}: {', '.join(link.names)} and {lead}"
                    f" ({', '.join(lead_columns)}) have types that cannot be compared exactly."
                )
            namespace = internal_namespace(self.store, lead, lead_columns)
            return BoundLink(columns, namespace, types, of=link.lead, below=lead == name, where=where)
        identity = self.data_map.identities[link.identity or ""]
        sure = identity.kind is not IdentityKind.REUSABLE
        source = self._source(name, link.source)
        if source.ends is not None:
            # What has one spelling is compared with the text around it, so that the index of the column serves.
            one = identity.rule.plain or identity.rule.counts
            kind, normaliser = TEXT, None if one else spelling(identity.rule, columns[0], inside=True)
        elif sure and not source.several and as_it_is(identity.rule, columns[0]):
            kind, normaliser = key_type(columns[0]), None
        else:
            kind, normaliser = TEXT, spelling(identity.rule, columns[0], inside=source.several)
        return BoundLink(
            columns,
            link.identity or "",
            (kind,),
            source,
            normaliser,
            identity.rule.spellings,
            sure=sure,
            lookup_only=identity.shareable,
            where=where,
            ends=source.ends,
        )

    def _names(self, name: str, spec: TableSpec) -> BoundLink | None:
        named = None if spec.person is not None else person_link(self.spec, spec, self.data_map)
        return None if named is None else self._link(name, named)

    def _kinds(self, name: str, where: tuple[RowKind, ...]) -> tuple[BoundKind, ...]:
        return bound(where, lambda column: self._column(name, column), self.store, name)

    def _unclaimed(self, spec: TableSpec, link: BoundLink) -> BoundLink:
        return replace(
            link,
            unclaimed=spec.person is None and link.namespace in self.passing,
            of_several=spec.person is not None or spec.goes_with_any is not None,
        )

    def _feeds(self, name: str) -> tuple[OutgoingKey, ...]:
        reached = [
            (other, link)
            for other, table in self.spec.collections.items()
            if table.log is None
            for link in table.found_by
            if link.lead is not None and link.lead[0] == name
        ]
        feeds = []
        for wanted in sorted({link.lead[1] for _, link in reached if link.lead is not None}):
            columns = tuple(self._column(name, column) for column in wanted)
            needed = not all(
                self._guaranteed(other, link, name) for other, link in reached if link.lead == (name, wanted)
            )
            feeds.append(
                OutgoingKey(
                    columns, tuple(map(key_type, columns)), internal_namespace(self.store, name, wanted), needed
                )
            )
        return tuple(feeds)

    def _guaranteed(self, child: str, link: Link, parent: str) -> bool:
        """With the leading row gone, nothing refers to it: the server says so, and the row does go."""
        lead = self.spec.collections[parent]
        if self.data_map.data_types[lead.data_type or ""].on_request is not Action.DELETE or lead.sharing is not None:
            return False
        pairs = set(zip(link.names, link.lead[1] if link.lead is not None else (), strict=True))
        return any(
            key.sound
            and key.child == self.spec.collections[child].table
            and key.parent == lead.table
            and set(zip(key.columns, key.parent_columns, strict=True)) == pairs
            for key in self.catalogue.foreign_keys
        )


def linked_namespaces(store: str, spec: PostgresSpec, scope: Scope) -> frozenset[str]:
    """The namespaces of keys that lead to a collection of this controller; an object's name, say, leads to no row."""
    return frozenset(
        sought_namespace(store, link)
        for table in spec.collections.values()
        if table.owner is not None and table.owner.controller == scope.controller
        for link in table.found_by
    )
