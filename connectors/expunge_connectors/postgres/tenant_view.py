"""Tenant view: what the view of a connector for one scope knows of the whole, where tables are named by a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.catalog import schema_fingerprint, tenant_shapes
from expunge_connectors.postgres.catalog.schema_fingerprint import Difference, Fingerprint
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.catalog.tenant_shapes import Shape, Tenants
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping import tenant_map
from expunge_connectors.postgres.spec import PostgresSpec


@dataclass(frozen=True, slots=True)
class TenantView:
    """One scope's view.

    Attributes:
        store: Name of the store, for messages.
        spec / data_map: With the pattern.
        schema: The member's; None: the scope's controller has no tables by pattern.
        inspected: What the last inspection of the whole saw: its tables that are no pattern's, and the usual shape.
        follows: It looks at what has changed since a plan, whatever is left of the schema.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    schema: str | None
    inspected: Callable[[], tuple[Fingerprint | None, Shape | None]]
    follows: bool = False

    def following(self) -> TenantView:
        """The same for a view that follows what has changed."""
        return replace(self, follows=True)

    def schemas(self, connection: Connection) -> Tenants | None:
        """All schemas; an inspection of the view takes the others for like its own."""
        found = tenant_shapes.read(connection, self.spec, self.data_map)
        return None if found is None else replace(found, first=self.schema)

    def require_schema(self, live: Catalogue) -> None:
        """Refuse a member that has none of the tables.

        Raises:
            UnknownMemberError: It has none.
        """
        if self.schema is not None and not self.follows:
            tenant_map.require_schema(self.store, self.schema, live)

    def taken_over(self, connection: Connection, tables: Iterable[str]) -> Fingerprint | None:
        """How the tables of the view are built, if what was inspected holds for them; None: nothing is known of that.

        Raises:
            StructureChangedError: The member's schema is not built like the one that was inspected for all.
        """
        whole, usual = self.inspected()
        if self.schema is None or self.follows:
            return None if self.follows else whole
        if usual is None:
            return None
        before = Fingerprint.taken(connection, tables)
        shape = tenant_shapes.shape_of(connection, self.spec, self.data_map, self.schema)
        if shape and shape != usual:
            difference = Difference(self.schema, "not as the schemas of other members")
            raise schema_fingerprint.changed(self.store, [difference])
        return before if shape else None
