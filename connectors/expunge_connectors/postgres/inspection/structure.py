"""Tables, columns, keys and types: does what the map names exist, and does it fit."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalogue import Table
from expunge_connectors.postgres.inspection.subject import Inspection
from expunge_connectors.postgres.keytypes import key_type
from expunge_connectors.postgres.mapped import split
from expunge_connectors.postgres.spec import TableSpec


def findings(inspection: Inspection) -> Iterator[Finding]:
    """Whatever the map names and the database has not, or has otherwise."""
    for name, spec in inspection.spec.collections.items():
        table = inspection.catalogue.tables.get(spec.table)
        if table is None:
            yield inspection.error(
                "table-missing",
                name,
                f"The table {spec.table} does not exist.",
                "Correct `table` in the data map, or restore the table.",
            )
        elif spec.log is None:
            yield from _table(inspection, name, spec, table)


def _table(inspection: Inspection, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    if table.kind != "r" or table.inherits:
        yield inspection.error(
            "table-kind",
            name,
            f"{table.text} is a view, a foreign table, partitioned or part of an inheritance: not supported yet.",
            "Nothing in this collection can be erased with this version.",
        )
        return
    if not table.primary_key:
        yield inspection.error(
            "primary-key-missing", name, f"{table.text} has no primary key.", "Add one: rows must be told apart."
        )
    for column in sorted(used_columns(inspection, name, spec) - set(table.columns)):
        yield inspection.error(
            "column-missing", name, f"{table.text} has no column {column}.", "Correct its name in the data map."
        )
    yield from _types(inspection, name, spec, table)


def used_columns(inspection: Inspection, name: str, spec: TableSpec) -> set[str]:
    """Every column of a collection that the map names anywhere."""
    named = {tie.column for tie in spec.ties} | set(spec.yields.values()) | set(spec.tombstone)
    named |= {column for column in (spec.created, spec.start) if column is not None}
    if spec.owner is not None and spec.owner.column is not None:
        named.add(spec.owner.column)
    for _, other in inspection.data():
        named |= {column for lead, column in (split(tie.of) for tie in other.ties if tie.of) if lead == name}
    return named


def _types(inspection: Inspection, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    for tie in spec.ties:
        if tie.of is None or tie.column not in table.columns:
            continue
        lead, lead_column = split(tie.of)
        lead_table = inspection.catalogue.tables.get(inspection.spec.collections[lead].table)
        if lead_table is None or lead_column not in lead_table.columns:
            continue
        ours, theirs = table.columns[tie.column], lead_table.columns[lead_column]
        if key_type(ours.base) is not key_type(theirs.base):
            yield inspection.error(
                "tie-type",
                name,
                f"{table.text}.{ours.name} is {ours.type}, but {tie.of} is {theirs.type}: they are never compared.",
                "Correct the tie, or make the types agree.",
            )
    for role, column in (("created", spec.created), ("start", spec.start)):
        live = table.columns.get(column or "")
        if live is not None and not live.base.startswith(("timestamp", "date")):
            yield inspection.error(
                "date-type", name, f"`{role}` names {live.name}, which is {live.type}.", "Name a date or timestamp."
            )
        elif live is not None and not live.not_null:
            yield inspection.warning(
                "date-nullable",
                name,
                f"`{role}` names {live.name}, which may be empty: such rows are kept (newer, or retained without end).",
                "Fill the column and make it NOT NULL.",
            )
