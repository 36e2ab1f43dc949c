"""Row owners of the verifying side: whom a row names by the keys in it and in the rows above it (ADR 18).

In the statements `r` is the row, `b` a key that was asked for; rows above are called `above` and how far they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.catalog.reader import Table
from expunge_connectors.postgres.claims import persons_named
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_spec import Link, TableSpec
from expunge_connectors.postgres.verify.expressions import (
    equal,
    in_row,
    like_template,
    no_empty_text,
    of_kind,
    verbatim,
    without_template,
)


@dataclass(frozen=True, slots=True)
class RowOwners:
    """Writes the conditions.

    Attributes:
        asked: Where the keys are that were asked for.
        known: The identities among them.
        live: Collection -> its table.
    """

    spec: PostgresSpec
    data_map: DataMap
    asked: sql.Identifier
    known: frozenset[str]
    live: Callable[[str], Table]

    def somebody(self, links: Iterable[Link], table: Table, row: str = "r", depth: int = 1) -> sql.Composed:
        """The row says by one of these links whose it is."""
        found = []
        for link in links:
            said = self._said(link, table, row)
            name, _ = link.lead or (None, ())
            if name is not None and self.spec.collections[name].person is None:
                further = self._further(self.spec.collections[name], link)
                theirs = self.somebody(further, self.live(name), f"above {depth}", depth + 1)
                said = sql.SQL("({} AND {})").format(said, self._above(link, table, row, depth, theirs))
            found.append(said)
        return _any(found)

    def somebody_else(self, links: Iterable[Link], table: Table, row: str = "r", depth: int = 1) -> sql.Composed:
        """The row says by one of these links that it is somebody's whose key was not asked for.

        Where no such key was asked for at all, nothing can be said.
        """
        found = []
        for link in links:
            if link.lead is None:
                other = self._not_asked(link, table, row)
            else:
                name, above = link.lead[0], f"above {depth}"
                lead = self.spec.collections[name]
                if lead.person is None:
                    theirs = self.somebody_else(self._further(lead, link), self.live(name), above, depth + 1)
                else:
                    own = next(one for one in lead.found_by if one.identity == lead.person and not one.several)
                    there = self._said(own, self.live(name), above)
                    theirs = sql.SQL("({} AND {})").format(there, self._not_asked(own, self.live(name), above))
                other = self._above(link, table, row, depth, theirs)
            found.append(sql.SQL("({} AND {})").format(self._said(link, table, row), other))
        return _any(found)

    def _further(self, lead: TableSpec, below: Link) -> list[Link]:
        """The links by which rows of a table above name the same people."""
        wanted = persons_named(self.spec, below, self.data_map)
        return [
            one
            for one in lead.found_by
            if not one.several
            and (one.lead is None or self.spec.collections[one.lead[0]] is not lead)
            and persons_named(self.spec, one, self.data_map) & wanted
        ]

    @staticmethod
    def _said(link: Link, table: Table, row: str) -> sql.Composed:
        return sql.SQL(" AND ").join(
            [
                *(sql.SQL("{} IS NOT NULL").format(sql.Identifier(row, one)) for one in link.names),
                *of_kind(link.where, table, row),
                *like_template(link.template, link.names[0], row),
                *no_empty_text(link, table, row),
            ]
        )

    def _not_asked(self, link: Link, table: Table, row: str) -> sql.Composed:
        if link.identity not in self.known:
            return sql.SQL("false").format()
        rule = self.data_map.identities[link.identity or ""].rule
        value = in_row(table.columns[link.names[0]], rule, row)
        if link.template is not None:
            value = without_template(link.template, value)
        head, tail = rule.sql.split("{column}", 1)
        return sql.SQL(
            "({} IN (SELECT b.value FROM {} AS b WHERE b.namespace = {} AND b.followed)) IS NOT TRUE"
        ).format(sql.Composed([verbatim(head), value, verbatim(tail)]), self.asked, sql.Literal(link.identity))

    def _above(self, link: Link, table: Table, row: str, depth: int, condition: sql.Composable) -> sql.Composed:
        """There is a row above, and this is so of it."""
        assert link.lead is not None
        name, columns = link.lead
        alias = f"above {depth}"
        same = (
            equal(table.columns[ours], sql.Identifier(row, ours), sql.Identifier(alias, theirs))
            for ours, theirs in zip(link.names, columns, strict=True)
        )
        named = sql.SQL(" AND ").join([*same, *no_empty_text(link, table, row)])
        return sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {} AND {})").format(
            self.live(name).identifier, sql.Identifier(alias), named, condition
        )


def _any(found: list[sql.Composed]) -> sql.Composed:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found) if found else sql.SQL("false"))
