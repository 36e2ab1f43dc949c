"""Catalogue cache: pg_catalog read once, then revalidated by one cheap query.

Every call needs to know how the tables are built; reading that costs as much as erasing several people. Whether a row
of the server's catalogue was written since is told by its `xmin`.
"""

from __future__ import annotations

from collections.abc import Iterable

from expunge_connectors.postgres.catalog import reader
from expunge_connectors.postgres.catalog.reader import Catalogue
from expunge_connectors.postgres.connection import Connection

# Everything that `reader.read` looks at. `pg_class` itself by its values: statistics are written into its rows.
_STAMP = """
SELECT pg_catalog.md5(pg_catalog.string_agg(fact.text, ';' ORDER BY fact.text COLLATE "C"))
  FROM (
    SELECT pg_catalog.concat_ws(' ', 'table', c.oid, c.oid::regclass, c.relkind)
      FROM pg_catalog.pg_class c
     WHERE c.oid = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'column', a.attrelid, a.attnum, a.xmin, t.xmin, b.xmin)
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
     WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'index', x.indexrelid, x.xmin)
      FROM pg_catalog.pg_index x
     WHERE x.indrelid = ANY (%(oids)s::oid[])
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'key', f.oid, f.xmin, f.conrelid::regclass, f.confrelid::regclass)
      FROM pg_catalog.pg_constraint f
     WHERE f.contype = 'f'
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'off', g.oid, g.tgenabled)
      FROM pg_catalog.pg_trigger g
     WHERE g.tgrelid = ANY (ARRAY(SELECT unnest(%(oids)s::oid[]) UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i))
       AND g.tgisinternal AND g.tgenabled <> 'O'
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'replica', d.setdatabase, d.setrole)
      FROM pg_catalog.pg_db_role_setting d
     WHERE 'session_replication_role=replica' = ANY (d.setconfig)
    UNION ALL
    SELECT pg_catalog.current_setting('session_replication_role')
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'below', i.inhrelid, i.inhparent) FROM pg_catalog.pg_inherits i
    UNION ALL
    SELECT pg_catalog.concat_ws(' ', 'label', e.oid, e.xmin) FROM pg_catalog.pg_enum e
  ) AS fact (text)
"""


class CachedCatalog:
    """The catalogue of some tables. Safe to use from several threads; each connection must lead to the same server.

    Args:
        names: Tables as `schema.table`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._last: tuple[str, Catalogue] | None = None

    def read(self, connection: Connection) -> Catalogue:
        """What the live database says now: the same object as long as it says the same.

        A catalogue in which a table is missing is not remembered: nothing would tell that there is one by now.
        """
        last = self._last
        if last is not None and _stamp(connection, last[1]) == last[0]:
            return last[1]
        before = _stamp(connection, reader.read(connection, self._names))
        # Read again: something may change in between, and what is remembered must be no older than its stamp.
        found = reader.read(connection, self._names)
        self._last = (before, found) if found.tables.keys() == set(self._names) else None
        return found


def _stamp(connection: Connection, of: Catalogue) -> str:
    oids = [table.oid for table in of.tables.values()]
    (stamp,) = connection.execute(_STAMP, {"oids": oids}).fetchone() or ("",)
    return str(stamp)
