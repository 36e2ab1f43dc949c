"""Mapped columns, with their tables, keys and types: whether they exist and fit."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import Action, IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.key_types import comparable, names_people
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import Elements, Removal, TableSpec


def findings(inspection: InspectionContext) -> Iterator[Finding]:
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


def _table(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    if not table.supported:
        yield inspection.error(
            "table-kind",
            name,
            f"{table.text} is a view, a foreign table, a partition, or inherits from another table.",
            "Name the table at the top: its partitions and children are included.",
        )
        return
    for column in sorted(inspection.spec.used_columns(name) - set(table.columns)):
        yield inspection.error(
            "column-missing", name, f"{table.text} has no column {column}.", "Correct its name in the data map."
        )
    yield from _types(inspection, name, spec, table)


def _types(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    for link in spec.found_by:
        if link.lead is None:
            continue
        lead, lead_columns = link.lead
        lead_table = inspection.catalogue.tables.get(inspection.spec.collections[lead].table)
        for column, lead_column in zip(link.names, lead_columns, strict=True):
            ours, theirs = (
                table.columns.get(column),
                None if lead_table is None else lead_table.columns.get(lead_column),
            )
            if ours is not None and theirs is not None and not comparable(ours, theirs):
                alike = " and equal values have several texts there" if ours.base == theirs.base else ""
                yield inspection.error(
                    "tie-type",
                    name,
                    f"{table.text}.{ours.name} is {ours.type}, and {lead}.{theirs.name} is {theirs.type}{alike}: they"
                    " cannot be compared exactly, and rows would be missed.",
                    "Link by another column, or make both columns of one type (docs/data-map.md lists them).",
                )
    yield from _value_types(inspection, name, spec, table)
    yield from _json_texts(inspection, name, spec, table)
    yield from _dates(inspection, name, spec, table)


def _dates(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    of_claims = [("since", column) for column in spec.since.values()]
    for role, dated in (("created", spec.created), ("start", spec.start), *of_claims):
        live = table.columns.get(dated or "")
        if live is not None and not live.dated:
            yield inspection.error(
                "date-type", name, f"`{role}` names {live.name}, which is {live.type}.", "Name a date or timestamp."
            )
            continue
        if live is not None and live.base == "date" and role == "created" and spec.person is not None:
            yield inspection.warning(
                "created-day",
                name,
                f"`created` of these persons names {live.name}, which is a day without a time: of an id that is given"
                " again on the day of a plan or an erasure only its values tell that it is another person's. One"
                " without any of its own, or with a value of the first one, is erased as the first one.",
                "Name a timestamp, if there is one, or never give an id again.",
            )
        if live is None or live.not_null or role == "since":
            continue
        if role == "start":
            data_type = inspection.data_map.data_types[spec.data_type or ""]
            retained = data_type.on_request is Action.RETAIN
            without = "retained without end" if retained else "due by no age"
            yield inspection.warning(
                "date-nullable",
                name,
                f"`start` names {live.name}, which may be empty: such rows are {without}.",
                "Fill the column and make it NOT NULL.",
            )
        elif spec.undated is None and _by_reusable(inspection, spec):
            yield inspection.error(
                "created-nullable",
                name,
                f"`created` names {live.name}, which may be empty: such rows would count as newer for ever.",
                "Fill the column and make it NOT NULL, or decide `undated: erase | keep` for rows without a time.",
            )


def _by_reusable(inspection: InspectionContext, spec: TableSpec) -> bool:
    """Rows are found by an identifier that may be re-used: only then does their age matter."""
    found = [inspection.data_map.identities[link.identity] for link in spec.found_by if link.identity]
    return any(one.kind is IdentityKind.REUSABLE and not one.shareable for one in found)


def _value_types(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    for source in (*spec.yields.values(), *_sources(spec)):
        live = table.columns.get(source.column)
        if live is None:
            continue
        if source.template is not None and source.path is None and not textual(live.base):
            yield inspection.error(
                "value-type",
                name,
                f"{table.text}.{live.name} is {live.type}: no text with anything beside the identifier stands there.",
                "Leave out `template`, or name a column of texts.",
            )
        if not names_people(live, inside=source.several, of_bytes=source.of_bytes):
            yield inspection.error(
                "value-type",
                name,
                f"{table.text}.{live.name} is {live.type}, where an identifier may be spelled otherwise than in a"
                " request, or cannot be taken out of it as `decode` says: it would not be found, and be called gone.",
                "Name a column of texts, whole numbers, numeric or UUIDs, or an array of texts or whole numbers; give"
                " `path` for JSON; yield bytea with `decode: [bytes-as-…]`. A generated column can hold the text.",
            )
        elif not source.several:
            continue
        elif not (live.base.endswith("[]") if source.each else live.base in {"json", "jsonb"}):
            yield inspection.error(
                "value-type",
                name,
                f"{table.text}.{live.name} is {live.type}, but the map looks for values inside it.",
                "Give `path` for JSON and JSONB, `each` for an array, and neither for a plain column.",
            )


def _json_texts(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    """What stands in it is read as jsonb, which has no text with a NUL.

    https://www.postgresql.org/docs/current/datatype-json.html
    """
    looked_into = [source.column for source in (*spec.yields.values(), *_sources(spec)) if source.path is not None]
    looked_into += [column for column, wanted in spec.tombstone.items() if isinstance(wanted, (Removal, Elements))]
    for column in dict.fromkeys(looked_into):
        live = table.columns.get(column)
        if live is not None and live.base == "json":
            yield inspection.warning(
                "json-text",
                name,
                f"{table.text}.{live.name} is json, which may hold the escape \\u0000: one such row stops every batch,"
                " and the server's log quotes a part of it.",
                f"ALTER TABLE {quoted_table(spec.table)} ALTER COLUMN {quoted(live.name)} TYPE jsonb",
            )


def _sources(spec: TableSpec) -> Iterator[Source]:
    return (link.source for link in spec.found_by if link.identity)
