"""Verified store: the collections that a request's verification looks at, and how they lead to each other (no SQL)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.tables import Catalogue, Table
from expunge_connectors.postgres.claims import Claim, passing_values
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify import owner_check, stored_texts
from expunge_connectors.postgres.verify.expressions import readable
from expunge_connectors.postgres.verify.stored_texts import ReadColumn


@dataclass(frozen=True, slots=True)
class VerifiedStore:
    """What the map and the catalogue say, read by the verifying side itself.

    Attributes:
        name: The store's name.
        catalogue: The live tables.
        scope: Whose request it is.
    """

    name: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope

    def names(self) -> list[str]:
        """The collections that must be looked at.

        Raises:
            TerminalError: The map leaves open whose records a collection holds, or they are of no such member.
        """
        names = []
        for name, table in self.spec.collections.items():
            if table.log is not None:
                continue
            if table.owner is None:
                raise TerminalError(
                    f"store {self.name}, collection {name}: the map does not say whose records these are."
                )
            if table.owner.controller == self.scope.controller:
                names.append(name)
                column = self.live(name).columns.get(table.owner.column or "")
                if column is not None and self.scope.member is not None:
                    owner_check.check(self.name, name, column, self.scope.member)
        return names

    def composite(self) -> frozenset[str]:
        """The namespaces whose keys are lists: of several columns."""
        tables = self.spec.collections.values()
        links = ((link, table) for table in tables for link in table.found_by)
        return frozenset(self.namespace(link, table) for link, table in links if len(link.names) > 1)

    def passing(self) -> Mapping[str, Sequence[Claim]]:
        """The namespaces whose values pass on, with who claims them in the scope."""
        found = passing_values(self.name, self.spec, self.data_map, self.catalogue)
        return {
            namespace: [one for one in claims if self.in_scope(one.collection)] for namespace, claims in found.items()
        }

    def own_keys(self) -> Mapping[str, tuple[str, bool]]:
        """Namespace of what links `of` compare with the column that yields a person's key -> the key's identity.

        Rows refer to a person by it for as long as the person's key is theirs. And whether they are one value.
        """
        found: dict[str, tuple[str, bool]] = {}
        for name, table in self.spec.collections.items():
            source = table.yields.get(table.person or "")
            if table.person is None or source is None:
                continue
            if source.several or source.template or source.decode or source.where:
                continue
            rule, column = self.data_map.identities[table.person].rule, self.live(name).columns[source.column]
            same = readable(column, rule) and column.equality is None
            found[f"{self.name}.{name}.{source.column}"] = table.person, same
        return found

    def own_keys_told(self) -> Mapping[str, Sequence[str]]:
        """Identity of persons -> those namespaces whose keys it tells, also where the person's row is gone."""
        found: dict[str, list[str]] = {}
        for namespace, (identity, same) in self.own_keys().items():
            # Of a member's the person's row says whose they are.
            if same and self.scope.member is None and self.in_scope(namespace.split(".")[1]):
                found.setdefault(identity, []).append(namespace)
        return found

    def tables(self, names: Sequence[str]) -> dict[str, sql.Identifier]:
        """Collection -> its table."""
        return {name: self.live(name).identifier for name in names}

    def read_columns(self, names: Sequence[str]) -> list[ReadColumn]:
        """The columns whose texts have to be read before anything is compared."""
        return [
            ReadColumn(self.live(name), link, self.namespace(link, spec), spellings, stored_texts.of_several(spec))
            for name in dict.fromkeys(one for name in names for one in self.way(name))
            for spec in [self.spec.collections[name]]
            for link in spec.found_by
            if link.identity is not None
            and (spellings := self.data_map.identities[link.identity].rule.spellings) is not None
        ]

    def way(self, name: str, below: tuple[str, ...] = ()) -> Iterator[str]:
        """The collections through which this one is reached, those that lead first, and itself last."""
        if name in below:
            raise TerminalError(f"store {self.name}: the links of {name} run in a circle.")
        for link in self.spec.collections[name].found_by:
            lead = link.lead[0] if link.lead is not None else name
            if lead != name and self.in_scope(lead):
                yield from self.way(lead, (*below, name))
        yield name

    def owning(self, shared: str) -> Iterator[str]:
        """The collections whose rows point to a shared row by a foreign key that no link follows.

        Not those on whose way there are shared rows: the expressions would run in a circle.
        """
        keys = owning_keys(shared, self.spec.collections, self.catalogue.foreign_keys)
        tables = {key.child for key in keys}
        for name, spec in self.spec.collections.items():
            theirs = spec.table in tables and spec.log is None and self.in_scope(name)
            if theirs and all(self.spec.collections[one].sharing is None for one in self.way(name)):
                yield name

    def in_scope(self, name: str) -> bool:
        """The collection's records are those of the request's controller."""
        owner = self.spec.collections[name].owner
        return owner is not None and owner.controller == self.scope.controller

    def leads_anywhere(self, name: str, namespaces: AbstractSet[str]) -> bool:
        """A key of these namespaces may lead to rows of this collection, or of one that leads to it."""
        return any(
            self.namespace(link, self.spec.collections[name]) in namespaces
            or (link.lead is not None and link.lead[0] != name and self.leads_anywhere(link.lead[0], namespaces))
            for link in self.spec.collections[name].found_by
        )

    def namespace(self, link: Link, spec: TableSpec) -> str:
        """Of the keys that a link of a collection is compared with."""
        if link.lead is None:
            return stored_texts.namespace(link, spec, self.data_map)
        return f"{self.name}.{link.lead[0]}.{'+'.join(link.lead[1])}"

    def expression(self, name: str) -> sql.Identifier:
        """What a collection's common table expression is called: the server cuts names after 63 bytes."""
        return sql.Identifier(f"{list(self.spec.collections).index(name)} {name[:10]}")

    def led_from(self, name: str) -> list[str]:
        """The columns of this collection that links of others name, sorted."""
        links = (
            link.lead for table in self.spec.collections.values() for link in table.found_by if link.lead is not None
        )
        return sorted({column for lead, columns in links if lead == name for column in columns})

    def live(self, name: str) -> Table:
        """The live table of a collection.

        Raises:
            TerminalError: It is missing.
        """
        table = self.catalogue.tables.get(self.spec.collections[name].table)
        if table is None:
            raise TerminalError(f"store {self.name}, collection {name}: the table is missing.")
        return table
