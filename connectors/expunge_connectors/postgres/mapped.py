"""Map and catalogue in one picture: which column is compared with which keys, and what is to happen to a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_config.normalisers import Normaliser
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalogue import Catalogue, Column, ForeignKey, Table
from expunge_connectors.postgres.graph import CycleError, ordered
from expunge_connectors.postgres.keytypes import KeyType, key_type
from expunge_connectors.postgres.spec import PostgresSpec, TableSpec, Tie

_PLAIN = "{column}::text"


@dataclass(frozen=True, slots=True)
class MappedTie:
    """One tie of one collection.

    Attributes:
        column: The column compared.
        namespace: The keys it is compared with: an identity, or `store.collection.column`.
        key_type: The type of comparison; TEXT where a normaliser's expression is compared.
        normaliser: SQL with `{column}`; None: the column itself is compared.
        sure: The keys are never re-used, so age does not matter.
        lookup_only: The identity is shareable: it selects nothing for counting, erasing and verifying.
        of: (collection, column) that leads here, for a tie inside the store.
    """

    column: Column
    namespace: str
    key_type: KeyType
    normaliser: str | None
    sure: bool
    lookup_only: bool
    of: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class MappedTable:
    """One collection that is no log.

    Attributes:
        feeds: (column, key type) that ties of other collections name: their values are internal keys.
        yields: Identity -> (column, its normaliser).
        period: ISO period of the data type where rows are retained, else None.
        member_column: The column that names the controller's member; None: nothing to compare.
    """

    name: str
    spec: TableSpec
    table: Table
    ties: tuple[MappedTie, ...]
    feeds: tuple[tuple[Column, KeyType], ...]
    yields: Mapping[str, tuple[Column, Normaliser]]
    action: Action
    period: str | None
    member_column: str | None
    in_scope: bool

    @property
    def selecting(self) -> tuple[MappedTie, ...]:
        """The ties that select rows for counting."""
        return tuple(tie for tie in self.ties if not tie.lookup_only)

    @property
    def erasing(self) -> tuple[MappedTie, ...]:
        """The ties that select rows for erasing, and whose rows lead on to others.

        A re-usable identifier selects no person: who answers to it is decided by resolution, where it can be seen that
        several do. Whoever comes to it afterwards is another person.
        """
        return tuple(tie for tie in self.selecting if tie.sure or self.spec.person is None)


@dataclass(frozen=True, slots=True)
class MappedStore:
    """The store's collections in tie order: what leads to rows stands before what it leads to.

    Attributes:
        logs: Collection -> (`schema.table`, its oid) of the logs.
    """

    name: str
    collections: Mapping[str, MappedTable]
    foreign_keys: tuple[ForeignKey, ...]
    logs: Mapping[str, tuple[str, int]]

    @property
    def scoped(self) -> Mapping[str, MappedTable]:
        """The collections of the request's controller, in tie order."""
        return {name: mapped for name, mapped in self.collections.items() if mapped.in_scope}

    def namespace(self, mapped: MappedTable, column: str) -> str:
        """The namespace of internal keys that this column gives."""
        return f"{self.name}.{mapped.name}.{column}"


def mapped_store(name: str, data_map: DataMap, catalogue: Catalogue, scope: Scope) -> MappedStore:
    """Join map and catalogue for one scope.

    Raises:
        TerminalError: A table, column or primary key is missing, ties do not fit, or an owner is undecided.
    """
    spec = store_spec(name, data_map)
    data = {collection: table for collection, table in spec.collections.items() if table.log is None}
    edges = [(lead, reached) for reached, table in data.items() for lead, _ in leads(table)]
    try:
        order = ordered(data, edges)
    except CycleError as error:
        raise TerminalError(f"store {name}: the ties of {', '.join(error.names)} run in a circle.") from None
    builder = _Builder(name, spec, data_map, catalogue, scope)
    logs = {
        collection: (table.table, catalogue.tables[table.table].oid)
        for collection, table in spec.collections.items()
        if table.log is not None and table.table in catalogue.tables
    }
    return MappedStore(name, {one: builder.table(one) for one in order}, catalogue.foreign_keys, logs)


def store_spec(name: str, data_map: DataMap) -> PostgresSpec:
    """The map's entry for this store.

    Raises:
        TerminalError: The map has no Postgres store of this name.
    """
    spec = data_map.stores.get(name)
    if not isinstance(spec, PostgresSpec):
        raise TerminalError(f"the data map has no Postgres store {name}.")
    return spec


def leads(table: TableSpec) -> list[tuple[str, str]]:
    """(collection, column) of every tie inside the store."""
    return [split(tie.of) for tie in table.ties if tie.of is not None]


def split(of: str) -> tuple[str, str]:
    """`collection.column` in two."""
    collection, _, column = of.partition(".")
    return collection, column


@dataclass(frozen=True, slots=True)
class _Builder:
    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope

    def table(self, name: str) -> MappedTable:
        spec = self.spec.collections[name]
        table = self._live(name)
        if spec.owner is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the map does not say whose records these are.",
                remedy="Give the collection an `owner`.",
            )
        if not table.primary_key:
            raise TerminalError(f"store {self.store}, collection {name}: the table has no primary key.")
        data_type = self.data_map.data_types[spec.data_type or ""]
        in_scope = spec.owner.controller == self.scope.controller
        if in_scope and spec.owner.column is not None and self.scope.member is None:
            raise TerminalError(
                f"store {self.store}, collection {name}: the request does not say which member it is for."
            )
        for column in (spec.owner.column, spec.created, spec.start, *spec.tombstone):
            if column is not None:
                self._column(name, column)
        return MappedTable(
            name=name,
            spec=spec,
            table=table,
            ties=tuple(self._tie(name, tie) for tie in spec.ties),
            feeds=self._feeds(name),
            yields={
                identity: (self._column(name, column), self.data_map.identities[identity].rule)
                for identity, column in spec.yields.items()
            },
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
        if table.kind != "r" or table.inherits:
            raise TerminalError(
                f"store {self.store}, collection {name}: partitions, inheritance, views and foreign tables are not"
                " supported yet."
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

    def _tie(self, name: str, tie: Tie) -> MappedTie:
        column = self._column(name, tie.column)
        if tie.of is not None:
            lead, lead_column = split(tie.of)
            kind = key_type(column.base)
            if key_type(self._column(lead, lead_column).base) is not kind:
                raise TerminalError(
                    f"store {self.store}, collection {name}: the column {column.name} and {tie.of} differ in type."
                )
            namespace = f"{self.store}.{lead}.{lead_column}"
            return MappedTie(column, namespace, kind, None, sure=True, lookup_only=False, of=(lead, lead_column))
        identity = self.data_map.identities[tie.identity or ""]
        sure = identity.kind is not IdentityKind.NOMINATING
        if sure and (identity.rule.sql == _PLAIN or column.base == "uuid"):
            kind, normaliser = key_type(column.base), None
        else:
            kind, normaliser = KeyType.TEXT, identity.rule.sql
        return MappedTie(column, tie.identity or "", kind, normaliser, sure, identity.shareable, None)

    def _feeds(self, name: str) -> tuple[tuple[Column, KeyType], ...]:
        wanted = sorted(
            {
                column
                for table in self.spec.collections.values()
                if table.log is None
                for lead, column in leads(table)
                if lead == name
            }
        )
        columns = [self._column(name, column) for column in wanted]
        return tuple((column, key_type(column.base)) for column in columns)
