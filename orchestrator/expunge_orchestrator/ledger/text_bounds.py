"""Text bounds: SQLite refuses what Postgres refuses, a text longer than its column and the character NUL.

Postgres takes `VARCHAR(500)` at its word, SQLite as a comment. Whoever makes a text keeps its column's bound; this is
where tests on SQLite see that somebody does not.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa


def hold_on_sqlite(tables: Iterable[sa.Table]) -> None:
    """Give every text column of these tables on SQLite its bound as a constraint."""
    for table in tables:
        for column in table.c:
            if isinstance(column.type, sa.String):
                fits = sa.func.length(column) <= column.type.length
                whole = sa.func.instr(column, sa.func.char(0)) == 0
                bound = sa.CheckConstraint(sa.and_(fits, whole), name=f"{table.name}_{column.name}")
                table.append_constraint(bound.ddl_if(dialect="sqlite"))
