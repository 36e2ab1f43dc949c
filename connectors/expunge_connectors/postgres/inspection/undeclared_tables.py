"""Undeclared tables: they point, perhaps through others, to mapped ones, and the map does not name them.

Rows that lead to a person's are most likely about that person, and of a table that is not in the map nothing is erased.
So somebody decides: a collection, a log, or `unmapped_ok`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.inspection.context import InspectionContext


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Each of them, with the first key on its way to a mapped table."""
    logs = {spec.table for spec in inspection.spec.collections.values() if spec.log is not None}
    mapped = {spec.table for spec in inspection.spec.collections.values()}
    for table, via in sorted(_leading(inspection, logs).items()):
        if table in mapped:
            continue
        yield inspection.error(
            "undeclared-table",
            inspection.collection_of(via.parent),
            f"{table} points to {via.parent} (constraint {via.name}), but the map does not name it.",
            "Add the table to the data map: as a collection, or as a log with purpose, ground, retention and approver;"
            " or under `unmapped_ok`, if it says nothing about people, as a table of branch offices does.",
        )


def _leading(inspection: InspectionContext, logs: Container[str]) -> dict[str, ForeignKey]:
    """Every table that points, perhaps through others, to a mapped one: the first key on a shortest way there.

    Not through a log, nor through a table that is nobody's.
    """
    found: dict[str, ForeignKey] = {}
    reached = {spec.table for _, spec in inspection.data()}
    while True:
        nearer: dict[str, ForeignKey] = {}
        for key in inspection.catalogue.foreign_keys:
            ours = key.parent in reached and key.parent not in logs
            if ours and key.child not in reached and not inspection.declared_free(key.child):
                nearer.setdefault(key.child, key)
        if not nearer:
            return found
        found |= nearer
        reached |= nearer.keys()
