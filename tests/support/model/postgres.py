"""The world in a real Postgres: made, read whole, and taken down again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from psycopg import sql
from tests.support.model.interludes import PINNED, RESET, Interlude
from tests.support.model.world import Cell, Column, Table, World, quoted

Snapshot = Mapping[str, Mapping[tuple[Cell, ...], tuple[str, Mapping[str, Cell]]]]
"""Table that holds the row -> its key (longer for a row that is equal) -> (the whole row as text, its cells)."""

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""


@contextmanager
def standing(url: str, world: World) -> Iterator[None]:
    """The world's tables and rows, for the block."""
    with _connected(url) as connection:
        try:
            with connection.transaction():
                for statement in script(world):
                    connection.execute(statement)  # type: ignore[call-overload]
                for table, leaf, cells in world.rows:
                    _insert(connection, table, leaf, cells)
                for table in world.tables:
                    for statement in table.references():
                        connection.execute(statement)  # type: ignore[call-overload]
            yield
        finally:
            happen(url, Interlude(RESET))
            schemas = {"public", *(table.schema for table in world.tables)}
            with connection.transaction():
                for schema in schemas:
                    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def script(world: World) -> list[str]:
    """The statements that make the tables; their foreign keys come after the rows."""
    made = [
        f"CREATE SCHEMA IF NOT EXISTS {quoted(one)}"
        for one in sorted({"public", *(table.schema for table in world.tables)})
    ]
    made += world.before
    for table in world.tables:
        made += table.ddl()
    return made


def _insert(connection: psycopg.Connection[Any], table: Table, leaf: str, cells: Mapping[str, Cell]) -> None:
    columns = [one for one in table.columns if one.computed is None]
    names = ", ".join(quoted(one.name) for one in columns).replace("%", "%%")
    into = quoted(table.schema, leaf).replace("%", "%%")
    values = ", ".join(f"%s::text::{one.type}" for one in columns)
    statement = f"INSERT INTO {into} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    connection.execute(statement, [literal(one, cells[one.name]) for one in columns])  # type: ignore[call-overload]


def literal(column: Column, cell: Cell) -> str | None:
    """A cell as the text that its type reads."""
    if cell is None or not column.structured:
        return None if cell is None else str(cell)
    if column.type.startswith("json"):
        return json.dumps(cell)
    elements = (
        "NULL" if one is None else '"' + str(one).replace("\\", "\\\\").replace('"', '\\"') + '"' for one in cell
    )
    return "{" + ",".join(elements) + "}"


def snapshot(url: str, world: World) -> dict[str, dict[tuple[Cell, ...], tuple[str, dict[str, Cell]]]]:
    """Every row of every table of the database, declared or not."""
    known = {(table.schema, name): table for table in world.tables for name in table.holders}
    found: dict[str, dict[tuple[Cell, ...], tuple[str, dict[str, Cell]]]] = {}
    with _connected(url) as connection:
        for schema, name in connection.execute(_TABLES).fetchall():
            table = known[schema, name]
            columns = [
                sql.SQL("to_json({})::text" if one.structured else "{}::text").format(sql.Identifier(one.name))
                for one in table.columns
            ]
            read = sql.SQL("SELECT held::text, {} FROM ONLY {} AS held").format(
                sql.SQL(", ").join(columns), sql.Identifier(schema, name)
            )
            rows: dict[tuple[Cell, ...], tuple[str, dict[str, Cell]]] = {}
            for whole, *cells in connection.execute(read).fetchall():
                row = {
                    one.name: json.loads(cell) if one.structured and cell is not None else cell
                    for one, cell in zip(table.columns, cells, strict=True)
                }
                key = tuple(row[column] for column in table.primary_key)
                while key in rows:  # equal in everything: which of them is which makes no difference
                    key = (*key, "again")
                rows[key] = whole, row
            found[f"{schema}.{name}"] = rows
    return found


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, options=PINNED, client_encoding="utf8")


def happen(url: str, what: Interlude) -> bool:
    """Let it happen; False where the server refuses it."""
    return _run(url, what.statements)


def undo(url: str, what: Interlude) -> None:
    """As it was before."""
    assert _run(url, what.undo)


def _run(url: str, statements: tuple[str, ...]) -> bool:
    database = quoted(url.rpartition("/")[2])
    with _connected(url) as connection:
        connection.execute("SET lock_timeout = '10s'")
        try:
            # VACUUM runs in no transaction.
            with connection.transaction() if len(statements) > 1 else nullcontext():
                for one in statements:
                    connection.execute(one.replace("{database}", database))  # type: ignore[call-overload]
        except psycopg.errors.LockNotAvailable:
            raise
        except psycopg.Error:
            return False
    return True


def put(url: str, table: Table, row: Mapping[str, Cell], cells: Mapping[str, Cell] | None) -> int:
    """Let a row have other cells, or let it go (None): how many rows that were; none where a constraint forbids it."""
    name = table.sql.replace("%", "%%")
    which = " AND ".join(f"{quoted(one).replace('%', '%%')}::text = %s" for one in table.primary_key)
    texts: list[str | None] = [str(row[one]) for one in table.primary_key]
    if cells is None:
        statement = f"DELETE FROM {name} WHERE {which}"
    else:
        set_ = ", ".join(f"{quoted(one).replace('%', '%%')} = %s::text::{table.column(one).type}" for one in cells)
        statement = f"UPDATE {name} SET {set_} WHERE {which}"
        texts = [literal(table.column(one), cell) for one, cell in cells.items()] + texts
    with _connected(url) as connection, suppress(psycopg.errors.IntegrityError):
        return connection.execute(statement, texts).rowcount if cells != {} else 0  # type: ignore[call-overload]
    return 0


def pass_on(url: str, table: Table, column: str, giver: Mapping[str, Cell], taker: Mapping[str, Cell]) -> None:
    """Let one row have what another has in a column; where a constraint forbids it, nothing happens."""
    same = [
        " AND ".join(f"{alias}.{quoted(one).replace('%', '%%')}::text = %s" for one in table.primary_key)
        for alias in ("g", "t")
    ]
    name = quoted(column).replace("%", "%%")
    statement = f"UPDATE {table.sql.replace('%', '%%')} AS t SET {name} = g.{name}"
    statement += f" FROM {table.sql.replace('%', '%%')} AS g WHERE {' AND '.join(same)}"
    keys = [str(row[one]) for row in (giver, taker) for one in table.primary_key]
    with _connected(url) as connection, suppress(psycopg.errors.IntegrityError):
        connection.execute(statement, keys)  # type: ignore[call-overload]
