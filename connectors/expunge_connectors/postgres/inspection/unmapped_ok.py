"""`unmapped_ok`: whether the places that it names exist, and the map does not name them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext

_EXIST = """
SELECT n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname || '.' || c.relname = ANY (%(places)s)
UNION ALL
SELECT n.nspname || '.' || c.relname || '.' || a.attname
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname || '.' || c.relname || '.' || a.attname = ANY (%(places)s) AND NOT a.attisdropped
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Declarations that contradict the map, or that name nothing."""
    places = [one.place for one in inspection.spec.unmapped_ok]
    if not places:
        return
    there = {row[0] for row in connection.execute(_EXIST, {"places": places}).fetchall()}
    for place in places:
        collection = inspection.collection_of(place)
        if collection is not None:
            yield inspection.error(
                "unmapped-ok-mapped",
                collection,
                f"{place} is in this collection, and stands under `unmapped_ok` as well.",
                "Decide: take it out of one of the two.",
            )
        elif place not in there:
            yield inspection.warning(
                "unmapped-ok-unknown",
                None,
                f"`unmapped_ok` names {place}, which does not exist.",
                "Write schema.table or schema.table.column, as it stands in the database, or take the entry out.",
            )
