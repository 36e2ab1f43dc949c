"""The keys of a chunk, in temporary tables of one transaction.

Keys travel by COPY, whose rows the server does not log; a bound parameter may end in its log. The tables are analysed
because a planner that knows nothing of them takes the wrong road for a chunk: for the number of their rows. Of the
values no statistics are made, which would stand in pg_statistic and in the server's log of changes for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from expunge_connectors.contract import Scope, Subject
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.keytypes import KeyType, fits
from expunge_connectors.postgres.mapped import MappedStore

SCOPE = sql.Identifier("pg_temp", "expunge_scope")
Row = tuple[int, str, str]
"""(subject number, namespace, value)"""


def keys_table(kind: KeyType) -> sql.Identifier:
    """The table that holds the staged keys of one type: number, namespace, value."""
    return sql.Identifier("pg_temp", f"expunge_keys_{kind.name.lower()}")


def stage(connection: Connection, store: MappedStore, subjects: Sequence[Subject], scope: Scope) -> None:
    """Make the tables and fill them; they vanish with the transaction.

    A value that is not the text form of its column's type is left out: it cannot stand there.
    """
    wanted: dict[KeyType, set[str]] = {}
    for mapped in store.scoped.values():
        for tie in mapped.ties:
            wanted.setdefault(tie.key_type, set()).add(tie.namespace)
        for column, kind in mapped.feeds:
            wanted.setdefault(kind, set()).add(store.namespace(mapped, column.name))
    for kind, namespaces in wanted.items():
        _create(connection, kind)
        _copy(connection, kind, sorted(set(_rows(subjects, kind, namespaces))))
        analyse(connection, kind)
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} (member text) ON COMMIT DROP").format(SCOPE))
    if scope.member is not None:
        with connection.cursor().copy(sql.SQL("COPY {} (member) FROM STDIN").format(SCOPE)) as copy:
            copy.write_row((scope.member,))


def analyse(connection: Connection, kind: KeyType) -> None:
    """Tell the planner what the table holds."""
    connection.execute(sql.SQL("ANALYZE {}").format(keys_table(kind)))


def without_statistics(connection: Connection, table: sql.Identifier, column: str) -> None:
    """Keep a column's values out of what ANALYZE writes."""
    connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET STATISTICS 0").format(table, sql.Identifier(column)))


def _create(connection: Connection, kind: KeyType) -> None:
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} (number integer NOT NULL, namespace text NOT NULL, value {} NOT NULL,"
            " PRIMARY KEY (namespace, value, number)) ON COMMIT DROP"
        ).format(keys_table(kind), sql.SQL(kind.value))
    )
    without_statistics(connection, keys_table(kind), "value")


def _rows(subjects: Sequence[Subject], kind: KeyType, namespaces: set[str]) -> Iterator[Row]:
    for subject in subjects:
        for key in subject.keys:
            if key.namespace in namespaces and fits(kind, key.value):
                yield subject.number, key.namespace, key.value


def _copy(connection: Connection, kind: KeyType, rows: Sequence[Row]) -> None:
    statement = sql.SQL("COPY {} (number, namespace, value) FROM STDIN").format(keys_table(kind))
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
