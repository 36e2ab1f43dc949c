"""Link binder: joins the links of the map with the live columns, and with what else says whose a row is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from expunge_config.datamap import DataMap, IdentityKind, others_read_alike
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.key_types import (
    TEXT,
    as_it_is,
    comparable,
    key_type,
    names_people,
    spelling,
)
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Table
from expunge_connectors.postgres.claims import Claim, aged
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind, bound
from expunge_connectors.postgres.mapping.bound_links import BoundLink, BoundValue, ValueHolder
from expunge_connectors.postgres.owner_links import (
    beside,
    held_elsewhere,
    holding,
    named_by,
    names_itself,
    of_one_row,
    persons_found,
    persons_named,
    proven_keys,
    reading,
    towards_parent,
    values_said,
)
from expunge_connectors.postgres.row_kinds import RowKind
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link, Source, internal_namespace
from expunge_connectors.postgres.table_spec import TableSpec


@dataclass(frozen=True, slots=True)
class LinkBinder:
    """Binds links for one scope.

    Attributes:
        store: Its name.
        catalogue: The live tables.
        scope: For whom the request speaks.
        passing: Namespaces whose values pass on -> who claims them.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope
    passing: Mapping[str, Sequence[Claim]]

    def whose(self, name: str, spec: TableSpec, written: Link) -> BoundLink:
        """A link, with what else says whose a row is that it leads to."""
        link = self.link(name, written)
        claims = self._claims(link.namespace)
        unclaimed = spec.person is None and link.namespace in self.passing
        dated = unclaimed and spec.created is not None and link.namespace in self.aged()
        return replace(
            link,
            unclaimed=unclaimed,
            dated=self.column(name, spec.created or "") if dated else None,
            told_by=tuple(self.link(name, one) for one in named_by(self.spec, spec, written, claims, self.data_map)),
            beside=tuple(self.link(name, one) for one in beside(self.spec, spec, written, self.data_map)),
            of_one_row=tuple(self.link(name, one) for one in of_one_row(self.spec, spec, written, self.data_map)),
            **self._values(name, spec, written),
            to_shared=spec.sharing is not None,
            of_several=spec.person is not None or spec.goes_with_any is not None,
        )

    def link(self, name: str, link: Link) -> BoundLink:
        """A link by itself."""
        holders = list(holding(link, self.data_map))
        here = [(one, table) for store, _, one, table in holders if store == self.store]
        told = [one for one, table in here if not table.yields[link.identity or ""].decode]
        return replace(
            self._compared(name, link),
            persons=persons_named(self.spec, link, self.data_map),
            found=persons_found(self.spec, link, self.data_map),
            towards_parent=towards_parent(self.spec, link, self.live(name).key),
            holders=tuple(told),
            person_keys=proven_keys(self.spec, self.spec.collections[name], link, self.data_map),
            held_elsewhere=len(told) < len(holders),
        )

    def _compared(self, name: str, link: Link) -> BoundLink:
        columns = tuple(self.column(name, column) for column in link.names)
        where = self._kinds(name, link.where)
        if link.lead is not None:
            lead, lead_columns = link.lead
            types = tuple(map(key_type, columns))
            theirs = [self.column(lead, column) for column in lead_columns]
            if not all(map(comparable, columns, theirs)):
                raise TerminalError(
                    f"store {self.store}, collection {name}: {', '.join(link.names)} and {lead}"
                    f" ({', '.join(lead_columns)}) have types that cannot be compared exactly."
                )
            namespace = internal_namespace(self.store, lead, lead_columns)
            return BoundLink(columns, namespace, types, of=link.lead, below=lead == name, where=where)
        identity = self.data_map.identities[link.identity or ""]
        sure = identity.kind is not IdentityKind.REUSABLE
        source = self.source(name, link.source)
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
        return bound(where, lambda column: self.column(name, column), self.store, name)

    def _values(self, name: str, spec: TableSpec, written: Link) -> dict[str, Any]:
        """`values`, `said` and `naming` of a link."""
        key = self.live(name).key
        found = (self._value(name, one) for one in values_said(self.spec, spec, written, key, self.data_map))
        said = tuple(one for one in found if one.holders or one.held_elsewhere)
        values = () if spec.goes_with_any is not None else said
        return {"values": values, "said": said, "naming": self.naming(name, spec) if said else ()}

    def _value(self, name: str, written: Link) -> BoundValue:
        """A value, with who holds it by any identity that is read where it may stand (see `shared_places`)."""
        identity, spec = written.identity or "", self.spec.collections[name]
        alike = [identity, *others_read_alike(self.data_map, identity)]
        holders = []
        live = self.column(name, written.names[0])
        rules = {one: spelling(self.data_map.identities[one].rule, live, inside=True) for one in alike}
        for one, rule in rules.items():
            for claim in self._claims(one):
                held, person = (self.link(claim.collection, link) for link in (claim.value, claim.person))
                holders.append(ValueHolder(rule, claim.collection, held, person))
        elsewhere = any(held_elsewhere(self.store, spec, one, self.data_map) for one in alike)
        links = [self.link(name, one) for one in reading(spec, written, self.data_map)]
        known = [
            (one.staged, spelling(self.data_map.identities[one.namespace].rule, live, inside=True)) for one in links
        ]
        return BoundValue(self.link(name, written), tuple(known), tuple(holders), elsewhere)

    def naming(self, name: str, spec: TableSpec) -> tuple[BoundLink, ...]:
        """The links by which a row itself names people."""
        key = self.live(name).key
        found = (one for one in spec.found_by if names_itself(self.spec, spec, one, key, self.data_map))
        return tuple(self.link(name, one) for one in found)

    def aged(self) -> frozenset[str]:
        """Identities of which a row must not be older than the claim on its value."""
        return aged(self.passing, self.data_map)

    def _claims(self, namespace: str) -> list[Claim]:
        return [one for one in self.passing.get(namespace, ()) if self.in_scope(one.collection)]

    def in_scope(self, name: str) -> bool:
        """The collection is of the scope's controller."""
        owner = self.spec.collections[name].owner
        return owner is not None and owner.controller == self.scope.controller

    def source(self, name: str, source: Source) -> Source:
        """The place in a row that the map names.

        Raises:
            TerminalError: Its column is missing, or cannot tell whom a row names.
        """
        live = self.column(name, source.column)
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

    def column(self, name: str, column: str) -> Column:
        """A live column of a collection.

        Raises:
            TerminalError: It is missing.
        """
        found = self.live(name).columns.get(column)
        if found is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the column {column} is missing.",
                remedy="Correct the column's name in the data map.",
            )
        return found

    def live(self, name: str) -> Table:
        """The live table of a collection.

        Raises:
            TerminalError: It is missing, or only a part or a view of one.
        """
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
