"""Data map options of a Postgres store, and its connection settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints
from pydantic.functional_validators import BeforeValidator

from expunge_config.datamap import Action, CollectionSpec, DataMap, KeyFlow, Model, Name, Reader, StoreSpec
from expunge_connectors.postgres import owner_complaints, table_complaints, tenant_pattern
from expunge_connectors.postgres.dependency_graph import has_path
from expunge_connectors.postgres.key_flow import key_flows, read_together
from expunge_connectors.postgres.table_complaints import Complaint
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.tenant_pattern import TenantPattern


class PostgresSpec(StoreSpec):
    """One Postgres database."""

    connector: Literal["postgres"]
    collections: dict[Name, TableSpec] = Field(min_length=1)

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The tables by collection name."""
        return self.collections

    def complaints(self, data_map: DataMap) -> Iterable[Complaint]:
        """Complaints about references inside the store and to the rest of the map."""
        yield from super().complaints(data_map)
        whole: dict[str, list[str]] = {}
        for name, table in self.collections.items():
            here = ("collections", name)
            if not self.is_part(name, data_map):
                takers = whole.setdefault(table.table, [])
                for first in (one for one in takers if not table.apart(self.collections[one])):
                    message = (
                        f"the collection {first} takes whole rows of this table: tombstone parts of them; or let both"
                        " find rows of other kinds alone, by `where` with other values of one column in every link"
                    )
                    yield (*here, "table"), message
                takers.append(name)
            if table.log is None:
                for below, message in (
                    *self._link_complaints(table, data_map),
                    *table_complaints.complaints(table, data_map),
                ):
                    yield (*here, *below), message
                yield from self._trigger_complaints(here, table)
        yield from tenant_pattern.complaints(self.collections, data_map)
        yield from owner_complaints.complaints(self.collections, data_map)
        yield from self._encoded_twice()
        yield from self._circles()
        yield from self._alike()

    @property
    def tenants(self) -> TenantPattern | None:
        """The pattern of the tables that each member has in a schema of its own; None: there are no such tables."""
        return TenantPattern.of(self.collections.values())

    @property
    def tenants_of(self) -> str | None:
        """The controller whose members these are."""
        ours = (table.owner for table in self.collections.values() if table.by_pattern and table.log is None)
        return next((owner.controller for owner in ours if owner is not None), None)

    def key_flow(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow]:
        """By links and yields."""
        return key_flows(store, self.collections, data_map)

    def shared_places(self, store: str, data_map: DataMap) -> Iterable[AbstractSet[Reader]]:  # noqa: ARG002 - links say it
        """By links that compare one place of a row."""
        return read_together(self.collections)

    def is_part(self, name: str, data_map: DataMap) -> bool:
        """The collection is one person's part of rows that other collections have as well; it takes none of them."""
        table = self.collections[name]
        several = any(
            one.table == table.table and other != name and not table.apart(one)
            for other, one in self.collections.items()
        )
        data_type = data_map.data_types.get(table.data_type or "")
        return several and table.log is None and data_type is not None and data_type.on_request is Action.TOMBSTONE

    def parts(self, name: str, data_map: DataMap) -> list[str]:
        """The tombstoned collections that have this one's table between them; none where one takes whole rows."""
        table = self.collections[name]
        names = [one for one, spec in self.collections.items() if spec.table == table.table and not table.apart(spec)]
        alone = len(names) == 1
        return names if alone or all(self.is_part(one, data_map) for one in names) else []

    def of_table(self, table: str, data_map: DataMap) -> str | None:
        """The collection that has this `schema.table`, logs included; of several the one that takes whole rows."""
        names = [name for name, one in self.collections.items() if one.table == table]
        return next((name for name in names if not self.is_part(name, data_map)), names[0] if names else None)

    def covering(self, tables: Iterable[str]) -> dict[str, TableSpec]:
        """The collections that have one of these tables, by its name or by a pattern."""
        named, pattern = set(tables), self.tenants
        for schema, _, name in [one.partition(".") for one in named] if pattern is not None else ():
            named |= {f"{pattern.text}.{name}"} if pattern is not None and pattern.member(schema) is not None else set()
        return {name: one for name, one in self.collections.items() if one.table in named}

    def takers(self, table: str, data_map: DataMap) -> list[str]:
        """The collections that take whole rows of a `schema.table`, each of its kind; or one with a part of them."""
        names = [name for name, one in self.collections.items() if one.table == table]
        return [name for name in names if not self.is_part(name, data_map)] or names[:1]

    def used_columns(self, name: str) -> set[str]:
        """Every column of a collection that the map names anywhere."""
        table = self.collections[name]
        named = {column for link in table.found_by for column in link.names} | set(table.tombstone) | set(table.keeps)
        named |= {source.column for source in table.yields.values()}
        named |= {kind.column for kind in table.kinds}
        named |= {column for column in (table.created, table.start, *table.since.values()) if column is not None}
        if table.owner is not None and table.owner.column is not None:
            named.add(table.owner.column)
        leads = (link.lead for other in self.collections.values() for link in other.found_by if link.lead is not None)
        return named | {column for lead, columns in leads if lead == name for column in columns}

    def _link_complaints(self, table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
        for index, link in enumerate(table.found_by):
            where = ("found_by", str(index))
            if link.of is None:
                if link.identity not in data_map.identities:
                    yield (*where, "identity"), "unknown identity: the map does not declare it"
                elif link.template is not None and not table_complaints.templated(data_map, link.identity, table):
                    yield (*where, "template"), table_complaints.NO_TEMPLATE
                elif link.region is not None and not table_complaints.regional(data_map, link.identity):
                    yield (*where, "region"), table_complaints.NO_REGION
                if table.sharing is not None:
                    yield where, "a shared row is reached through rows that point to it: give `of`"
                continue
            parent, columns = link.lead or ("", ())
            if parent not in self.collections or not all(columns):
                yield (*where, "of"), "names no collection.column of this store"
            elif self.collections[parent].log is not None:
                yield (*where, "of"), "names a log: logs are never read for this"
            elif self.collections[parent] is table and table.sharing is not None:
                yield (*where, "of"), "names the shared row's own table"

    def _trigger_complaints(self, here: tuple[str, ...], table: TableSpec) -> Iterable[Complaint]:
        logs = {one.table for one in self.collections.values() if one.log is not None}
        for index, accepted in enumerate(table.triggers_ok):
            if logs.intersection(accepted.writes):
                yield (*here, "triggers_ok", str(index), "writes"), "names a log: nothing that erases writes one"

    def _encoded_twice(self) -> Iterable[Complaint]:
        """What has to be decoded cannot be compared with what another table yields, to see whose it is."""
        for name, table in self.collections.items():
            for identity, source in table.yields.items():
                others = [other for other, one in self.collections.items() if other != name and identity in one.yields]
                if source.decode and others:
                    message = (
                        f"{', '.join(others)} yields `{identity}` too: whether a value of both is one person's cannot"
                        " be compared. Give each an identity of its own"
                    )
                    yield ("collections", name, "yields", identity, "decode"), message

    def _circles(self) -> Iterable[Complaint]:
        edges = [
            (link.lead[0], name)
            for name, table in self.collections.items()
            for link in table.found_by
            if link.lead is not None and link.lead[0] != name
        ]
        for name, table in self.collections.items():
            if has_path(edges, name, name):
                yield ("collections", name, "found_by"), "the links run in a circle: start from an identity"
            elif table.log is None and all(link.lead is not None and link.lead[0] == name for link in table.found_by):
                yield ("collections", name, "found_by"), "all links stay within this table: start from elsewhere"

    def _alike(self) -> Iterable[Complaint]:
        """Keys of columns `a` and `b` are kept under the name that keys of a column `a+b` have."""
        first: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, table in self.collections.items():
            for index, link in enumerate(table.found_by):
                lead, columns = link.lead or ("", ())
                if link.lead is not None and first.setdefault((lead, "+".join(columns)), columns) != columns:
                    yield (
                        ("collections", name, "found_by", str(index)),
                        "a column is called as several together: rename it",
                    )


def _words(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the settings held
    return tuple(value.split()) if isinstance(value, str) else value


class PostgresConnection(Model):
    """How to reach the database.

    Attributes:
        url: libpq URI of a role that may read, and write what the map says, and nothing else.
        rows_per_transaction / seconds_per_transaction: What an erasing transaction may touch, and how long it may take
            before it is committed. Rows that must go together are not split.
        busy_sessions: With more other sessions of the server in a transaction erasing slows down; None: nobody counts.
        search_url: libpq URI for the blind search, of a role that may read everything and write nothing, on the server
            itself or on a hot standby; None: the first of `replicas`, otherwise `url`.
        replicas: libpq URIs of the hot standbys, with spaces in between where it is one text: verification asks them
            too.
        replica_lag_bytes / replica_lag_seconds: Erasing waits while a replica is further behind: in bytes of the log of
            changes, or in the age of the latest commit that it shows (only while it lacks something).
        replica_wait_seconds: How long it waits, and how long verification waits until a replica has everything.
    """

    url: SecretStr
    search_url: SecretStr | None = None
    lock_timeout: Annotated[str, StringConstraints(pattern=r"^\d+(ms|s|min)$")] = "5s"
    statement_timeout: Annotated[str, StringConstraints(pattern=r"^\d+(ms|s|min)$")] = "10min"
    verification_wait_seconds: float = Field(default=30, ge=0, le=86_400)
    rows_per_transaction: int = Field(default=25_000, ge=1, le=1_000_000)
    seconds_per_transaction: float = Field(default=5, gt=0, le=3_600)
    busy_sessions: int | None = Field(default=None, ge=0)
    replicas: Annotated[tuple[SecretStr, ...], BeforeValidator(_words)] = ()
    replica_lag_bytes: int = Field(default=67_108_864, ge=0)
    replica_lag_seconds: float = Field(default=30, ge=0, le=86_400)
    replica_wait_seconds: float = Field(default=60, ge=0, le=86_400)
