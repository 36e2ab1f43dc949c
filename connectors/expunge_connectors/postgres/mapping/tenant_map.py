"""Tenant map: the data map as it is for one member, its tables by pattern in the member's schema. Pure (ADR 25).

What works with it knows of no pattern, and of no other member's schema.
"""

from __future__ import annotations

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError, UnknownMemberError
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.mapping.table_binding import store_spec
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_spec import TableSpec


def for_scope(store: str, data_map: DataMap, spec: PostgresSpec, scope: Scope) -> tuple[DataMap, str | None]:
    """The map as it is for this scope, and the member's schema; None: the controller has no tables by pattern here.

    Args:
        store: Its name.
        data_map: The whole map.
        spec: What it says of this store; some of the tables are named by a pattern.
        scope: For whom a request speaks.

    Raises:
        UnknownMemberError: No schema can be called after this member.
        TerminalError: The scope names no member of the controller.
    """
    pattern = spec.tenants
    assert pattern is not None
    if scope.controller != spec.tenants_of:
        return _with(store, data_map, _without_tenants(spec)), None
    if scope.member is None:
        raise TerminalError(f"store {store}: the request does not say which member it is for.")
    schema = pattern.schema(scope.member)
    if pattern.member(schema) is None:
        raise _unknown(store)
    return of_member(store, data_map, spec, scope.member), schema


def of_schema(store: str, data_map: DataMap, schema: str | None) -> DataMap:
    """The map with this schema in the place of the pattern, if it has one; None: without the tables named by it."""
    spec = store_spec(store, data_map)
    if spec.tenants is None:
        return data_map
    member = None if schema is None else spec.tenants.member(schema)
    return (
        _with(store, data_map, _without_tenants(spec)) if member is None else of_member(store, data_map, spec, member)
    )


def of_member(store: str, data_map: DataMap, spec: PostgresSpec, member: str) -> DataMap:
    """The map with this member's schema in the place of the pattern."""
    pattern = spec.tenants
    assert pattern is not None

    def completed(table: TableSpec) -> TableSpec:
        triggers = tuple(
            one.model_copy(update={"writes": tuple(pattern.completed(place, member) for place in one.writes)})
            for one in table.triggers_ok
        )
        return table.model_copy(update={"table": pattern.completed(table.table, member), "triggers_ok": triggers})

    update = {
        "collections": {name: completed(table) for name, table in spec.collections.items()},
        "unmapped_ok": tuple(
            one.model_copy(update={"place": pattern.completed(one.place, member)}) for one in spec.unmapped_ok
        ),
    }
    return _with(store, data_map, spec.model_copy(update=update))


def require_schema(store: str, schema: str, live: Catalogue) -> None:
    """Refuse a member that has none of the tables: nobody would be found under a name that is misspelled.

    Args:
        store: Its name.
        schema: The member's.
        live: The tables of the map that is completed for the member.

    Raises:
        UnknownMemberError: It has none.
    """
    if not any(table.schema == schema for table in live.tables.values()):
        raise _unknown(store)


def _unknown(store: str) -> UnknownMemberError:
    return UnknownMemberError(
        f"store {store}: the member that the request is for has no schema there, or none with a table of the data map.",
        remedy="Ask for the member as its schema is spelled, with its capitals.",
    )


def _without_tenants(spec: PostgresSpec) -> PostgresSpec:
    """The tables that are called as they are: no request of another controller reaches the others."""
    kept = {name: table for name, table in spec.collections.items() if not table.by_pattern}
    return spec.model_copy(update={"collections": kept})


def _with(store: str, data_map: DataMap, spec: PostgresSpec) -> DataMap:
    return data_map.model_copy(update={"stores": {**data_map.stores, store: spec}})
