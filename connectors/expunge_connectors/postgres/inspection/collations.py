"""Collations: do the columns by which rows are found tell every text from every other?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.subject import Inspection, quoted, quoted_table

# https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC
_LOOSE = """
SELECT a.attrelid::bigint, a.attname::text
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
 WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.collisdeterministic
"""


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """Columns that find rows, or say whose they are, and call different texts equal."""
    by_oid = {table.oid: text for text, table in inspection.catalogue.tables.items()}
    loose = {(by_oid[oid], column) for oid, column in connection.execute(_LOOSE, (list(by_oid),)).fetchall()}
    finding = _finding(inspection)
    for name, spec, _ in inspection.live_data():
        for column in sorted(finding[spec.table]):
            if (spec.table, column) in loose:
                yield inspection.error(
                    "collation",
                    name,
                    f"{spec.table}.{column} has a collation under which different texts are equal: by one person's"
                    " identifier, or one controller's name, rows of another could be reached.",
                    f'ALTER TABLE {quoted_table(spec.table)} ALTER COLUMN {quoted(column)} TYPE text COLLATE "C";'
                    " or find the rows by another column.",
                )


def _finding(inspection: Inspection) -> Mapping[str, set[str]]:
    """Table -> its columns by which rows of it, or of others, are found."""
    found: dict[str, set[str]] = defaultdict(set)
    collections = inspection.spec.collections
    for _, spec, _ in inspection.live_data():
        found[spec.table].update(source.column for source in spec.yields.values())
        if spec.owner is not None and spec.owner.column is not None:
            found[spec.table].add(spec.owner.column)
        for tie in spec.ties:
            found[spec.table].update(tie.names)
            if tie.lead is not None:
                found[collections[tie.lead[0]].table].update(tie.lead[1])
    return found
