"""Tenant facts: what there is of the tables of each member's schema, and how that is built, by one statement (ADR 25).

A schema's own name is written `*`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from expunge_config.datamap import Action, DataMap
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec

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
RIGHT = "right"
"""What a fact is that somebody else grants."""
_DIGESTS = """
SELECT told.schema, told.name, told.what,
       pg_catalog.md5(pg_catalog.string_agg(told.of || ' ' || told.text, ';' ORDER BY told.of, told.text))
  FROM told
 GROUP BY told.schema, told.name, told.what
"""
_EACH = "SELECT told.schema, told.name, told.what, told.of, told.text FROM told"


def digests(
    connection: Connection, spec: PostgresSpec, data_map: DataMap, schemas: Collection[str] | None
) -> Sequence[tuple[str, str, str, str]]:
    """(schema, table, what, digest of everything of that kind) of these schemas; None: of all that match."""
    return connection.execute(_FACTS + _DIGESTS, _parameters(spec, data_map, schemas)).fetchall()


def each(
    connection: Connection, spec: PostgresSpec, data_map: DataMap, schemas: Collection[str]
) -> Sequence[tuple[str, str, str, str, str]]:
    """(schema, table, what, of what, how that is built) of these schemas."""
    return connection.execute(_FACTS + _EACH, _parameters(spec, data_map, schemas)).fetchall()


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
