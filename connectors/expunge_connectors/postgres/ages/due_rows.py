"""Due rows in SQL: whose period is over on a day, which come due, and which cannot go for rows that stay need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import WEEKS_AHEAD, GoesWith, NoAge
from expunge_connectors.postgres.ages.row_needs import RowNeeds, of_kinds
from expunge_connectors.postgres.ages.table_slices import TableSlice
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list, not_, or_
from expunge_connectors.postgres.sql.retention import ends


@dataclass(frozen=True, slots=True)
class AgeRules:
    """By what the rows of one store go by age, on one day.

    Attributes:
        store: The map, bound to the catalogue.
        data_map: The periods.
        without: The collections without a start.
        today: UTC.
    """

    store: BoundStore
    data_map: DataMap
    without: Mapping[str, GoesWith | NoAge]
    today: date

    def counting(self, mapped: BoundTable, part: TableSlice) -> tuple[sql.Composed, list[str]]:
        """The query that counts rows `t` of a part of a table, and what the last columns count: who needs due rows.

        Columns: records, due, the earliest start of what is due, undated, ahead, one for each week, stays, and then one
        for each name.
        """
        start, until = column("t", mapped.spec.start or ""), self.until(mapped, "t")
        day, weeks = sql.Literal(self.today), range(1, WEEKS_AHEAD + 1)
        needing = RowNeeds(self.store, self.without, self._due).of_row(mapped, "t")
        needs = [sql.Identifier(f"n{at}") for at in range(len(needing))]
        facts = comma_list(
            sql.SQL("{} AS start").format(start),
            sql.SQL("{} AS until").format(until),
            *(
                sql.SQL("CASE WHEN {} <= {} THEN {} ELSE false END AS {}").format(until, day, condition, name)
                for name, condition in zip(needs, needing.values(), strict=True)
            ),
        )
        due = sql.SQL("until <= {}").format(day)
        coming = (
            sql.SQL("count(*) FILTER (WHERE until > {0} + {1} AND until <= {0} + {2})").format(
                day, sql.Literal(7 * (week - 1)), sql.Literal(7 * week)
            )
            for week in weeks
        )
        columns = comma_list(
            sql.SQL("count(*)"),
            sql.SQL("count(*) FILTER (WHERE {})").format(due),
            sql.SQL("(min(start) FILTER (WHERE {}))::date").format(due),
            sql.SQL("count(*) FILTER (WHERE until IS NULL)"),
            sql.SQL("count(*) FILTER (WHERE start::date > {})").format(day),
            *coming,
            sql.SQL("count(*) FILTER (WHERE {})").format(or_(*needs)),
            *(sql.SQL("count(*) FILTER (WHERE {})").format(name) for name in needs),
        )
        statement = sql.SQL("SELECT {} FROM (SELECT {} FROM {} AS t WHERE {} OFFSET 0) AS r").format(
            columns, facts, part.table, and_(part.within, self.at_hand(mapped, "t"))
        )
        return statement, list(needing)

    def until(self, mapped: BoundTable, alias: str) -> sql.Composed:
        """The day on which the period of the row `alias` ends; NULL where no day can be named.

        Before the first year stands what an application writes for "not known" (`-infinity`).
        """
        start = column(alias, mapped.spec.start or "")
        period = str(self.data_map.data_types[mapped.spec.data_type or ""].rule.period)
        return sql.SQL("CASE WHEN {} >= date '0001-01-01' THEN {} END").format(start, ends(start, period))

    def due(self, mapped: BoundTable, alias: str) -> sql.Composed:
        """The period of the row `alias` is over.

        Most rows of a table began too late for that, which is seen without adding anything; with a day to spare for the
        time of the day, and one for zones.
        """
        over = sql.SQL("{} <= {}").format(self.until(mapped, alias), sql.Literal(self.today))
        last = self.data_map.data_types[mapped.spec.data_type or ""].rule.period.began(self.today)
        too_late = sql.Literal((last + timedelta(days=2)).isoformat())
        return and_(sql.SQL("{} < {}").format(column(alias, mapped.spec.start or ""), too_late), over)

    def at_hand(self, mapped: BoundTable, alias: str) -> sql.Composed:
        """The row `alias` of the table is of the collection, and is not overwritten already."""
        return and_(of_kinds(mapped, alias), not_(is_erased(self.store, mapped, alias)))

    def along(self, mapped: BoundTable) -> Iterator[tuple[BoundTable, BoundLink]]:
        """The collections whose rows go with rows of this one, and the link by which each hangs on them."""
        return RowNeeds(self.store, self.without, self._due).along(mapped)

    def _due(self, mapped: BoundTable, alias: str) -> sql.Composable:
        return self.due(mapped, alias)
