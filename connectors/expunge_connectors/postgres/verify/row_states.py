"""Row states of the verifying side: what is said of a row `r`, once it is clear whose it is.

Whether it is a tombstone, stays or is newer than the cutoff, is of the request's member, and what it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.statement_cache import Placeholder
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.erased_rows import ErasedRows
from expunge_connectors.postgres.verify.expressions import put, verbatim
from expunge_connectors.postgres.verify.shared_rows import pointed_at
from expunge_connectors.postgres.verify.verified_store import VerifiedStore

MEMBER = ":member"  # no namespace of the map looks like this


@dataclass(frozen=True, slots=True)
class RowStates:
    """Writes the expressions.

    Attributes:
        asked: Where the keys are that were asked for, and the request's member under `MEMBER`.
    """

    store: VerifiedStore
    cutoff: datetime
    asked: sql.Identifier

    @property
    def erased(self) -> ErasedRows:
        """Whether rows are tombstones of people who are gone."""
        return ErasedRows(self.store.spec.collections, self.store.data_map, self.store.catalogue)

    def facts(self, name: str, subject: sql.Composable) -> sql.Composed:
        """What is said of each row `r` of a collection, of which the expression says whose it is."""
        spec, table = self.store.spec.collections[name], self.store.live(name)
        return sql.SQL(", ").join([*self._states(name, spec, table, subject), *self._leading_columns(name)])

    def _states(self, name: str, spec: TableSpec, table: Table, subject: sql.Composable) -> Iterator[sql.Composable]:
        yield sql.SQL("r.tableoid AS relation, r.ctid AS place")
        yield sql.SQL("{} AS tombstone").format(self.is_tombstone(spec, table))
        data_type = self.store.data_map.data_types[spec.data_type or ""]
        if spec.sharing is not None:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("{} AS stays").format(self.pointed_at(name, name, subject))
        elif data_type.on_request is Action.RETAIN and spec.start is not None:
            # A day so late that nothing can be added to it: without an end.
            until = sql.SQL(
                "CASE WHEN {0}::date <= '9999-12-31'::date THEN ({0}::date + interval {1})::date END"
            ).format(sql.Identifier("r", spec.start), sql.Literal(str(data_type.rule.period)))
            yield sql.SQL("CASE WHEN ({}) <= '9999-12-31'::date THEN ({}) END AS until").format(until, until)
            yield sql.SQL("(({}) IS NULL OR ({}) > {}::date) AS stays").format(
                until, until, Placeholder("cutoff", self.cutoff)
            )
        else:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("false AS stays")

    def _leading_columns(self, name: str) -> Iterator[sql.Composable]:
        table = self.store.live(name)
        for position, column in enumerate(self.store.led_from(name)):
            # What the server does not hash goes through a recursive query as a text.
            text = sql.SQL("" if table.columns[column].hashed else "::text")
            yield sql.SQL("{}{} AS {}").format(sql.Identifier("r", column), text, sql.Identifier(f"lead_{position}"))

    def led(self, name: str, column: str, value: sql.Identifier) -> sql.Composable:
        """The value of such a column, as its type has it."""
        live = self.store.live(name).columns[column]
        return value if live.hashed else sql.SQL("{}::{}").format(value, verbatim(live.type))

    def pointed_at(self, shared: str, asking: str, subject: sql.Composable | None = None) -> sql.Composed:
        """Rows of others still lead to the shared row `r`; said in the expression of the collection that asks."""
        before = [one for one in self.store.way(asking) if one != asking]
        if subject is not None:
            before += self.store.owning(shared)
        return pointed_at(shared, self.erased, {one: self.store.expression(one) for one in before}, subject)

    def is_tombstone(self, spec: TableSpec, table: Table) -> sql.Composable:
        """The row `r` is a tombstone."""
        if self.store.data_map.data_types[spec.data_type or ""].on_request is not Action.TOMBSTONE:
            return sql.SQL("false")
        return put(spec, table)

    def old_enough(self, spec: TableSpec, table: Table) -> sql.Composable:
        """The row `r` was there before the cutoff."""
        if spec.created is None:
            return sql.SQL("false") if spec.undated == "keep" else sql.SQL("true")
        created = sql.Identifier("r", spec.created)
        empty = sql.SQL("{} IS NULL OR" if spec.undated == "erase" else "{} IS NOT NULL AND").format(created)
        # On the cutoff's own day it cannot be known when; nor by how much a time was rounded down.
        live = table.columns[spec.created]
        day = sql.SQL("::date" if live.base == "date" else "")
        return sql.SQL("({} {} < {}{})").format(empty, created, Placeholder("cutoff", self.cutoff, live.rounding), day)

    @staticmethod
    def older(created: Column) -> sql.Composed:
        """The row `r` was certainly there before this person had the key `a`."""
        latest: sql.Composable = sql.Identifier("r", created.name)
        if created.base == "date":  # it may be of the day's last moment
            return sql.SQL("({} + 1)::timestamptz <= date_trunc('day', a.since)").format(latest)
        return sql.SQL("{} < a.since - interval {}").format(latest, sql.Literal(str(created.rounding)))

    @staticmethod
    def nameless(spec: TableSpec) -> sql.Composed:
        """The row `r` is a person, and has no key of one: a guest's."""
        person = next((link for link in spec.found_by if link.identity == spec.person and not link.several), None)
        if person is None:
            return sql.SQL("false").format()
        return sql.SQL("({} IS NULL)").format(sql.Identifier("r", person.names[0]))

    def of_member(self, spec: TableSpec) -> sql.Composable:
        """What restricts the row `r` to the request's member."""
        if spec.owner is None or spec.owner.column is None:
            return sql.SQL("")
        return sql.SQL(" AND {}::text = (SELECT m.value FROM {} AS m WHERE m.namespace = {})").format(
            sql.Identifier("r", spec.owner.column), self.asked, sql.Literal(MEMBER)
        )
