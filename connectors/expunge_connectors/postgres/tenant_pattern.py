"""Tenants by pattern: `tenant_*.users` is the table of that name in many schemas, one a member. Pure (ADR 25)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.table_spec import TableSpec

Complaint = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class TenantPattern:
    """What stands before and behind the member in the name of its schema."""

    before: str
    behind: str

    @classmethod
    def of(cls, tables: Iterable[TableSpec]) -> TenantPattern | None:
        """The one that these tables have; None: each of them is called as it is."""
        for table in tables:
            if table.by_pattern:
                before, _, behind = table.table.partition(".")[0].partition("*")
                return cls(before, behind)
        return None

    @property
    def text(self) -> str:
        """As the map writes it: `tenant_*`."""
        return f"{self.before}*{self.behind}"

    def schema(self, member: str) -> str:
        """The schema of a member."""
        return f"{self.before}{member}{self.behind}"

    def member(self, schema: str) -> str | None:
        """Whose schema it is; None: nobody's, or the map cannot name a table in it (a dot, or a `*`)."""
        inside = schema[len(self.before) : len(schema) - len(self.behind)]
        return inside if inside and self.schema(inside) == schema and not {".", "*"} & set(schema) else None

    def completed(self, place: str, member: str) -> str:
        """`tenant_*.users` with the member in it; any other place as it is."""
        schema, dot, rest = place.partition(".")
        return f"{self.schema(member)}{dot}{rest}" if schema == self.text else place


def complaints(collections: Mapping[str, TableSpec], data_map: DataMap) -> Iterator[Complaint]:
    """What cannot be completed for a member, or would reach another one's rows: (path below the store, message)."""
    pattern = TenantPattern.of(collections.values())
    if pattern is None:
        return
    ours = {name for name, table in collections.items() if table.by_pattern}
    names = {collections[name].table.partition(".")[2] for name in ours}
    controllers = {owner.controller for name in ours if (owner := collections[name].owner) is not None}
    for name, table in collections.items():
        here = ("collections", name)
        schema, _, relation = table.table.partition(".")
        if name not in ours:
            if pattern.member(schema) is not None and relation in names:
                yield (*here, "table"), f"{pattern.text}.{relation} matches this table: one collection has it"
            yield from (
                ((*here, "found_by", str(index), "of"), "names tables by pattern: whose schema it leads to is not said")
                for index, link in enumerate(table.found_by)
                if link.lead is not None and link.lead[0] in ours
            )
            continue
        if schema != pattern.text:
            yield (*here, "table"), f"{pattern.text} is this store's pattern: a store has one"
        if table.log is None and (message := _owner_complaint(table, controllers, data_map)) is not None:
            yield (*here, "owner"), message


def _owner_complaint(table: TableSpec, controllers: set[str], data_map: DataMap) -> str | None:
    owner = table.owner
    known = None if owner is None else data_map.controllers.get(owner.controller)
    if owner is None or owner.column is not None or owner.inherited or (known is not None and not known.many):
        return "the schema names the member: `owner` names a controller with `many: true`, and nothing else"
    return "all tables by pattern are one controller's: a schema names one member" if len(controllers) > 1 else None
