"""Table binding: joins the data map and the live catalogue for one scope, or says what does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from expunge_config.datamap import Action, DataMap, IdentityKind, others_read_alike
from expunge_connectors.aliases import Aliases
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
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Table
from expunge_connectors.postgres.claims import Claim, aged, passing_values, told
from expunge_connectors.postgres.dependency_graph import CycleError, has_path, topological_order
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind, bound
from expunge_connectors.postgres.mapping.bound_tables import (
    BoundLink,
    BoundStore,
    BoundTable,
    BoundValue,
    OutgoingKey,
    OwnKey,
    ValueHolder,
)
from expunge_connectors.postgres.mapping.owner_values import refuse_misspelled
from expunge_connectors.postgres.owner_links import (
    beside,
    held_elsewhere,
    holding,
    named_by,
    names_itself,
    of_one_row,
    person_keys,
    persons_found,
    persons_named,
    reading,
    towards_parent,
    values_said,
)
from expunge_connectors.postgres.row_kinds import RowKind
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.table_spec import Link, Source, TableSpec, internal_namespace, sought_namespace


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
    builder = _TableBinder(name, spec, data_map, catalogue, scope, passing)
    logs = {
        collection: (table.table, catalogue.tables[table.table].oid)
        for collection, table in spec.collections.items()
        if table.log is not None and table.table in catalogue.tables
    }
    accepted = {table for one in data.values() for trigger in one.triggers_ok for table in trigger.writes}
    free = {one.place for one in spec.unmapped_ok}
    tables = {one: builder.table(one) for one in order}
    internal = frozenset(name for name, one in data_map.identities.items() if one.kind is IdentityKind.INTERNAL)
    common = {
        identity: holders
        for identity in data_map.identities
        if identity in internal
        and len(holders := tuple(table for table in tables.values() if identity in table.yields)) > 1
    }
    links = [link for table in tables.values() for link in (*table.links, *table.tells)]
    in_texts = {link.staged[0]: passing[link.namespace] for link in links if link.namespace in passing}
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
        builder.aged(),
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
    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope
    passing: Mapping[str, Sequence[Claim]]

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
        for column in (spec.owner.column, spec.created, spec.start, *spec.since.values()):
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
            links=tuple(self._whose(name, spec, link) for link in spec.found_by),
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
            since={
                identity: self._column(name, one.since)
                for identity in self.aged() & spec.yields.keys()
                for one in self.passing[identity]
                if one.collection == name and one.since is not None
            },
            tells=tuple(self._whose(name, spec, link) for link in told(self.spec, spec, self.data_map)),
            naming=self._naming(name, spec),
            passing_on=self._passing_on(spec, table),
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
        """A link by itself."""
        holders = list(holding(link, self.data_map))
        here = [(one, table) for store, _, one, table in holders if store == self.store]
        told = [one for one, table in here if not table.yields[link.identity or ""].decode]
        return replace(
            self._compared(name, link),
            persons=persons_named(self.spec, link, self.data_map),
            found=persons_found(self.spec, link, self.data_map),
            towards_parent=towards_parent(self.spec, link, self._live(name).key),
            holders=tuple(told),
            person_keys=person_keys(self.spec, link, self.data_map),
            held_elsewhere=len(told) < len(holders),
        )

    def _compared(self, name: str, link: Link) -> BoundLink:
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

    def _kinds(self, name: str, where: tuple[RowKind, ...]) -> tuple[BoundKind, ...]:
        return bound(where, lambda column: self._column(name, column), self.store, name)

    def _whose(self, name: str, spec: TableSpec, written: Link) -> BoundLink:
        """A link, with what else says whose a row is that it leads to."""
        link = self._link(name, written)
        claims = self._claims(link.namespace)
        unclaimed = spec.person is None and link.namespace in self.passing
        dated = unclaimed and spec.created is not None and link.namespace in self.aged()
        return replace(
            link,
            unclaimed=unclaimed,
            dated=self._column(name, spec.created or "") if dated else None,
            told_by=tuple(self._link(name, one) for one in named_by(self.spec, spec, written, claims, self.data_map)),
            beside=tuple(self._link(name, one) for one in beside(self.spec, spec, written, self.data_map)),
            of_one_row=tuple(self._link(name, one) for one in of_one_row(self.spec, spec, written, self.data_map)),
            **self._values(name, spec, written),
            to_shared=spec.sharing is not None,
            of_several=spec.person is not None or spec.goes_with_any is not None,
        )

    def _values(self, name: str, spec: TableSpec, written: Link) -> dict[str, Any]:
        """`values`, `said` and `naming` of a link."""
        key = self._live(name).key
        found = (self._value(name, one) for one in values_said(self.spec, spec, written, key, self.data_map))
        said = tuple(one for one in found if one.holders or one.held_elsewhere)
        values = () if spec.goes_with_any is not None else said
        return {"values": values, "said": said, "naming": self._naming(name, spec) if said else ()}

    def _passing_on(self, spec: TableSpec, table: Table) -> frozenset[str]:
        if spec.person is not None or spec.by_elements:
            return frozenset()
        internal = {name for name, one in self.data_map.identities.items() if one.kind is IdentityKind.INTERNAL}
        row = {
            name
            for name, source in spec.yields.items()
            if name in internal and source.column in table.alone and not source.several
        }
        return frozenset(spec.yields) - self.data_map.person_identities - row

    def _naming(self, name: str, spec: TableSpec) -> tuple[BoundLink, ...]:
        """The links by which a row itself names people."""
        key = self._live(name).key
        found = (one for one in spec.found_by if names_itself(self.spec, spec, one, key, self.data_map))
        return tuple(self._link(name, one) for one in found)

    def _value(self, name: str, written: Link) -> BoundValue:
        """A value, with who holds it by any identity that is read where it may stand (see `shared_places`)."""
        identity, spec = written.identity or "", self.spec.collections[name]
        alike = [identity, *others_read_alike(self.data_map, identity)]
        holders = []
        live = self._column(name, written.names[0])
        rules = {one: spelling(self.data_map.identities[one].rule, live, inside=True) for one in alike}
        for one, rule in rules.items():
            for claim in self._claims(one):
                held, person = (self._link(claim.collection, link) for link in (claim.value, claim.person))
                holders.append(ValueHolder(rule, claim.collection, held, person))
        elsewhere = any(held_elsewhere(self.store, spec, one, self.data_map) for one in alike)
        links = [self._link(name, one) for one in reading(spec, written, self.data_map)]
        known = [
            (one.staged, spelling(self.data_map.identities[one.namespace].rule, live, inside=True)) for one in links
        ]
        return BoundValue(self._link(name, written), tuple(known), tuple(holders), elsewhere)

    def aged(self) -> frozenset[str]:
        """Identities of which a row must not be older than the claim on its value."""
        return aged(self.passing, self.data_map)

    def _claims(self, namespace: str) -> list[Claim]:
        return [one for one in self.passing.get(namespace, ()) if self._in_scope(one.collection)]

    def _in_scope(self, name: str) -> bool:
        owner = self.spec.collections[name].owner
        return owner is not None and owner.controller == self.scope.controller

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
