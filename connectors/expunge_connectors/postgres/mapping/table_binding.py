"""Table binding: joins map and live catalogue for one scope, or says what does not fit (links: `link_binder`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.key_types import (
    KeyType,
    as_it_is,
    key_type,
)
from expunge_connectors.postgres.catalog.tables import Catalogue, Table
from expunge_connectors.postgres.claims import passing_values, told
from expunge_connectors.postgres.dependency_graph import CycleError, has_path, topological_order
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable, OutgoingKey, OwnKey
from expunge_connectors.postgres.mapping.link_binder import LinkBinder
from expunge_connectors.postgres.mapping.owner_values import refuse_misspelled
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.table_links import Link, internal_namespace, sought_namespace
from expunge_connectors.postgres.table_spec import TableSpec


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
    owning = {one: owning_keys(one, spec.collections, catalogue.foreign_keys) for one in data}
    for shared, keys in owning.items():  # whether an owner goes as well is known once it was searched for
        holding = sorted({one for key in keys for one in spec.takers(key.child, data_map)} & data.keys())
        edges += [(one, shared) for one in holding if not has_path(edges, shared, one)]
    try:
        order = topological_order(data, edges)
    except CycleError as error:
        raise TerminalError(f"store {name}: the links of {', '.join(error.names)} run in a circle.") from None
    passing = passing_values(name, spec, data_map, catalogue)
    links = LinkBinder(name, spec, data_map, catalogue, scope, passing)
    binder = _TableBinder(links)
    logs = {
        collection: (table.table, catalogue.tables[table.table].oid)
        for collection, table in spec.collections.items()
        if table.log is not None and table.table in catalogue.tables
    }
    accepted = {table for one in data.values() for trigger in one.triggers_ok for table in trigger.writes}
    free = {one.place for one in spec.unmapped_ok}
    tables = {one: binder.table(one) for one in order}
    internal = frozenset(name for name, one in data_map.identities.items() if one.kind is IdentityKind.INTERNAL)
    common = {
        identity: holders
        for identity in data_map.identities
        if identity in internal
        and len(holders := tuple(table for table in tables.values() if identity in table.yields)) > 1
    }
    sought = [link for table in tables.values() for link in (*table.links, *table.tells)]
    in_texts = {link.staged[0]: passing[link.namespace] for link in sought if link.namespace in passing}
    store = BoundStore(
        name,
        tables,
        catalogue.foreign_keys,
        logs,
        frozenset(accepted | free),
        internal,
        internal - _counted_by_members(tables.values(), data_map),
        common,
        {**passing, **in_texts},
        links.aged(),
        owning,
        _own_keys(tables.values(), scope),
        _owner_keys(tables.values()),
        _deciding(tables.values()),
        Aliases.of(data_map),
    )
    by_more = {one: replace(table, links=(*table.links, *table.tells)) for one, table in tables.items()}
    return replace(store, telling=replace(store, collections=by_more, statements=StatementCache()))


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


def _counted_by_members(tables: Iterable[BoundTable], data_map: DataMap) -> frozenset[str]:
    """Identities of which two members may have one value for two things: unique together with the member, if at all."""
    found: set[str] = set()
    many = {name for name, one in data_map.controllers.items() if one.many}
    for mapped in tables:
        owner = mapped.spec.owner
        if owner is None or owner.controller not in many:
            continue
        by_schema = owner.column is None and not owner.inherited
        for identity, (source, _) in mapped.yields.items():
            alone = source.column in mapped.table.alone and not source.several and not by_schema
            if not alone and source.never_shared is None:
                found.add(identity)
    return frozenset(found)


def _own_keys(tables: Iterable[BoundTable], scope: Scope) -> dict[str, OwnKey]:
    found = {}
    for mapped in tables:
        if mapped.spec.person is None:
            continue
        source, rule = mapped.yields[mapped.spec.person]
        if source.several or source.ends or source.decode or source.where:
            continue
        live = mapped.table.columns[source.column]
        same = as_it_is(rule, live) and live.equality is None  # to citext another spelling is the same key
        for feed in mapped.feeds:
            if [one.name for one in feed.columns] == [source.column]:
                told = same and feed.needed and mapped.in_scope and scope.member is None
                found[feed.namespace] = OwnKey(mapped.name, mapped.spec.person, same=same, told=told)
    return found


def _owner_keys(tables: Iterable[BoundTable]) -> tuple[tuple[str, tuple[KeyType, ...]], ...]:
    tables = list(tables)
    links = [link for table in tables for link in table.links]
    asked = any(link.beside or link.said or link.of_one_row for link in links)
    if not asked and not any(table.passing_on and table.links for table in tables):
        return ()
    said = [link for link in links if link.of is None and link.persons and (link.held_elsewhere or not link.holders)]
    return tuple(dict.fromkeys(link.staged for link in said))


def _deciding(tables: Iterable[BoundTable]) -> tuple[tuple[str, tuple[KeyType, ...]], ...]:
    tables = list(tables)
    links = [link for table in tables for link in table.links]
    kinds = {kind for link in links for one in link.of_one_row for kind in one.person_keys - link.person_keys}
    plain = {link.staged for link in links if link.namespace in kinds and link.spellings is None}
    return tuple(one for one in _owner_keys(tables) if one in plain)


@dataclass(frozen=True, slots=True)
class _TableBinder:
    links: LinkBinder

    def table(self, name: str) -> BoundTable:
        spec = self.links.spec.collections[name]
        table = self.links.live(name)
        if spec.owner is None:
            raise TerminalError(
                f"store {self.links.store}, collection {name}: the map does not say whose records these are.",
                remedy="Give the collection an `owner`.",
            )
        data_type = self.links.data_map.data_types[spec.data_type or ""]
        in_scope = spec.owner.controller == self.links.scope.controller
        if in_scope and spec.owner.column is not None and self.links.scope.member is None:
            raise TerminalError(
                f"store {self.links.store}, collection {name}: the request does not say which member it is for."
            )
        for column in (spec.owner.column, spec.created, spec.start, *spec.since.values()):
            if column is not None:
                self.links.column(name, column)
        if in_scope and spec.owner.column is not None and self.links.scope.member is not None:
            refuse_misspelled(
                self.links.store, name, self.links.column(name, spec.owner.column), self.links.scope.member
            )
        for column in spec.tombstone:
            if self.links.column(name, column).generated:
                raise TerminalError(
                    f"store {self.links.store}, collection {name}: the server alone writes the column {column}.",
                    remedy="Leave it out of the tombstone.",
                )
        return BoundTable(
            name=name,
            spec=spec,
            table=table,
            links=tuple(self.links.whose(name, spec, link) for link in spec.found_by),
            feeds=self._feeds(name),
            yields={
                identity: (self.links.source(name, source), self.links.data_map.identities[identity].rule)
                for identity, source in spec.yields.items()
            },
            binding=tuple(
                identity
                for identity in spec.yields
                if self.links.data_map.identities[identity].kind is not IdentityKind.REUSABLE
            ),
            since={
                identity: self.links.column(name, one.since)
                for identity in self.links.aged() & spec.yields.keys()
                for one in self.links.passing[identity]
                if one.collection == name and one.since is not None
            },
            tells=tuple(
                self.links.whose(name, spec, link) for link in told(self.links.spec, spec, self.links.data_map)
            ),
            naming=self.links.naming(name, spec),
            naming_beside=tuple(one for other in self._beside(name) for one in self.links.naming(*other)),
            passing_on=self._passing_on(spec, table),
            action=data_type.on_request,
            period=str(data_type.rule.period) if data_type.on_request is Action.RETAIN else None,
            member_column=spec.owner.column,
            in_scope=in_scope,
        )

    def _beside(self, name: str) -> Iterator[tuple[str, TableSpec]]:
        """The other collections of the table whose rows are people's, and not elements of them."""
        table = self.links.spec.collections[name].table
        for other, spec in self.links.spec.collections.items():
            if other != name and spec.table == table and not spec.by_elements and self.links.in_scope(other):
                yield other, spec

    def _passing_on(self, spec: TableSpec, table: Table) -> frozenset[str]:
        if spec.person is not None or spec.by_elements:
            return frozenset()
        internal = {name for name, one in self.links.data_map.identities.items() if one.kind is IdentityKind.INTERNAL}
        row = {
            name
            for name, source in spec.yields.items()
            if name in internal and source.column in table.alone and not source.several
        }
        return frozenset(spec.yields) - self.links.data_map.person_identities - row

    def _feeds(self, name: str) -> tuple[OutgoingKey, ...]:
        reached = [
            (other, link)
            for other, table in self.links.spec.collections.items()
            if table.log is None
            for link in table.found_by
            if link.lead is not None and link.lead[0] == name
        ]
        feeds = []
        for wanted in sorted({link.lead[1] for _, link in reached if link.lead is not None}):
            columns = tuple(self.links.column(name, column) for column in wanted)
            needed = not all(
                self._guaranteed(other, link, name) for other, link in reached if link.lead == (name, wanted)
            )
            feeds.append(
                OutgoingKey(
                    columns, tuple(map(key_type, columns)), internal_namespace(self.links.store, name, wanted), needed
                )
            )
        return tuple(feeds)

    def _guaranteed(self, child: str, link: Link, parent: str) -> bool:
        """With the leading row gone, nothing refers to it: the server says so, and the row does go."""
        lead = self.links.spec.collections[parent]
        if (
            self.links.data_map.data_types[lead.data_type or ""].on_request is not Action.DELETE
            or lead.sharing is not None
        ):
            return False
        pairs = set(zip(link.names, link.lead[1] if link.lead is not None else (), strict=True))
        return any(
            key.sound
            and key.child == self.links.spec.collections[child].table
            and key.parent == lead.table
            and set(zip(key.columns, key.parent_columns, strict=True)) == pairs
            for key in self.links.catalogue.foreign_keys
        )


def linked_namespaces(store: str, spec: PostgresSpec, scope: Scope) -> frozenset[str]:
    """The namespaces of keys that lead to a collection of this controller; an object's name, say, leads to no row."""
    return frozenset(
        sought_namespace(store, link)
        for table in spec.collections.values()
        if table.owner is not None and table.owner.controller == scope.controller
        for link in table.found_by
    )
