"""Erased rows as verification sees them: tombstones that cannot be a living person's row, in SQL of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action, DataMap
from expunge_connectors.postgres.catalog.tables import Catalogue, Table
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.expressions import (
    equal,
    like_template,
    no_empty_text,
    nothing_inside,
    of_kind,
    put,
    verbatim,
)


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Writes whether a row is a tombstone of people who are gone, and not one that merely looks like it.

    Attributes:
        collections: All of the store.
        data_map: Says what happens to rows.
        catalogue: The live tables.
    """

    collections: Mapping[str, TableSpec]
    data_map: DataMap
    catalogue: Catalogue

    def looks_like_one(self, spec: TableSpec, alias: str) -> sql.Composable:
        """The row holds what a tombstone puts there."""
        if self.data_map.data_types[spec.data_type or ""].on_request is not Action.TOMBSTONE:
            return sql.SQL("false")
        return self._of_row(put(spec, self.catalogue.tables[spec.table]), alias)

    def is_erased(self, spec: TableSpec, alias: str) -> sql.Composable:
        """It does, and either its own key made what stands there, or nobody is left whom it names."""
        if self.data_map.data_types[spec.data_type or ""].on_request is not Action.TOMBSTONE:
            return sql.SQL("false")
        table = self.catalogue.tables[spec.table]
        proofs = [self._of_row(one, alias) for one in _made_of_key(spec, table)]
        if spec.person is None:
            named = [self._gone(spec, table, link, alias) for link in spec.found_by]
            proofs.append(sql.SQL("({})").format(sql.SQL(" AND ").join(named)))
        if not proofs:
            return sql.SQL("false")
        return sql.SQL("({} AND ({}))").format(self.looks_like_one(spec, alias), sql.SQL(" OR ").join(proofs))

    @staticmethod
    def _of_row(test: sql.Composable, alias: str) -> sql.Composed:
        return sql.SQL("(SELECT {} FROM (SELECT {}.*) AS r)").format(test, sql.Identifier(alias))

    def _gone(self, spec: TableSpec, table: Table, link: Link, alias: str) -> sql.Composed:
        """The link leads to nobody."""
        if link.several:
            return nothing_inside(link, table, alias)
        gone = [sql.SQL("{} IS NULL").format(sql.Identifier(alias, one)) for one in link.names]
        needed = (
            *of_kind(link.where, table, alias),
            *like_template(link.template, link.names[0], alias),
            *no_empty_text(link, table, alias),
        )
        gone += [sql.SQL("({}) IS NOT TRUE").format(one) for one in needed]
        if link.lead is not None and self.collections[link.lead[0]] is not spec:
            lead, there = self.collections[link.lead[0]], f"{alias}_of"
            same = [
                equal(table.columns[ours], sql.Identifier(there, theirs), sql.Identifier(alias, ours))
                for ours, theirs in zip(link.names, link.lead[1], strict=True)
            ]
            gone.append(
                sql.SQL("NOT EXISTS (SELECT FROM {} AS {} WHERE {} AND NOT {})").format(
                    self.catalogue.tables[lead.table].identifier,
                    sql.Identifier(there),
                    sql.SQL(" AND ").join(same),
                    self.is_erased(lead, there),
                )
            )
        return sql.SQL("({})").format(sql.SQL(" OR ").join(gone))


def _made_of_key(spec: TableSpec, table: Table) -> Iterator[sql.Composed]:
    """A column of the row `r` holds something, and for another key the expression would be something else."""
    own = sql.SQL(", ").join(sql.Identifier("r", one) for one in table.key)
    none = sql.SQL(", ").join(
        sql.SQL("NULL::{} AS {}").format(verbatim(table.columns[one].base), sql.Identifier(one)) for one in table.key
    )
    text = "(SELECT ({})::text FROM (SELECT {}) AS own_key)"
    for column, expression in spec.tombstone.items():
        if isinstance(expression, str) and table.key:
            yield sql.SQL(f"{{}} IS NOT NULL AND {text} IS DISTINCT FROM {text}").format(
                sql.Identifier("r", column), verbatim(expression), own, verbatim(expression), none
            )
