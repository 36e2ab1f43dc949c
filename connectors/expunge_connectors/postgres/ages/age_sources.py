"""Age sources: where the period of a collection's rows starts, or with which other rows they go. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_connectors.contract import GoesWith, NoAge
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_spec import TableSpec

NO_START = "No `start` names a column in which the period begins"
BY_PATTERN = "Where members have schemas of their own, no table is looked at by age yet"
PARTS = "Only parts of rows are this collection's, and parts have no age"


def without_age(spec: PostgresSpec) -> dict[str, GoesWith | NoAge]:
    """The collections of which the map names no column to count by. Logs are left out."""
    data = {name: one for name, one in spec.collections.items() if one.log is None}
    found: dict[str, GoesWith | NoAge] = {}
    for name, one in data.items():
        if spec.tenants is not None:
            found[name] = NoAge(BY_PATTERN)
        elif one.by_elements:
            found[name] = NoAge(PARTS)
        elif one.start is None:
            above = _goes_with(name, data)
            found[name] = NoAge(NO_START) if above is None else GoesWith(above)
    return found


def _goes_with(name: str, data: Mapping[str, TableSpec]) -> str | None:
    """The collection with whose rows these go: each hangs on one row of the same data type, which has a start or goes.

    By its only way to a person: rows that are found otherwise too would be left without what they hang on.
    """
    seen = [name]
    while True:
        one = data[seen[-1]]
        leads = {link.lead[0] for link in one.found_by if link.lead is not None} - {seen[-1]}
        if len(leads) != 1 or any(link.lead is None for link in one.found_by):
            return None
        above = leads.pop()
        if above in seen or above not in data or data[above].data_type != one.data_type:
            return None
        if data[above].start is not None:
            return above
        seen.append(above)
