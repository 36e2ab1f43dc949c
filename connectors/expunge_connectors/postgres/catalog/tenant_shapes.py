"""Tenant shapes: which members' schemas are built alike, and what is otherwise in one of them (ADR 25).

Schemas of one shape are told apart by nothing that matters for finding, erasing and verifying: what an inspection of
one of them says holds for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.catalog import tenant_facts
from expunge_connectors.postgres.catalog.tenant_facts import RIGHT
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.tenant_pattern import TenantPattern

Shape = frozenset[tuple[str, str, str]]
"""(table, what, digest of everything of that kind)"""

_NEWEST = """
SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY (%s) ORDER BY n.oid::bigint DESC LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class Tenants:
    """The schemas that have any of the tables.

    Attributes:
        shapes: Schema -> its shape.
        usual: How most of them are built, with the rights of those on most of whose tables, logs aside, the role has
            any; of two shapes the one that more have, or of the first schema by name. None: there is no schema.
        first: The first schema of that shape: what is inspected, and sampled.
        newest: The three that were made last, the last one first.
        tables: Their names, without a schema.
    """

    pattern: TenantPattern
    shapes: Mapping[str, Shape]
    usual: Shape | None
    first: str | None
    newest: Sequence[str]
    tables: frozenset[str]

    @classmethod
    def of(
        cls,
        pattern: TenantPattern,
        shapes: Mapping[str, Shape],
        newest: Sequence[str],
        tables: Collection[str],
        erased: Collection[str],
    ) -> Tenants:
        """With what most of them have in common. On tables that are not `erased` from, the role needs no rights."""
        names = [schema for schema in sorted(shapes) if pattern.member(schema) is not None]
        most = Counter(built(shapes[schema]) for schema in names).most_common(1)
        alike = Counter(shapes[schema] for schema in names if built(shapes[schema]) == most[0][0])
        granted = {shape: sum(what == RIGHT and name in erased for name, what, _ in shape) for shape in alike}
        usual = max(alike, key=lambda one: (granted[one], alike[one]), default=None)
        return cls(
            pattern,
            shapes,
            usual,
            next((one for one in names if shapes[one] == usual), None),
            newest,
            frozenset(tables),
        )

    def member(self, schema: str) -> str | None:
        """Whose schema it is; None: no request can name that member, or it is none of these schemas."""
        return self.pattern.member(schema) if schema in self.shapes else None

    def nameable(self, schema: str) -> bool:
        """A request can name its member."""
        return self.member(schema) is not None

    def like_first(self, place: str) -> str:
        """The same place in the first schema: of `schema.table`, where that is another member's."""
        schema, dot, rest = place.partition(".")
        return f"{self.first}{dot}{rest}" if self.first is not None and schema in self.shapes else place

    def covers(self, table: str) -> bool:
        """It is one of the tables by pattern, in any of the schemas."""
        schema, _, name = table.partition(".")
        return schema in self.shapes and name in self.tables


def built(shape: Shape) -> Shape:
    """The same without the role's rights, which somebody else grants."""
    return frozenset(fact for fact in shape if fact[1] != RIGHT)


def read(connection: Connection, spec: PostgresSpec, data_map: DataMap) -> Tenants | None:
    """All schemas that match and have some of the tables; None: no table is named by a pattern."""
    pattern = spec.tenants
    if pattern is None:
        return None
    shapes = _shapes(connection, spec, data_map, None)
    newest = connection.execute(_NEWEST, (sorted(shapes),)).fetchall() if shapes else []
    ours = [(one.table.partition(".")[2], one.log is None) for one in spec.collections.values() if one.by_pattern]
    names, erased = {name for name, _ in ours}, {name for name, is_erased in ours if is_erased}
    return Tenants.of(pattern, shapes, [schema for (schema,) in newest], names, erased)


def shape_of(connection: Connection, spec: PostgresSpec, data_map: DataMap, schema: str) -> Shape:
    """How one schema is built; empty where there is none.

    Args:
        connection: In any state.
        spec: With the pattern.
        data_map: The whole map.
        schema: Its name.
    """
    return _shapes(connection, spec, data_map, [schema]).get(schema, frozenset())


@dataclass(frozen=True, slots=True)
class Differences:
    """What is otherwise in one schema than in another one.

    Attributes:
        built: In words, how its tables are built otherwise.
        lacking: (table, right) -> the columns, none of a right on all of the table: what the role has there alone.
        further: The same: what it has here alone.
    """

    built: Sequence[str]
    lacking: Mapping[tuple[str, str], Sequence[str]]
    further: Mapping[tuple[str, str], Sequence[str]]


def differences(connection: Connection, spec: PostgresSpec, data_map: DataMap, schema: str, usual: str) -> Differences:
    """Where a schema is built otherwise than another one, and which rights the role has in one of the two alone."""
    facts: dict[str, dict[tuple[str, str, str], set[str]]] = {schema: {}, usual: {}}
    for of_schema, table, what, of, text in tenant_facts.each(connection, spec, data_map, [schema, usual]):
        facts[of_schema].setdefault((table, what, of), set()).add(text)
    here, there = ({fact: text for fact, text in facts[one].items() if fact[1] != RIGHT} for one in (schema, usual))
    rights_here, rights_there = (
        {(table, of): columns for (table, what, of), columns in facts[one].items() if what == RIGHT}
        for one in (schema, usual)
    )
    tables = {table for table, _, _ in here}
    said = []
    for table, what, of in sorted(here.keys() ^ there.keys()):
        if table not in tables:
            said.append(f"there is no table {table}")
        elif (table, what, of) in there:
            said.append(f"{table} has no {what} {of}")
        else:
            said.append(f"{table} has the {what} {of}")
    said += [
        f"{table} is otherwise" if what == "table" else f"the {what} {of} of {table} is otherwise"
        for table, what, of in sorted(here.keys() & there.keys())
        if here[table, what, of] != there[table, what, of]
    ]
    return Differences(
        list(dict.fromkeys(said)), _beyond(rights_there, rights_here), _beyond(rights_here, rights_there)
    )


def _beyond(
    rights: Mapping[tuple[str, str], AbstractSet[str]], others: Mapping[tuple[str, str], AbstractSet[str]]
) -> dict[tuple[str, str], list[str]]:
    """The rights that are not among the others; one on a column is where that on the table is (the empty column)."""
    found = {one: columns - others.get(one, set()) for one, columns in rights.items() if "" not in others.get(one, ())}
    return {one: sorted(columns - {""}) for one, columns in sorted(found.items()) if columns}


def _shapes(
    connection: Connection, spec: PostgresSpec, data_map: DataMap, schemas: Collection[str] | None
) -> dict[str, Shape]:
    found: dict[str, set[tuple[str, str, str]]] = {}
    for schema, table, what, digest in tenant_facts.digests(connection, spec, data_map, schemas):
        found.setdefault(schema, set()).add((table, what, digest))
    return {schema: frozenset(facts) for schema, facts in found.items()}
