"""Sweep statements: SQL of one piece of a sweep: stage what goes, look again, take it away with what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.ages.due_rows import AgeRules
from expunge_connectors.postgres.ages.row_needs import RowNeeds, hangs, of_kinds
from expunge_connectors.postgres.ages.table_slices import TableSlice
from expunge_connectors.postgres.erase.carried_values import OverwrittenRows
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import FALSE, and_, comma_list, not_, or_
from expunge_connectors.postgres.sql.tombstones import is_tombstone, put

_GOING = sql.SQL("pg_temp.expunge_going")
_VERSION_STAGED = sql.SQL(
    "{0}.ctid = ANY (ARRAY(SELECT place FROM pg_temp.expunge_going)) AND EXISTS (SELECT FROM pg_temp.expunge_going AS g"
    " WHERE g.place = {0}.ctid AND g.version = {0}.xmin)"
)
_SAME_VERSION = sql.SQL("g.place = t.ctid AND g.version = t.xmin")
STAGED = _VERSION_STAGED.format(sql.Identifier("t"))
"""The row `t` of the piece is to go, as the version of it that was staged.

An update of the same page may prune it meanwhile, and put another row where it stood.
"""


@dataclass(frozen=True, slots=True)
class Taking:
    """Take rows of one collection away.

    Attributes:
        statement: A DELETE or an UPDATE.
        overwritten: The rows that it overwrites; None: it deletes them.
        left: Counts rows that should be gone, or overwritten; None: who asks knows how many there were.
    """

    mapped: BoundTable
    statement: sql.Composed
    overwritten: OverwrittenRows | None = None
    left: sql.Composed | None = None


@dataclass(frozen=True, slots=True)
class SweepStatements:
    """The statements of one collection.

    Attributes:
        rules: By what its rows go.
        mapped: The collection.
    """

    rules: AgeRules
    mapped: BoundTable

    def stage(self, part: TableSlice, texts: Sequence[sql.Composable] = ()) -> sql.Composed:
        """Make the table of the rows that go: where each of them stands, which version of it does, and what it says.

        `texts`: of the row `t`; each is a column of its own (see `said`).
        """
        mapped = self.mapped
        free = not_(self._needed("t", lambda one, alias: self.rules.due(one, alias) if one is mapped else FALSE))
        return sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} AS t WHERE {}").format(
            _GOING,
            comma_list(
                sql.SQL("t.ctid AS place"),
                sql.SQL("t.xmin AS version"),
                *(sql.SQL("{} AS {}").format(text, said(at)) for at, text in enumerate(texts)),
            ),
            part.table,
            and_(part.within, self.rules.due(mapped, "t"), self.rules.at_hand(mapped, "t"), free),
        )

    def spare_needed(self, part: TableSlice) -> sql.Composed | None:
        """Take out what a row needs that stays, as of this statement; None: nothing can need a row.

        In a table that refers to itself one that stays keeps the next one, so it is asked until it finds none.
        """
        needed = self._needed("t", lambda one, alias: _staged(alias, part) if one is self.mapped else FALSE)
        if needed is FALSE:
            return None
        return sql.SQL("DELETE FROM {} AS g WHERE EXISTS (SELECT FROM {} AS t WHERE t.ctid = g.place AND {})").format(
            _GOING, part.table, needed
        )

    def along(self, part: TableSlice) -> list[Taking]:
        """What goes with them, the rows furthest below first."""
        found: list[Taking] = []
        source = sql.SQL("{} AS t").format(part.table)
        self._below(self.mapped, "t", source, STAGED, 0, found)
        return found

    def take(self, part: TableSlice) -> Taking:
        """Delete or overwrite the rows themselves."""
        due = and_(self.rules.due(self.mapped, "t"), of_kinds(self.mapped, "t"))
        if self.mapped.action is Action.TOMBSTONE:
            still = and_(part.within, STAGED, due)
            table: sql.Composable = part.table
            if not part.split_by.isdisjoint({*self.mapped.spec.tombstone, ""}):
                # A row may belong into another partition then, where an UPDATE of the partition does not bring it.
                table = self.mapped.table.identifier
                still = and_(sql.SQL("t.tableoid = {}").format(sql.Literal(part.oid)), still)
            rows = self._overwritten(self.mapped, sql.SQL("{} AS t").format(table), "t", still)
            return Taking(self.mapped, _overwrite(rows, table, None), rows)
        # Each place is staged once: a join takes half as long as asking of each row whether it is staged.
        deleted = sql.SQL("DELETE FROM {} AS t USING {} AS g WHERE {}").format(
            part.table, _GOING, and_(part.within, _SAME_VERSION, due)
        )
        return Taking(self.mapped, deleted)

    def _below(  # noqa: PLR0913, PLR0917 - how far down it is, and by which rows
        self,
        mapped: BoundTable,
        alias: str,
        source: sql.Composable,
        condition: sql.Composable,
        level: int,
        found: list[Taking],
    ) -> None:
        for child, link in self.rules.along(mapped):
            inner = f"b{level}"
            here = and_(condition, hangs(link, inner, mapped, alias))
            further = sql.SQL("{}, {} AS {}").format(source, child.table.identifier, sql.Identifier(inner))
            self._below(child, inner, further, here, level + 1, found)
            only = and_(here, of_kinds(child, inner), not_(is_erased(self.rules.store, child, inner)))
            table = child.table.identifier
            left = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(
                further, and_(here, of_kinds(child, inner), not_(is_tombstone(child, inner)))
            )
            if child.action is Action.TOMBSTONE:
                rows = self._overwritten(child, further, inner, only)
                found.append(Taking(child, _overwrite(rows, table, source), rows, left))
            else:
                deleted = sql.SQL("DELETE FROM {} AS {} USING {} WHERE {}").format(
                    table, sql.Identifier(inner), source, only
                )
                found.append(Taking(child, deleted, None, left))

    def _overwritten(
        self, mapped: BoundTable, source: sql.Composable, alias: str, condition: sql.Composable
    ) -> OverwrittenRows:
        kept = sql.Identifier("pg_temp", f"expunge_before_{self.rules.store.place(mapped.name)}")
        return OverwrittenRows(mapped, kept, source, alias, condition, lambda name: put(mapped, name, "t"))

    def _needed(self, alias: str, goes: Callable[[BoundTable, str], sql.Composable]) -> sql.Composable:
        needing = RowNeeds(self.rules.store, self.rules.without, goes).of_row(self.mapped, alias)
        return or_(*needing.values()) if needing else FALSE


def said(at: int) -> sql.Identifier:
    """The column of a text that is staged."""
    return sql.Identifier(f"said{at}")


def _staged(alias: str, part: TableSlice) -> sql.Composed:
    """The row `alias` of the table is of the same piece and goes as well."""
    of_part = sql.SQL("{}.tableoid = {}").format(sql.Identifier(alias), sql.Literal(part.oid))
    return and_(of_part, _VERSION_STAGED.format(sql.Identifier(alias)))


def _overwrite(rows: OverwrittenRows, table: sql.Composable, source: sql.Composable | None) -> sql.Composed:
    """UPDATE these rows of the table. `source`: what stands beside it."""
    sets = (
        sql.SQL("{} = {}").format(sql.Identifier(name), put(rows.mapped, name, rows.alias))
        for name in rows.mapped.spec.tombstone
    )
    return sql.SQL("UPDATE {} AS {} SET {}{} WHERE {}").format(
        table,
        sql.Identifier(rows.alias),
        comma_list(*sets),
        sql.SQL("") if source is None else sql.SQL(" FROM {}").format(source),
        rows.condition,
    )
