"""Places: what the map says of one collection's table, as far as drift is judged by it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from expunge_config.datamap import DataMap
from expunge_config.periods import Period
from expunge_connectors.contract import GoesWith, NoAge
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Table
from expunge_connectors.postgres.spec import PostgresSpec


@dataclass(frozen=True, slots=True)
class Place:
    """A collection and its live table.

    Attributes:
        period: After its start a row is to go.
        at_least: For so long a law demands that a row stays.
        log: It is a log: nothing of ours deletes from it.
        start: The column in which the period starts; None: the map names none, or it is no day or moment.
        held: A hold keeps something of it.
        today: UTC.
    """

    name: str
    table: Table
    period: Period
    at_least: Period | None
    log: bool
    start: Column | None
    held: bool
    today: date

    def is_over(self, last: date) -> bool:
        """A period that began on this day is over."""
        return self.period.after(last) <= self.today


def places(
    spec: PostgresSpec, data_map: DataMap, live: Catalogue, held: Collection[str], today: date
) -> Iterator[Place]:
    """Every collection whose table there is by its name, and whose columns can say how old a row is."""
    for name, one in spec.collections.items():
        table = live.tables.get(one.table)
        if table is None:
            continue
        column = table.columns.get(one.start or "")
        start = column if column is not None and column.dated else None
        if one.log is not None:
            yield Place(name, table, one.log.retention, None, True, start, name in held, today)
            continue
        data_type = data_map.data_types[one.data_type or ""]
        least = None if data_type.at_least is None else data_type.at_least.period
        yield Place(name, table, data_type.rule.period, least, False, start, name in held, today)


def unjudged(spec: PostgresSpec, live: Catalogue, without: Mapping[str, GoesWith | NoAge]) -> dict[str, str]:
    """The collections of which nobody can tell whether rows stay for too long, and why."""
    found = {name: one.reason for name, one in without.items() if isinstance(one, NoAge)}
    for name, one in spec.collections.items():
        if one.log is None:
            continue
        table = live.tables.get(one.table)
        column = None if table is None else table.columns.get(one.start or "")
        if one.start is None:
            found[name] = "No `start` names the column with the time of its entries"
        elif table is None:
            found[name] = f"The table {one.table} does not exist, or is one for each member"
        elif column is None or not column.dated:
            found[name] = f"{one.table} has no column {one.start} that is a date or a timestamp"
    return found
