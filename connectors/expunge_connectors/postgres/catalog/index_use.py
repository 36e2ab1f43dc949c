"""Index use: whether the server would look a value up through an index, as its planner says.

Keys are looked up one by one where an index serves them, and all at once where none does: one by one, each key would
read the whole table. The planner is not left to choose between the two. Of keys that were staged a moment ago it knows
the number alone, and it takes the cost of normalising each row of a large table for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from psycopg import sql

from expunge_connectors.postgres.connection import Connection

Key = Mapping[str, str]
"""The name of each value of a key, and its type as DDL."""


def served(connection: Connection, alias: str, key: Key, rows: sql.Composable, same: sql.Composable) -> bool:
    """Whether a key is found through an index.

    Args:
        connection: In a transaction, of which nothing changes.
        alias: What the key is called in `same`.
        key: What it consists of.
        rows: What stands behind FROM.
        same: The row holds the key.
    """
    values = [sql.SQL("(SELECT NULL::{}) AS {}").format(_ddl(kind), sql.Identifier(name)) for name, kind in key.items()]
    asked = sql.SQL(
        "EXPLAIN (FORMAT JSON) SELECT FROM (SELECT {} OFFSET 0) AS {}"
        " CROSS JOIN LATERAL (SELECT FROM {} WHERE {} LIMIT 1) AS other"
    ).format(sql.SQL(", ").join(values), sql.Identifier(alias), rows, same)
    [answer] = planned(connection, [asked])
    return answer


def planned(connection: Connection, explained: Iterable[sql.Composed]) -> list[bool]:
    """Whether the plan of each EXPLAIN (FORMAT JSON) looks something up in an index.

    All other ways are made unattractive, reading an index from end to end among them: a small table has no need of any.
    """
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        connection.execute("SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = on")
        plans = [connection.execute(one).fetchone() for one in explained]
    return [plan is not None and "Index Cond" in json.dumps(plan[0]) for plan in plans]


def _ddl(kind: str) -> sql.SQL:
    return sql.SQL(kind)  # pyright: ignore[reportArgumentType] - of the server's catalogue
