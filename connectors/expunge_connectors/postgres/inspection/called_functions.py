"""Called functions: whether the role may execute what the server calls for its statements, and name the types.

A row that is overwritten passes the table's checks, generated columns and indexes with the rights of whoever writes it;
a column of an extension's type is compared by a function of the extension. Where EXECUTE was taken from PUBLIC, the
erasure would be the first to be refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted

# Of tables that are overwritten, and of the partitions and heirs in which their rows are. With its column what the
# check of a domain calls: it is looked at as a value of it is written, the others with every row.
_WRITTEN = """
WITH RECURSIVE tree (root, oid) AS (
    SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::oid[])
    UNION
    SELECT tree.root, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
), kind (root, name, oid) AS (
    SELECT tree.root, a.attname, a.atttypid
      FROM tree JOIN pg_catalog.pg_attribute a ON a.attrelid = tree.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT kind.root, kind.name, below.oid
      FROM kind
      JOIN pg_catalog.pg_type t ON t.oid = kind.oid
      JOIN pg_catalog.pg_type below ON below.oid IN (t.typbasetype, t.typelem)
), part (root, name, classid, objid) AS (
    SELECT tree.root, NULL::name, 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
      FROM tree JOIN pg_catalog.pg_constraint c ON c.conrelid = tree.oid AND c.contype = 'c'
    UNION ALL
    SELECT kind.root, kind.name, 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
      FROM kind JOIN pg_catalog.pg_constraint c ON c.contypid = kind.oid
    UNION ALL
    SELECT tree.root, NULL, 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
      FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid
    UNION ALL
    SELECT tree.root, NULL, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid
      FROM tree
      JOIN pg_catalog.pg_attribute a ON a.attrelid = tree.oid AND a.attgenerated <> ''
      JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
), called (root, name, oid) AS (
    SELECT part.root, part.name, coalesce(o.oprcode, d.refobjid)
      FROM part
      JOIN pg_catalog.pg_depend d ON d.classid = part.classid AND d.objid = part.objid
       AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
      LEFT JOIN pg_catalog.pg_operator o
        ON o.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
)
SELECT called.root::bigint, p.oid::pg_catalog.regprocedure::text,
       pg_catalog.array_agg(DISTINCT called.name::text)
  FROM called
  JOIN pg_catalog.pg_proc p ON p.oid = called.oid
 WHERE NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
 GROUP BY 1, 2
 ORDER BY 1, 2
"""

# What a column's values are compared by, and the type itself, which a cast names.
_COMPARED = """
WITH RECURSIVE kind (relation, name, oid, own) AS (
    SELECT a.attrelid, a.attname, a.atttypid, true
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT kind.relation, kind.name, below.oid, false
      FROM kind
      JOIN pg_catalog.pg_type t ON t.oid = kind.oid
      JOIN pg_catalog.pg_type below ON below.oid IN (t.typbasetype, t.typelem)
)
SELECT DISTINCT kind.relation::bigint, kind.name::text,
       CASE WHEN NOT pg_catalog.has_function_privilege(o.oprcode, 'EXECUTE')
            THEN o.oprcode::pg_catalog.regprocedure::text END,
       CASE WHEN kind.own AND NOT pg_catalog.has_type_privilege(kind.oid, 'USAGE')
            THEN pg_catalog.format_type(kind.oid, NULL) END
  FROM kind
  LEFT JOIN pg_catalog.pg_operator o ON o.oprname = '=' AND o.oprleft = kind.oid AND o.oprright = kind.oid
 ORDER BY 1, 2
"""


def findings(
    connection: Connection, inspection: InspectionContext, named: Collection[tuple[int, str]]
) -> Iterator[Finding]:
    """EXECUTE on what the server calls as a row is overwritten or compared, USAGE on types.

    Args:
        connection: In a transaction.
        inspection: The store.
        named: (table, column) that statements of ours name.
    """
    role = quoted(inspection.role)
    names = {table.oid: (name, table.text) for name, _, table in inspection.live_data()}
    written = {
        table.oid: {None, *spec.tombstone}
        for _, spec, table in inspection.live_data()
        if inspection.action(spec) is Action.TOMBSTONE
    }
    for oid, function, columns in connection.execute(_WRITTEN, (sorted(written),)).fetchall():
        if written[oid].isdisjoint(columns):
            continue
        name, table = names[oid]
        yield inspection.error(
            "right-missing",
            name,
            f"A check, an index or a generated column of {table}, or a column's domain, calls {function} as a row is"
            " overwritten, and the role may not execute it.",
            f"GRANT EXECUTE ON FUNCTION {function} TO {role};",
        )
    for oid, column, function, kind in connection.execute(_COMPARED, (sorted(names),)).fetchall():
        name, table = names[oid]
        if (oid, column) not in named:
            continue
        if function is not None:
            yield inspection.error(
                "right-missing",
                name,
                f"Values of {table}.{column} are compared by {function}, which the role may not execute.",
                f"GRANT EXECUTE ON FUNCTION {function} TO {role};",
            )
        if kind is not None:
            yield inspection.error(
                "right-missing",
                name,
                f"{table}.{column} is of the type {kind}, which the role may not use.",
                f"GRANT USAGE ON TYPE {kind} TO {role};",
            )
