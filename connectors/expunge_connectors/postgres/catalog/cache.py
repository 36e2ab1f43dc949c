"""Catalogue cache: pg_catalog read once, then revalidated by one cheap query, the stamp.

Every call needs to know how the tables are built; reading that costs as much as erasing several people. Whether a row
of the server's catalogue was written since is told by its `xmin`. What else follows from the catalogue alone (whether
the relations are those of a plan, whether the tables are built as the inspection saw them) rests on the same stamp:
while `read` returns the same object, it holds.

A look costs as much as finding a person, so what only reads rests on the last one (`last`): each plan, look-up and step
begins with a look, and erasing and verification look for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expunge_connectors.postgres.catalog import reader
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection

# Everything that `reader`, `relations` and `schema_fingerprint` look at: how many rows, and the sum of their digests.
# `pg_class` by its values, for statistics are written into its rows. `oids` are of the tables and of all below them.
# Names of relations and types come from the server's caches: a join for them takes longer than all the rest. Of types
# by themselves all but those that come and go with a table, temporary ones among them.
_STAMP = """
SELECT 'tables', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
         c.oid, c.oid::pg_catalog.regclass, c.relkind, c.relrowsecurity, c.relforcerowsecurity), 0))
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY (%(oids)s::oid[])
UNION ALL
SELECT 'columns', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
         a.xmin, pg_catalog.format_type(a.atttypid, NULL)), 0))
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0
UNION ALL
SELECT 'types', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(t.xmin::text, 0))
  FROM pg_catalog.pg_type t
 WHERE t.typtype <> 'c' AND t.typcategory <> 'A'
UNION ALL
SELECT 'labels', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(e.xmin::text, 0))
  FROM pg_catalog.pg_enum e
UNION ALL
SELECT 'indexes', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(x.xmin::text, 0))
  FROM pg_catalog.pg_index x
 WHERE x.indrelid = ANY (%(oids)s::oid[])
UNION ALL
SELECT 'constraints', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
         k.xmin, k.conrelid::pg_catalog.regclass, k.confrelid::pg_catalog.regclass), 0))
  FROM pg_catalog.pg_constraint k
 WHERE k.contype = 'f' OR k.conrelid = ANY (%(oids)s::oid[])
UNION ALL
SELECT 'triggers', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
         g.xmin, f.xmin), 0))
  FROM pg_catalog.pg_trigger g
  JOIN pg_catalog.pg_proc f ON f.oid = g.tgfoid
 WHERE g.tgrelid = ANY (%(oids)s::oid[])
UNION ALL
SELECT 'rules', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(w.xmin::text, 0))
  FROM pg_catalog.pg_rewrite w
 WHERE w.ev_class = ANY (%(oids)s::oid[])
UNION ALL
SELECT 'policies', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(y.xmin::text, 0))
  FROM pg_catalog.pg_policy y
UNION ALL
SELECT 'partitions', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
         i.inhrelid, i.inhparent, i.xmin), 0))
  FROM pg_catalog.pg_inherits i
UNION ALL
SELECT 'settings', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(s.xmin::text, 0))
  FROM pg_catalog.pg_db_role_setting s
UNION ALL
SELECT pg_catalog.current_setting('session_replication_role'), 0, 0
"""

_Stamp = list[tuple[Any, ...]]


class CachedCatalog:
    """The catalogue of some tables. Safe to use from several threads; each connection must lead to the same server.

    Args:
        names: Tables as `schema.table`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._last: tuple[_Stamp, Catalogue] | None = None

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

    def last(self, connection: Connection) -> Catalogue:
        """What `read` saw last, read now where it saw nothing: for reads of a step that began with a look."""
        last = self._last
        return self.read(connection) if last is None else last[1]


def _stamp(connection: Connection, of: Catalogue) -> _Stamp:
    oids = [*(table.oid for table in of.tables.values()), *of.below]
    # They are numbers of ours, not parameters: so the look goes in the message that begins its transaction.
    return connection.execute(_STAMP.replace("%(oids)s", f"'{{{','.join(map(str, oids))}}}'").encode()).fetchall()
