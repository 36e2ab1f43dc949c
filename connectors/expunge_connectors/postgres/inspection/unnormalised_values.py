"""Unnormalised values: whether a column can hold a value in another form than the one compared (ADR 16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import INTEGER, NUMERIC, fraction, key_type
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import TableSpec


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Columns that hold one value in several forms, of which not all would be found."""
    for name, spec, table in inspection.live_data():
        found: list[Finding] = []
        for identity, source in _sources(spec):
            live = table.columns.get(source.column)
            if live is not None:
                found += _identity(inspection, name, table, live, identity, source)
        yield from dict.fromkeys(found)  # a column may say several things
    yield from _exact_fractions(inspection)


def _identity(  # noqa: PLR0913, PLR0917 - where, and what is held against what
    inspection: InspectionContext, name: str, table: Table, live: Column, identity: str, source: Source
) -> Iterator[Finding]:
    rule = inspection.data_map.identities[identity].rule
    if rule.counts and rule.plain and (source.several or key_type(live) not in {INTEGER, NUMERIC}):
        yield inspection.error(
            "spelling",
            name,
            f"{table.text}.{live.name} is {live.type}, where white space may stand around a number:"
            f" {rule.name} does not find ` 7`.",
            f"`normaliser: integer/2` for `{identity}`.",
        )


def _exact_fractions(inspection: InspectionContext) -> Iterator[Finding]:
    """An identity that is compared exactly, in a column of numbers with a fraction and in columns of another type."""
    places: Mapping[str, list[tuple[str, Table, Column]]] = defaultdict(list)
    for name, spec, table in inspection.live_data():
        for identity, source in _sources(spec):
            if source.column in table.columns:
                places[identity].append((name, table, table.columns[source.column]))
    for identity, found in places.items():
        rule = inspection.data_map.identities[identity].rule
        if rule.counts or len({live.base for _, _, live in found}) == 1:
            continue
        for name, table, live in found:
            if fraction(live) and not live.base.endswith("[]"):
                yield inspection.error(
                    "spelling",
                    name,
                    f"{table.text}.{live.name} is {live.type}, and `{identity}` stands in columns of other types too:"
                    f" {rule.name} does not take 7.00 for 7.",
                    f"`normaliser: integer/2` for `{identity}`, or one type for all these columns.",
                )


def _sources(spec: TableSpec) -> Iterator[tuple[str, Source]]:
    """Identity and where it stands, for links and yields, each place once."""
    links = ((link.identity, link.source) for link in spec.found_by if link.identity is not None)
    seen: set[tuple[str, str, tuple[str, ...] | None, bool]] = set()
    for identity, source in (*links, *spec.yields.items()):
        key = (identity, source.column, source.path, bool(source.each))
        if key not in seen:
            seen.add(key)
            yield identity, source
