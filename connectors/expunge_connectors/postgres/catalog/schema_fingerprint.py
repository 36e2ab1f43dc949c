"""Schema fingerprint: detects changes of the mapped tables between inspection and a step that relies on it.

Between an inspection and the last chunk of a batch somebody may swap a table by renaming it, detach a partition, add a
trigger or a foreign key, or let a policy hide rows. What a step does not meet by itself is met here (ADR 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from expunge_connectors.errors import StructureChangedError
from expunge_connectors.postgres.connection import Connection

_TABLES = """
WITH RECURSIVE tree (oid) AS (
    SELECT c.oid
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname || '.' || c.relname = ANY (%s)
    UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT c.oid::bigint, n.nspname || '.' || c.relname
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""

# Nothing here changes with the rows, VACUUM FULL, REINDEX or a new partition: a partition that is attached later has
# its root's columns, keys and triggers. Constraints and indexes of partitions that only copy the root's are left out.
# `conenforced`, which old servers do not have, is of checks and foreign keys; a row as JSON takes long.
_BUILT = """
SELECT fact.oid::bigint, fact.what, pg_catalog.md5(pg_catalog.string_agg(fact.text, ';' ORDER BY fact.text COLLATE "C"))
  FROM (
    SELECT c.oid, 'name or place', pg_catalog.concat_ws(' ', n.nspname, c.relname, c.relkind, c.relrowsecurity,
             c.relforcerowsecurity,
             ARRAY(SELECT pg_catalog.concat_ws(' ', i.inhparent, pg_catalog.to_jsonb(i) ->> 'inhdetachpending')
                     FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid ORDER BY 1),
             c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT a.attrelid, 'columns', pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
             a.attgenerated, a.attidentity)
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT o.oid, s.what, z.value
      FROM unnest(%(oids)s::oid[]) AS o (oid)
     CROSS JOIN (VALUES ('time zone', 'timezone'), ('foreign keys', 'session_replication_role')) AS s (what, setting)
     CROSS JOIN LATERAL (
             SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.setrole, d.setdatabase, c), ',' ORDER BY
                      d.setrole, d.setdatabase)
               FROM pg_catalog.pg_db_role_setting d
              CROSS JOIN LATERAL unnest(d.setconfig) AS c
              WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_catalog.pg_database b
                                           WHERE b.datname = pg_catalog.current_database()))
                AND pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) = s.setting) AS z (value)
     WHERE z.value IS NOT NULL
    UNION ALL
    SELECT g.tgrelid, 'foreign keys', pg_catalog.concat_ws(' ', g.oid, g.tgenabled)
      FROM pg_catalog.pg_trigger g
      JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint AND k.contype = 'f'
     WHERE g.tgrelid = ANY (%(oids)s::oid[]) AND g.tgisinternal AND g.tgenabled <> 'O'
    UNION ALL
    SELECT k.conrelid, CASE k.contype WHEN 'f' THEN 'foreign keys' ELSE 'constraints' END,
           pg_catalog.concat_ws(' ', k.oid, k.contype, k.convalidated, k.condeferrable, k.confdeltype, k.confupdtype,
             CASE WHEN k.contype IN ('c', 'f') THEN pg_catalog.to_jsonb(k) ->> 'conenforced' END)
      FROM pg_catalog.pg_constraint k
     WHERE k.conrelid = ANY (%(oids)s::oid[]) AND k.conparentid = 0
    UNION ALL
    SELECT k.confrelid, 'foreign keys', pg_catalog.concat_ws(' ', k.oid, k.convalidated, k.confdeltype, k.confupdtype)
      FROM pg_catalog.pg_constraint k
     WHERE k.contype = 'f' AND k.confrelid = ANY (%(oids)s::oid[]) AND k.conparentid = 0
    UNION ALL
    SELECT g.tgrelid, 'triggers', pg_catalog.concat_ws(' ', g.oid, g.tgenabled, g.tgtype, g.tgfoid, g.tgqual, p.prosrc)
      FROM pg_catalog.pg_trigger g
      JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
     WHERE g.tgrelid = ANY (%(oids)s::oid[]) AND NOT g.tgisinternal
    UNION ALL
    SELECT w.ev_class, 'rules', pg_catalog.concat_ws(' ', w.oid, w.ev_enabled)
      FROM pg_catalog.pg_rewrite w
     WHERE w.ev_class = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT y.polrelid, 'policies', pg_catalog.concat_ws(' ', y.oid, y.polcmd, y.polpermissive, y.polroles, y.polqual)
      FROM pg_catalog.pg_policy y
     WHERE y.polrelid = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT DISTINCT x.indrelid, 'unique indexes',
           pg_catalog.concat_ws(' ', x.indkey, x.indisprimary, x.indpred, x.indexprs)
      FROM pg_catalog.pg_index x
     WHERE x.indrelid = ANY (%(oids)s::oid[]) AND x.indisunique AND x.indisvalid
  ) AS fact (oid, what, text)
 GROUP BY fact.oid, fact.what
"""
_PLACE, _FOREIGN_KEYS = "name or place", "foreign keys"


class Difference(NamedTuple):
    """A table (`schema.table`, as it was), and what of it was changed."""

    table: str
    what: str

    @property
    def settles(self) -> bool:
        """The inspection can say of the new state alone whether it will do.

        Not of a table that was swapped or moved away, for what stood in it is out of sight; nor of a foreign key, for
        which keys were kept rests on it (ADR 5).
        """
        return self.what not in {_PLACE, _FOREIGN_KEYS}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Tables by oid, and of each how its parts are built, as digests."""

    names: Mapping[int, str]
    built: Mapping[tuple[int, str], str]

    @classmethod
    def taken(cls, connection: Connection, tables: Iterable[str]) -> Fingerprint:
        """Of these tables (`schema.table`) and what is below them, as they are now."""
        names: dict[int, str] = dict(connection.execute(_TABLES, (sorted(set(tables)),)).fetchall())
        return cls(names, _built(connection, names))

    def differences(self, connection: Connection) -> list[Difference]:
        """Where the same tables are built otherwise now."""
        now = _built(connection, self.names)
        return [
            Difference(self.names[oid], what)
            for oid, what in sorted({**self.built, **now})
            if self.built.get((oid, what)) != now.get((oid, what))
        ]


def changed(store: str, differences: Sequence[Difference]) -> StructureChangedError:
    """The error that names some of them."""
    listed = "; ".join(f"{one.table} ({one.what})" for one in differences[:5])
    return StructureChangedError(
        f"store {store}: tables are not built as they were when the data map was held against them: {listed}.",
        remedy="Run `expunge check`, then take the batch up again with `expunge retry`.",
    )


def _built(connection: Connection, oids: Iterable[int]) -> dict[tuple[int, str], str]:
    return {(oid, what): digest for oid, what, digest in connection.execute(_BUILT, {"oids": list(oids)}).fetchall()}
