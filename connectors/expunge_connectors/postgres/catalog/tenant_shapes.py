"""Tenant shapes: how the tables of each member's schema are built, for all schemas by one statement (ADR 25).

Schemas of one shape are told apart by nothing that matters for finding, erasing and verifying: what an inspection of
one of them says holds for all. A schema's own name is written `*`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from expunge_config.datamap import Action, DataMap
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.tenant_pattern import TenantPattern

Shape = frozenset[tuple[str, str, str]]
"""(table, what, digest of everything of that kind)"""

# Each fact is of a table of the map, in the schema of one member: what it is, of what, and how that is built. What is
# below a table (partitions, children) has the table's facts; only what differs there is another one. `own` finds the
# schema's name, quoted or not, wherever it stands as a word: in definitions, settings and sources of functions.
# `conenforced` is unknown to old servers.
_FACTS = r"""
WITH RECURSIVE root AS (
    SELECT c.oid, n.oid AS place, n.nspname::text AS schema, c.relname::text AS name,
           '"?(?<!\w)' || pg_catalog.regexp_replace(n.nspname::text, '(\W)', '\\\1', 'g') || '(?!\w)"?' AS own
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = ANY (%(tables)s)
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND pg_catalog.starts_with(n.nspname::text, %(before)s)
       AND pg_catalog."right"(n.nspname::text, pg_catalog.length(%(behind)s)) = %(behind)s
       AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
), tree AS (
    SELECT root.* FROM root
    UNION
    SELECT i.inhrelid, tree.place, tree.schema, tree.name, tree.own
      FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
), fact (schema, name, own, what, of, text) AS (
    SELECT r.schema, r.name, r.own, 'table', r.name,
           pg_catalog.concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
             pg_catalog.pg_has_role(c.relowner, 'USAGE'),
             ARRAY(SELECT i.inhparent::regclass FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid
                    ORDER BY i.inhseqno),
             c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))
      FROM root r
      JOIN pg_catalog.pg_class c ON c.oid = r.oid
    UNION ALL
    SELECT r.schema, r.name, r.own, 'column', a.attname::text,
           pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
             a.attidentity, pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull,
             (SELECT pg_catalog.array_agg(l.enumlabel ORDER BY l.enumsortorder)
                FROM pg_catalog.pg_enum l WHERE l.enumtypid = a.atttypid),
             (SELECT o.collname FROM pg_catalog.pg_collation o WHERE o.oid = a.attcollation))
      FROM root r
      JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     WHERE r.name = ANY (%(whole)s) OR r.name || '.' || a.attname = ANY (%(columns)s)
    UNION ALL
    SELECT r.schema, r.name, r.own, 'right', 'USAGE', ''
      FROM root r
     WHERE pg_catalog.has_schema_privilege(r.place, 'USAGE')
    UNION ALL
    SELECT r.schema, r.name, r.own, 'right', may.name, ''
      FROM root r
      CROSS JOIN LATERAL pg_catalog.unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) AS may (name)
     WHERE pg_catalog.has_table_privilege(r.oid, may.name)
    UNION ALL
    SELECT r.schema, r.name, r.own, 'right', may.name, a.attname::text
      FROM root r
      JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      CROSS JOIN LATERAL pg_catalog.unnest('{SELECT,UPDATE}'::text[]) AS may (name)
     WHERE (r.name = ANY (%(whole)s) OR r.name || '.' || a.attname = ANY (%(columns)s))
       AND pg_catalog.has_column_privilege(r.oid, a.attnum, may.name)
       AND NOT pg_catalog.has_table_privilege(r.oid, may.name)
    UNION ALL
    SELECT t.schema, t.name, t.own, 'constraint', pg_catalog.pg_get_constraintdef(k.oid),
           pg_catalog.concat_ws(' ', k.convalidated, k.condeferrable, k.condeferred,
             CASE WHEN k.contype IN ('c', 'f') THEN pg_catalog.to_jsonb(k) ->> 'conenforced' END)
      FROM tree t
      JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.conparentid = 0 AND k.contype IN ('c', 'f', 'x')
    UNION ALL
    SELECT t.schema, t.name, t.own, 'foreign key of', k.conrelid::regclass::text,
           pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), k.convalidated, k.condeferrable,
             pg_catalog.to_jsonb(k) ->> 'conenforced')
      FROM tree t
      JOIN pg_catalog.pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0
    UNION ALL
    SELECT t.schema, t.name, t.own, 'foreign key that is off', pg_catalog.pg_get_constraintdef(k.oid), g.tgenabled::text
      FROM tree t
      JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND g.tgisinternal AND g.tgenabled <> 'O'
      JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND k.contype = 'f'
    UNION ALL
    SELECT t.schema, t.name, t.own, 'unique index',
           ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, true)
                   FROM pg_catalog.generate_series(1, x.indnkeyatts::int) AS k ORDER BY k)::text,
           pg_catalog.concat_ws(' ', x.indisprimary, x.indimmediate, x.indisreplident,
             pg_catalog.pg_get_expr(x.indpred, x.indrelid))
      FROM tree t
      JOIN pg_catalog.pg_index x ON x.indrelid = t.oid AND x.indisunique AND x.indisvalid
    UNION ALL
    SELECT t.schema, t.name, t.own, 'trigger', g.tgname::text,
           pg_catalog.concat_ws(' ', g.tgenabled, g.tgtype, p.prosecdef, pg_catalog.array_to_string(p.proconfig, ' '),
             pg_catalog.regexp_replace(pg_catalog.pg_get_triggerdef(g.oid), ' ON .* FOR EACH ', ' FOR EACH '), p.prosrc)
      FROM tree t
      JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
      JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
    UNION ALL
    SELECT t.schema, t.name, t.own, 'rule', w.rulename::text,
           pg_catalog.concat_ws(' ', w.ev_enabled, pg_catalog.pg_get_ruledef(w.oid))
      FROM tree t
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = t.oid
    UNION ALL
    SELECT t.schema, t.name, t.own, 'policy', y.polname::text,
           pg_catalog.concat_ws(' ', y.polcmd, y.polpermissive, y.polroles::regrole[],
             pg_catalog.pg_get_expr(y.polqual, y.polrelid))
      FROM tree t
      JOIN pg_catalog.pg_policy y ON y.polrelid = t.oid
    UNION ALL
    SELECT t.schema, t.name, t.own, 'publication', l.pubname::text, ''
      FROM tree t
      JOIN pg_catalog.pg_class c ON c.oid = t.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_publication_tables l ON l.schemaname = n.nspname AND l.tablename = c.relname
), told (schema, name, what, of, text) AS (
    SELECT DISTINCT fact.schema, fact.name, fact.what, pg_catalog.regexp_replace(fact.of, fact.own, '*', 'g'),
           pg_catalog.regexp_replace(fact.text, fact.own, '*', 'g')
      FROM fact
)
"""
_RIGHT = "right"
_DIGESTS = """
SELECT told.schema, told.name, told.what,
       pg_catalog.md5(pg_catalog.string_agg(told.of || ' ' || told.text, ';' ORDER BY told.of, told.text))
  FROM told
 GROUP BY told.schema, told.name, told.what
"""
_EACH = "SELECT told.schema, told.name, told.what, told.of, told.text FROM told"
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
        granted = {shape: sum(what == _RIGHT and name in erased for name, what, _ in shape) for shape in alike}
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
    return frozenset(fact for fact in shape if fact[1] != _RIGHT)


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
    for of_schema, table, what, of, text in connection.execute(
        _FACTS + _EACH, _parameters(spec, data_map, [schema, usual])
    ).fetchall():
        facts[of_schema].setdefault((table, what, of), set()).add(text)
    here, there = ({fact: text for fact, text in facts[one].items() if fact[1] != _RIGHT} for one in (schema, usual))
    rights_here, rights_there = (
        {(table, of): columns for (table, what, of), columns in facts[one].items() if what == _RIGHT}
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
    for schema, table, what, digest in connection.execute(
        _FACTS + _DIGESTS, _parameters(spec, data_map, schemas)
    ).fetchall():
        found.setdefault(schema, set()).add((table, what, digest))
    return {schema: frozenset(facts) for schema, facts in found.items()}


def _parameters(spec: PostgresSpec, data_map: DataMap, schemas: Collection[str] | None) -> dict[str, object]:
    """Of tables of which a part stays every column counts: it may be personal. Of others those that the map names."""
    pattern = spec.tenants
    if pattern is None:
        raise TerminalError("no table of the data map is named by a pattern.")
    ours = {name: one.table.partition(".")[2] for name, one in spec.collections.items() if one.by_pattern}
    columns = {f"{table}.{column}" for name, table in ours.items() for column in spec.used_columns(name)}
    types = {name: data_map.data_types.get(spec.collections[name].data_type or "") for name in ours}
    whole = {ours[name] for name, one in types.items() if one is not None and one.on_request is Action.TOMBSTONE}
    return {
        "before": pattern.before,
        "behind": pattern.behind,
        "tables": sorted(set(ours.values())),
        "columns": sorted(columns),
        "whole": sorted(whole),
        "schemas": None if schemas is None else sorted(schemas),
    }
