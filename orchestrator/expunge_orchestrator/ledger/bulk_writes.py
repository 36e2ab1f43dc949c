"""Bulk writes: one statement with the parameters of thousands of rows.

SQLAlchemy prepares the parameters of each row by themselves, which takes longer than the database does to write them.
Here a statement is compiled once, and the rows' values are put into its order and form column by column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa


class _Prepared(NamedTuple):
    """A statement as the driver takes it.

    Attributes:
        names: Its parameters, in order.
        converters: What gives each its form, where it needs another than it has in Python.
    """

    text: str
    names: Sequence[str]
    converters: Sequence[Callable[[Any], Any] | None]


def write_rows(
    connection: sa.Connection, statement: sa.Insert | sa.Update, rows: Sequence[Mapping[str, object]]
) -> None:
    """Execute an INSERT or UPDATE for each of the rows; every row names the same parameters.

    Args:
        connection: In the transaction that writes.
        statement: One that is built once, for its compiled form is kept.
        rows: Parameter -> value.
    """
    if not rows:
        return
    dialect = connection.dialect
    prepared = _prepared(statement, dialect, tuple(rows[0]))
    columns = [
        [row[name] for row in rows] if convert is None else [convert(row[name]) for row in rows]
        for name, convert in zip(prepared.names, prepared.converters, strict=True)
    ]
    values = zip(*columns, strict=True)
    if dialect.positional:
        connection.exec_driver_sql(prepared.text, list(values))
    else:
        connection.exec_driver_sql(prepared.text, [dict(zip(prepared.names, one, strict=True)) for one in values])


@lru_cache(maxsize=64)
def _prepared(statement: sa.Insert | sa.Update, dialect: sa.Dialect, given: tuple[str, ...]) -> _Prepared:
    # The parameters of an INSERT are its columns; those of an UPDATE stand in it.
    compiled = statement.compile(dialect=dialect, column_keys=given if isinstance(statement, sa.Insert) else None)
    names = compiled.positiontup if dialect.positional else list(compiled.binds)
    assert names is not None
    converters = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    return _Prepared(str(compiled), names, converters)
