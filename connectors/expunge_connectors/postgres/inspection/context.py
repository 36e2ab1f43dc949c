"""Inspection context: map, catalogue and connection that every check works on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import Finding, Scope, Severity
from expunge_connectors.postgres.catalog.tables import Catalogue, Table
from expunge_connectors.postgres.catalog.tenant_shapes import Tenants
from expunge_connectors.postgres.catalog.unique_columns import Uniques
from expunge_connectors.postgres.claims import Claim, passing_values
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec


@dataclass(frozen=True)
class InspectionContext:
    """One store: what the map says and what is there.

    Attributes:
        data_map: With the first schema of the tenants in the place of their pattern.
        role: The name of the role that we work as.
        uniques: Of every table of the catalogue.
        tenants: The schemas with tables that are named by a pattern; None: none are.
        schemas: Those of them whose rows are looked at, the first one first (see `member_schemas`).
        until: When there is no more time for others than the first one (monotonic seconds).
    """

    store: str
    data_map: DataMap
    spec: PostgresSpec
    catalogue: Catalogue
    role: str
    uniques: Uniques
    tenants: Tenants | None = None
    schemas: tuple[str, ...] = ()
    until: float = 0

    @cached_property
    def named(self) -> frozenset[str]:
        """Every `schema.table` that the map names."""
        return frozenset(one.table for one in self.spec.collections.values())

    @cached_property
    def passing(self) -> Mapping[str, Sequence[Claim]]:
        """Namespaces of keys whose values pass on -> who claims them."""
        return passing_values(self.store, self.spec, self.data_map, self.catalogue)

    def data(self) -> Iterator[tuple[str, TableSpec]]:
        """The collections that are no logs."""
        return ((name, table) for name, table in self.spec.collections.items() if table.log is None)

    def live_data(self) -> Iterator[tuple[str, TableSpec, Table]]:
        """The collections that are no logs and whose tables exist."""
        for name, spec in self.data():
            table = self.catalogue.tables.get(spec.table)
            if table is not None:
                yield name, spec, table

    def action(self, spec: TableSpec) -> Action:
        """What a request does with the collection; not for logs."""
        return self.data_map.data_types[spec.data_type or ""].on_request

    def deletes(self, spec: TableSpec) -> bool:
        """Rows of the collection are deleted at some time (a retained one's when they expire)."""
        return spec.log is None and self.action(spec) is not Action.TOMBSTONE

    def collection_of(self, table: str) -> str | None:
        """The collection that has this `schema.table`, logs included; of several the one that takes whole rows."""
        return self.spec.of_table(self.like_first(table), self.data_map)

    def like_first(self, place: str) -> str:
        """The place in the first schema of the tenants that a place of another one is like; any other as it is."""
        return place if self.tenants is None or place in self.named else self.tenants.like_first(place)

    def member_of(self, table: Table) -> str | None:
        """The member in whose schema a table is."""
        return None if self.tenants is None else self.tenants.member(table.schema)

    def in_schemas(self, table: Table) -> bool:
        """Each of `schemas` has such a table."""
        return bool(self.schemas) and self.member_of(table) is not None

    def is_part(self, name: str) -> bool:
        """The collection has one person's part of rows, and takes none of them."""
        return self.spec.is_part(name, self.data_map)

    def parts(self, collection: str | None) -> list[TableSpec]:
        """The collections that have a table between them: that of its rows, or one for each person's part of them."""
        if collection is None:
            return []
        names = self.spec.parts(collection, self.data_map) or [collection]
        return [self.spec.collections[name] for name in names]

    def tables_of(self, link: Link) -> frozenset[str]:
        """Those of which a link's column holds ids if it holds those of one."""
        tables = self.spec.collections
        if link.lead is not None:
            return frozenset([tables[link.lead[0]].table])
        named = link.identity
        return frozenset(one.table for one in tables.values() if one.person == named or named in one.yields)

    def takers(self, table: str) -> list[str]:
        """The collections that have this `schema.table`, each with rows of its own kind; logs included."""
        return self.spec.takers(table, self.data_map)

    def declared_free(self, place: str) -> bool:
        """The map says that this place holds no personal data, and who says so."""
        return any(one.place == self.like_first(place) for one in self.spec.unmapped_ok)

    def error(self, code: str, collection: str | None, message: str, remedy: str) -> Finding:
        """A finding that blocks."""
        return Finding(Severity.ERROR, code, self.store, collection, message, remedy)

    def error_of_rows(
        self, code: str, collection: str | None, message: str, remedy: str, concerned: Collection[Scope]
    ) -> Finding:
        """A finding that blocks whatever erases for those whose rows these are."""
        scopes, told = tuple(sorted(concerned, key=str)), self.in_any_schema(message)
        return Finding(Severity.ERROR, code, self.store, collection, told, remedy, of_rows=True, scopes=scopes)

    def error_of_schemas(self, code: str, message: str, remedy: str, concerned: Collection[Scope]) -> Finding:
        """A finding that blocks whatever is done in the schemas of these."""
        scopes = tuple(sorted(concerned, key=str))
        return Finding(Severity.ERROR, code, self.store, None, message, remedy, scopes=scopes)

    def in_any_schema(self, text: str) -> str:
        """What is told of the first schema, where rows of all of them were looked at: `tenant_*.posts`."""
        if self.tenants is not None and self.schemas:
            for name in self.tenants.tables:
                text = text.replace(f"{self.schemas[0]}.{name}", f"{self.tenants.pattern.text}.{name}")
        return text

    def warning(self, code: str, collection: str | None, message: str, remedy: str) -> Finding:
        """A finding to think about."""
        return Finding(Severity.WARNING, code, self.store, collection, message, remedy)

    def info(self, code: str, collection: str | None, message: str, remedy: str) -> Finding:
        """A finding to know about."""
        return Finding(Severity.INFO, code, self.store, collection, message, remedy)


def quoted(*names: str) -> str:
    """A qualified name as SQL to be pasted."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def quoted_table(text: str) -> str:
    """`schema.table` as SQL to be pasted."""
    schema, _, name = text.partition(".")
    return quoted(schema, name)
