"""Inheritance and partitions: a table that is part of two collections has rows of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted_table

# Every relation that is (a part of) several of these; what stands higher first.
_COMMON = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid, 0 AS depth FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid, tree.depth + 1
      FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT n.nspname || '.' || c.relname, array_agg(DISTINCT tree.root::bigint)
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 GROUP BY c.oid, n.nspname, c.relname
HAVING count(DISTINCT tree.root) > 1
 ORDER BY max(tree.depth), 1
"""


# Servers before 14 have no `inhdetachpending`.
_PENDING = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid, o AS above, false AS pending FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid, i.inhparent, pg_catalog.to_jsonb(i) @> '{"inhdetachpending": true}'
      FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT tree.root::bigint, n.nspname || '.' || c.relname, un.nspname || '.' || u.relname
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class u ON u.oid = tree.above
  JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
 WHERE tree.pending
 ORDER BY 2
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Logs that share rows with a collection of data, collections of data that share rows, and rows out of sight."""
    names = {
        table.oid: name
        for name, spec in inspection.spec.collections.items()
        if (table := inspection.catalogue.tables.get(spec.table)) is not None
    }
    said: set[frozenset[str]] = set()
    for part, oids in connection.execute(_COMMON, (list(names),)).fetchall():
        for one, other in combinations((name for oid, name in names.items() if oid in oids), 2):
            if frozenset((one, other)) not in said:
                said.add(frozenset((one, other)))
                yield from _finding(inspection, part, (one, other))
    for oid, part, above in connection.execute(_PENDING, (list(names),)).fetchall():
        yield inspection.error(
            "partition-pending",
            names[oid],
            f"{part} is being detached from {above}, and that did not end: its rows stand there, and nobody sees them"
            f" through {above}.",
            f"ALTER TABLE {quoted_table(above)} DETACH PARTITION {quoted_table(part)} FINALIZE; then attach it again,"
            " drop it, or map it.",
        )


def _finding(inspection: InspectionContext, part: str, names: Sequence[str]) -> Iterator[Finding]:
    collections = inspection.spec.collections
    data = [name for name in names if collections[name].log is None]
    logs = [name for name in names if collections[name].log is not None]
    if not data:
        return
    one = collections[data[0]].table
    if logs:
        log = collections[logs[0]].table
        which = f"The log {log} is" if part == log else f"{part} is a part of the log {log} and"
        yield inspection.error(
            "log-part",
            logs[0],
            f"{which} a part of {one}: rows of the log would be erased with the rows of {one}.",
            f"Take {part} out of {one} (NO INHERIT, or DETACH PARTITION), or declare no log that has rows of it.",
        )
    elif part not in {collections[name].table for name in data}:  # else it is of the wrong kind, and `columns` says so
        other = collections[data[1]].table
        yield inspection.error(
            "part-of-two",
            data[1],
            f"{part} is a part of {one} and of {other}: its rows are of both collections, and what is done with the one"
            " would be done with the other.",
            f"ALTER TABLE {quoted_table(part)} NO INHERIT {quoted_table(other)}, or the same with {one}.",
        )
