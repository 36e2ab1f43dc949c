"""Held rows: which rows of a piece holds keep, by what the very version of each says that is to go.

What stands in the rows themselves is staged beside them by the statement that stages them, so that no other version of
a row is judged than goes. What stands in rows above them is read by a statement of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Keeping, SubjectKey
from expunge_connectors.postgres.ages import row_names
from expunge_connectors.postgres.ages.hold_answers import HoldAnswers, Said
from expunge_connectors.postgres.ages.row_names import NamedBy, RowReader
from expunge_connectors.postgres.ages.sweep_statements import STAGED, said
from expunge_connectors.postgres.ages.table_slices import TableSlice
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.fragments import column, comma_list

_SPARED = sql.SQL("DELETE FROM pg_temp.expunge_going AS g WHERE g.place = ANY (%s::tid[])")
_SPARED_ALL = "DELETE FROM pg_temp.expunge_going"
_SAID = sql.SQL("SELECT {} FROM pg_temp.expunge_going AS g ORDER BY g.place")
# By numbers: what rows say comes back in no statement.
_SPARED_NUMBERS = """
DELETE FROM pg_temp.expunge_going AS g
 USING pg_catalog.unnest(%s::bigint[]) AS kept (number)
  JOIN (SELECT s.place, pg_catalog.row_number() OVER (ORDER BY s.place) AS number
          FROM pg_temp.expunge_going AS s) AS n ON n.number = kept.number
 WHERE g.place = n.place
"""


@dataclass(frozen=True)
class HeldRows:
    """Those of one collection, under the holds of one moment.

    Attributes:
        keeping: The holds.
        answers: What holds answered before, these or others.
    """

    store: BoundStore
    mapped: BoundTable
    data_map: DataMap
    keeping: Keeping
    answers: HoldAnswers

    @cached_property
    def texts(self) -> list[sql.Composable]:
        """What to stage of each row `t` beside its place; nothing: it is not by its own columns that rows are kept."""
        if not self._in_the_rows:
            return []
        texts: list[sql.Composable] = [
            sql.SQL("CASE WHEN {} THEN {} END").format(one.condition, one.text) for one in self._told
        ]
        owner = self.mapped.spec.owner
        if self.keeping.members and owner is not None and owner.column is not None:
            texts.append(sql.SQL("{}::text").format(column("t", owner.column)))
        elif self.keeping.members:
            texts.append(sql.SQL("NULL::text"))
        return texts

    def spare(self, connection: Connection, part: TableSlice) -> int:
        """Take the rows that are kept out of those that are staged; returns how many."""
        if self._beyond:
            return connection.execute(_SPARED_ALL).rowcount  # whose they are is not read here: they may be held
        if not self._ways:
            return 0
        if self._in_the_rows:
            names = comma_list(*(said(at) for at in range(len(self.texts))))
            rows = connection.execute(_SAID.format(names)).fetchall()
            kept = self._kept(rows)
            return connection.execute(_SPARED_NUMBERS, (kept,)).rowcount if kept else 0
        found = connection.execute(row_names.statement(self._ways, part.table, STAGED)).fetchall()
        places = row_names.kept(found, RowReader.of(self._ways, self.data_map), self.keeping)
        return connection.execute(_SPARED, (places,)).rowcount if places else 0

    def _kept(self, rows: list[Said]) -> list[int]:
        """Which of the rows are kept, counted from one: each different row is judged once."""
        self.answers.forget_unless_of(self.keeping)
        held = {row for row in set(rows) if self._keeps(row)}
        return [number for number, row in enumerate(rows, 1) if row in held] if held else []

    def _keeps(self, row: Said) -> bool:
        known = self.answers.of(row)
        if known is None:
            known = self._judged(row)
            self.answers.remember(row, kept=known)
        return known

    def _judged(self, row: Said) -> bool:
        keys: frozenset[SubjectKey] = frozenset()
        for way, text in zip(self._told, row, strict=False):  # the member comes last
            found, alone = way.read(self.data_map, text)
            if not alone:
                return True
            keys = keys | found if keys else found
        return self.keeping.keeps(keys, row[-1] if self.keeping.members else None)

    @cached_property
    def _beyond(self) -> bool:
        asked = self.keeping.identities
        return bool(asked) and row_names.beyond(self.store, self.mapped, asked)

    @cached_property
    def _ways(self) -> list[NamedBy]:
        return row_names.ways(self.store, self.mapped, self.keeping.identities, members=self.keeping.members)

    @cached_property
    def _told(self) -> list[NamedBy]:
        return [one for one in self._ways if one.identity is not None]

    @cached_property
    def _in_the_rows(self) -> bool:
        return not self._beyond and bool(self._ways) and all(one.in_the_row for one in self._ways)
