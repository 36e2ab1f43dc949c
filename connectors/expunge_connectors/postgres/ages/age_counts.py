"""Age counts: rows of every collection by age, on the day of the server's clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial

from expunge_config.datamap import DataMap
from expunge_connectors.contract import WEEKS_AHEAD, Age, AgeCounts, GoesWith, Heartbeat, NoAge
from expunge_connectors.postgres.ages.due_rows import AgeRules
from expunge_connectors.postgres.ages.row_needs import needing_first
from expunge_connectors.postgres.ages.table_slices import TableSlice, TableSlices, grown, leaves
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.transactions import Transactions


def ages(  # noqa: PLR0913, PLR0917 - what is counted, by what, when, and how it is read
    transactions: Transactions,
    store: BoundStore,
    data_map: DataMap,
    without: Mapping[str, GoesWith | NoAge],
    today: date,
    beat: Heartbeat,
) -> dict[str, Age]:
    """Collection -> its rows by age; of `without` as that says. In the order in which they can go.

    Args:
        transactions: To read with: one for each slice.
        store: The map, bound to the catalogue.
        data_map: The periods.
        without: The collections without a start.
        today: UTC.
        beat: Called after each slice.
    """
    rules = AgeRules(store, data_map, without, today)
    return {
        name: without[name] if name in without else _counted(transactions, rules, store.collections[name], beat)
        for name in needing_first(store, without)
    }


def _counted(transactions: Transactions, rules: AgeRules, mapped: BoundTable, beat: Heartbeat) -> AgeCounts:
    total, blocks = AgeCounts(), None
    for leaf in transactions.look(lambda connection: leaves(connection, mapped.table.oid)):
        now = grown(transactions, leaf)
        slices = TableSlices(leaf, grown=now) if blocks is None else TableSlices(leaf, blocks, grown=now)
        for counts in slices.each(partial(_of_slice, transactions.in_slices, rules, mapped)):
            total += counts
            beat()
        blocks = slices.size
    return total


def _of_slice(transactions: Transactions, rules: AgeRules, mapped: BoundTable, part: TableSlice) -> AgeCounts:
    statement, needing = rules.counting(mapped, part)

    def counted(connection: Connection) -> AgeCounts:
        with translated(rules.store.name, mapped.name):
            row = connection.execute(statement).fetchone()
        assert row is not None
        records, due, oldest, undated, ahead, *rest = row
        needed = dict(zip(needing, rest[WEEKS_AHEAD + 1 :], strict=True))
        return AgeCounts(
            records,
            due,
            oldest,
            undated,
            ahead,
            tuple(rest[:WEEKS_AHEAD]),
            rest[WEEKS_AHEAD],
            {name: number for name, number in needed.items() if number},
        )

    return transactions.look(counted)
