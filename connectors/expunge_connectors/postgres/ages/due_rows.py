"""Due rows in SQL: whose period is over on a day, which come due, and which cannot go for rows that stay need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import WEEKS_AHEAD, GoesWith, NoAge
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import of_kind
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, not_, or_
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

    def counting(self, mapped: BoundTable, source: sql.Composable) -> tuple[sql.Composed, list[str]]:
        """The query that counts rows `t` of a part of a table, and what the last columns count: who needs due rows.

        Columns: records, due, the earliest start of what is due, undated, ahead, one for each week, stays, and then one
        for each name.
        """
        start, until = column("t", mapped.spec.start or ""), self._until(mapped, "t")
        day, weeks = sql.Literal(self.today), range(1, WEEKS_AHEAD + 1)
        needing = self._needing(mapped)
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
        statement = sql.SQL("SELECT {} FROM (SELECT {} FROM {} WHERE {} AND {} OFFSET 0) AS r").format(
            columns, facts, source, _of_kinds(mapped, "t"), not_(is_erased(self.store, mapped, "t"))
        )
        return statement, list(needing)

    def _until(self, mapped: BoundTable, alias: str) -> sql.Composed:
        """The day on which the period of the row `alias` ends; NULL where no day can be named.

        Before the first year stands what an application writes for "not known" (`-infinity`).
        """
        start = column(alias, mapped.spec.start or "")
        period = str(self.data_map.data_types[mapped.spec.data_type or ""].rule.period)
        return sql.SQL("CASE WHEN {} >= date '0001-01-01' THEN {} END").format(start, ends(start, period))

    def _needing(self, mapped: BoundTable, alias: str = "t", seen: tuple[str, ...] = ()) -> dict[str, sql.Composable]:
        """Where rows may be that need the row `alias` -> that one of them stays.

        Rows that go along may be needed in their turn. A row that is overwritten is there afterwards, and so may be
        what needs it.
        """
        if mapped.action is Action.TOMBSTONE:
            return {}
        found: dict[str, list[sql.Composable]] = {}
        inner = f"c{len(seen)}"
        for key in self.store.foreign_keys:
            if key.parent != mapped.table.text:
                continue
            there = [one for one in self.store.collections.values() if one.table.text == key.child]
            along = [one for one in there if self._goes_along(one, mapped.name, *seen)]
            name = next((one.name for one in there), self._log(key.child) or key.child)
            if (stays := self._stays(there, along, inner)) is not FALSE:
                found.setdefault(name, []).append(_refers(key, inner, alias, stays))
            for child in along:
                if child.name not in seen:
                    for further, needed in self._needing(child, inner, (*seen, mapped.name)).items():
                        found.setdefault(further, []).append(_refers(key, inner, alias, needed))
        return {name: or_(*conditions) for name, conditions in found.items()}

    def _goes_along(self, child: BoundTable, *above: str) -> bool:
        goes = self.without.get(child.name)
        return isinstance(goes, GoesWith) and goes.collection in above

    def _stays(self, there: list[BoundTable], along: list[BoundTable], alias: str) -> sql.Composable:
        """The row is of no collection that goes along, and has no age, or not yet that of its own rule."""
        if any(not link.where for one in along for link in one.links):
            return FALSE
        going = [_of_kinds(one, alias) for one in along]
        going += [
            and_(_of_kinds(one, alias), sql.SQL("{} <= {}").format(self._until(one, alias), sql.Literal(self.today)))
            for one in there
            if one.name not in self.without and one.action is not Action.TOMBSTONE
        ]
        return not_(or_(*going)) if going else TRUE

    def _log(self, table: str) -> str | None:
        return next((name for name, (text, _) in self.store.logs.items() if text == table), None)


def _of_kinds(mapped: BoundTable, alias: str) -> sql.Composed:
    """The row `alias` of the table is of the collection."""
    return or_(*(of_kind(link.where, alias) for link in mapped.links))


def _refers(key: ForeignKey, child: str, parent: str, condition: sql.Composable) -> sql.Composed:
    """A row of the foreign key's table refers to the row `parent`, and the condition holds for it."""
    points = (
        sql.SQL("{} = {}").format(column(child, ours), column(parent, theirs))
        for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
    )
    table = sql.Identifier(*key.child.split(".", 1))
    return sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {})").format(
        table, sql.Identifier(child), and_(*points, condition)
    )
