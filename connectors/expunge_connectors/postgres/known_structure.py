"""Known structure: how the mapped tables are built, as the last look, the plan and the last inspection saw them.

A step erases only from tables that are built as an inspection of this connector saw them. What follows from the
catalogue alone is kept as long as the catalogue says the same (see `catalog.cache`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, RelationChange, Scope, Severity
from expunge_connectors.postgres.catalog import relations, schema_fingerprint, tenant_shapes
from expunge_connectors.postgres.catalog.cache import CachedCatalog
from expunge_connectors.postgres.catalog.schema_fingerprint import Difference, Fingerprint
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.catalog.tenant_shapes import Shape, Tenants
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.mapping.table_binding import bound_store
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.tenant_view import TenantView
from expunge_connectors.postgres.transactions import Transactions

T = TypeVar("T")


class KnownStructure:
    """What is known of one database under one map. Safe to use from several threads.

    Args:
        store: Its name in the map.
        spec: What the map says about it.
        data_map: The whole map.
        transactions: To look with.
        view: The map is one scope's, of a store whose tables are named by a pattern.
    """

    def __init__(
        self, store: str, spec: PostgresSpec, data_map: DataMap, transactions: Transactions, view: TenantView | None
    ) -> None:
        self._store = store
        self._spec = spec
        self._data_map = data_map
        self._transactions = transactions
        self._tables = [table.table for table in spec.collections.values()]
        self.view = view
        self.catalogue = CachedCatalog(self._tables)
        self.inspected: Fingerprint | None = None
        """How the tables were built at the last inspection that found them in order; None: there was none."""
        self.usual: Shape | None = None
        """How most members' schemas were built at that inspection."""
        self._as_inspected: tuple[Catalogue, Fingerprint] | None = None
        self._as_planned: tuple[Catalogue, Mapping[str, Mapping[str, Any]]] | None = None
        self._last_bound: tuple[Catalogue, Scope, BoundStore] | None = None

    def mapped(self, connection: Connection, scope: Scope) -> BoundStore:
        """The map bound to the catalogue as the last look saw it, for a step that began with a look."""
        return self.bound(self.catalogue.last(connection), scope)

    def bound(self, live: Catalogue, scope: Scope) -> BoundStore:
        """The map bound to this catalogue.

        Raises:
            UnknownMemberError: The member has no schema: nothing would be found.
        """
        self.require_schema(live)
        last = self._last_bound
        if last is None or last[0] is not live or last[1] != scope:
            last = self._last_bound = live, scope, bound_store(self._store, self._data_map, live, scope)
        return last[2]

    def require_schema(self, live: Catalogue) -> None:
        """Refuse a member that has no schema, of whom nothing would be found."""
        if self.view is not None:
            self.view.require_schema(live)

    def relations(self) -> Mapping[str, Mapping[str, Any]]:
        """The tables of the collections as they are now, for a plan to remember."""

        def looked(connection: Connection) -> Mapping[str, Mapping[str, Any]]:
            live = self.catalogue.read(connection)
            if self._as_planned is None or self._as_planned[0] is not live:
                self._as_planned = live, relations.planned(connection, self._spec)
            return self._as_planned[1]

        return self._transactions.look(looked)

    def changed(self, planned: Mapping[str, Mapping[str, Any]]) -> Mapping[str, RelationChange]:
        """Which of them are not those of the plan any more."""
        self.take_over()

        def looked(connection: Connection) -> Mapping[str, RelationChange]:
            live = self.catalogue.read(connection)
            if self._as_planned is not None and self._as_planned[0] is live and self._as_planned[1] == planned:
                return {}
            found = relations.changed(connection, self._spec, planned)
            self._as_planned = None if found else (live, planned)
            return found

        return self._transactions.look(looked)

    def before_inspection(self, connection: Connection) -> tuple[Fingerprint, Tenants | None]:
        """How the tables are built as an inspection begins, and all members' schemas."""
        before = Fingerprint.taken(connection, self._tables)
        if self.view is not None:
            return before, self.view.schemas(connection)
        return before, tenant_shapes.read(connection, self._spec, self._data_map)

    def take_over(self) -> None:
        """Of a view for one scope: what was inspected of the whole holds for it, if it is built like that."""
        view = self.view
        if view is not None and self.inspected is None:
            self.inspected = self._transactions.look(lambda connection: view.taken_over(connection, self._tables))

    def check(self, inspect: Callable[[], Sequence[Finding]]) -> None:
        """Look whether the tables are built as the last inspection saw them, and inspect anew where that is enough."""
        if self.inspected is not None:
            self.checked(lambda _: None, inspect)

    def checked(self, work: Callable[[Catalogue], T], inspect: Callable[[], Sequence[Finding]]) -> T:
        """Do that, and then something with the very catalogue that was found to be as it was inspected.

        Raises:
            StructureChangedError: They are built otherwise, and an inspection of the new state does not settle it.
        """
        self.take_over()

        def looked(connection: Connection) -> tuple[list[Difference], T | None]:
            live = self.catalogue.read(connection)
            differences = self._differences(connection, live)
            return differences, None if differences else work(live)

        differences, done = self._transactions.look(looked)
        if not differences:
            return cast("T", done)
        if not all(one.settles for one in differences) or built_wrong(inspect()):
            raise schema_fingerprint.changed(self._store, differences)
        return self._transactions.look(lambda connection: work(self.catalogue.read(connection)))

    def _differences(self, connection: Connection, live: Catalogue) -> list[Difference]:
        """From what the last inspection saw. That there are none holds as long as the catalogue says the same."""
        inspected, known = self.inspected, self._as_inspected
        if inspected is None or (known is not None and known[0] is live and known[1] is inspected):
            return []
        differences = inspected.differences(connection)
        self._as_inspected = None if differences else (live, inspected)
        return differences


def built_wrong(findings: Sequence[Finding]) -> bool:
    """An error is among them that is not only one of rows which stand there now, or of some members' schemas."""
    return any(one.severity is Severity.ERROR and one.scopes is None for one in findings)
