"""Owner columns: whether each member has exactly one spelling there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table

# Types that write a value in one way, whatever the session's settings; besides these, enums.
_ONE_TEXT = frozenset(
    {"smallint", "integer", "bigint", "uuid", "text", "character varying", "character", "name", "boolean"}
)
_WHOLE = re.compile(r"numeric\([0-9]+,0\)")


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Columns that say whose records these are, of types in which one member may be written in several ways."""
    for name, spec, table in inspection.live_data():
        column = table.columns.get("" if spec.owner is None else spec.owner.column or "")
        if column is not None and not _one_text(column):
            yield inspection.error(
                "owner-type",
                name,
                f"{table.text}.{column.name} says whose the records are and is {column.type}: one member may be written"
                " there in several ways, and a request for it would miss the others.",
                f"ALTER TABLE {quoted_table(spec.table)} ALTER COLUMN {quoted(column.name)} TYPE text, or a type of"
                " whole numbers or uuid, each member in one spelling; or name another column as owner.",
            )


def _one_text(column: Column) -> bool:
    whole = column.base == "numeric" and _WHOLE.fullmatch(column.type) is not None
    return column.base in _ONE_TEXT or column.labels is not None or whole
