"""Member rows: of which controller's member a row is that has no owner's column, by the rows above it (ADR 28).

`t` is such a row; the rows that lead to it are called `above` and how far above they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import compared, equal
from expunge_connectors.postgres.sql.fragments import TRUE, and_, or_
from expunge_connectors.postgres.sql.row_conditions import in_scope

_LEVELS = 4


def may_be_the_members(store: BoundStore, mapped: BoundTable, alias: str) -> sql.Composable:
    """No row above says that the row is another member's, or one says that it is this one's: what is not known, may be.

    A row with an owner's column says it itself, and is asked by `in_scope`.
    """
    if mapped.member_column is not None:
        return TRUE
    others = list(_above(store, mapped, alias, 1, ours=False))
    if not others:
        return TRUE
    return or_(sql.SQL("NOT ({})").format(or_(*others)), *_above(store, mapped, alias, 1, ours=True))


def _above(store: BoundStore, mapped: BoundTable, alias: str, level: int, *, ours: bool) -> Iterator[sql.Composable]:
    """A row that leads to this one by a link `of`, or one above that, is this member's; or is another's."""
    above = f"above{level}"
    for link in mapped.links if level <= _LEVELS else ():
        if link.of is None:
            continue
        lead = store.collections[link.of[0]]
        whose = [in_scope(lead, above) if ours else sql.SQL("({}) IS NOT TRUE").format(in_scope(lead, above))]
        if lead.member_column is None:
            whose = list(_above(store, lead, above, level + 1, ours=ours))
        if whose:
            theirs = [
                compared(lead.table.columns[name], kind, above)
                for name, kind in zip(link.of[1], link.types, strict=True)
            ]
            yield sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {})").format(
                lead.table.identifier, sql.Identifier(above), and_(equal(link, alias, theirs), or_(*whose))
            )
