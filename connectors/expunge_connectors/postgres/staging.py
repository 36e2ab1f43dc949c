"""The keys of a chunk, in temporary tables of one transaction.

Keys travel by COPY, whose rows the server does not log; a bound parameter may end in its log. Each namespace has a
table of its own, typed as the columns it is compared with. The planner is told how many rows there are (one that knows
nothing takes the wrong road for a chunk), by statistics of the subject's number alone: of values none are made, which
would stand in pg_statistic and in the server's log of changes for good.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from expunge_connectors.contract import Scope, Subject
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.keytypes import TEXT, KeyType
from expunge_connectors.postgres.mapped import MappedStore
from expunge_connectors.postgres.wording import raw

SCOPE = sql.Identifier("pg_temp", "expunge_scope")
Wanted = tuple[str, tuple[KeyType, ...]]
"""(namespace, a type for each of its values)"""
# From so many rows on the planner's guess from the table's size is good enough.
_GUESSED_WELL = 3_000


@dataclass(frozen=True, slots=True)
class Staged:
    """The tables that hold a key: number, then c0, c1, … for the key's values."""

    tables: Mapping[Wanted, sql.Identifier] = field(default_factory=dict)

    def table(self, namespace: str, types: tuple[KeyType, ...]) -> sql.Identifier | None:
        """Where these keys are; None if there are none."""
        return self.tables.get((namespace, types))


def stage(connection: Connection, store: MappedStore, subjects: Sequence[Subject], scope: Scope) -> Staged:
    """Make the tables and fill them; they vanish with the transaction.

    A value that is not the text form of its column's type is left out: it cannot stand there.
    """
    scoped = store.scoped.values()
    wanted = dict.fromkeys((tie.namespace, tie.types) for mapped in scoped for tie in mapped.ties)
    bound = dict.fromkeys(yielded(identity) for mapped in scoped for identity in mapped.binding)
    wanted |= bound
    by_namespace: dict[str, list[tuple[int, str]]] = {namespace: [] for namespace, _ in wanted}
    for subject in subjects:
        for key in subject.keys:
            if (known := by_namespace.get(key.namespace)) is not None:
                known.append((subject.number, key.value))
    tables: dict[Wanted, sql.Identifier] = {}
    lines: dict[Wanted, list[str]] = {}
    for one in wanted:
        lines[one] = _lines(by_namespace[one[0]], one[1])
        if lines[one] or one in bound:
            tables[one] = sql.Identifier("pg_temp", f"expunge_keys_{len(tables)}")
    made = [_definition(table, types) for (_, types), table in tables.items()]
    if scope.member is not None:
        made.append(sql.SQL("CREATE TEMPORARY TABLE {} (member text) ON COMMIT DROP").format(SCOPE))
    if made:
        connection.execute(sql.SQL("; ").join(made))
    for one, table in tables.items():
        _fill(connection, table, lines[one])
    if scope.member is not None:
        with connection.cursor().copy(sql.SQL("COPY {} (member) FROM STDIN").format(SCOPE)) as copy:
            copy.write_row((scope.member,))
    count_rows(connection, [(table, len(lines[one])) for one, table in tables.items()])
    return Staged(tables)


def yielded(identity: str) -> Wanted:
    """The keys of an identity as rows yield them: normalised text, whatever the columns' types."""
    return identity, (TEXT,)


def add(connection: Connection, table: sql.Identifier, keys: Iterable[tuple[int, str]]) -> None:
    """More keys into a table of plain texts."""
    _fill(connection, table, _lines(keys, (TEXT,)))


def count_rows(connection: Connection, tables: Iterable[tuple[sql.Identifier, int]]) -> None:
    """Tell the planner how many rows each of these temporary tables has, where it would not guess it."""
    unguessed = [sql.SQL("{} (number)").format(table) for table, rows in tables if rows < _GUESSED_WELL]
    if unguessed:
        connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(unguessed)))


def _lines(keys: Iterable[tuple[int, str]], types: tuple[KeyType, ...]) -> list[str]:
    if len(types) == 1:
        copied = types[0].copied()
        return [f"{number}\t{text}\n" for number, value in keys if (text := copied(value)) is not None]
    return [line for number, value in keys if (line := _line(number, _parts(value), types)) is not None]


def _line(number: int, values: Sequence[str], types: tuple[KeyType, ...]) -> str | None:
    """One key of several values; None if it is no such key."""
    if len(values) != len(types):
        return None
    texts = [text for kind, value in zip(types, values, strict=True) if (text := kind.copied()(value)) is not None]
    return "\t".join((str(number), *texts)) + "\n" if len(texts) == len(types) else None


def _parts(value: str) -> list[str]:
    """The values of a composite key; none if it is no such key."""
    try:
        parts = json.loads(value)
    except ValueError:
        return []
    return parts if isinstance(parts, list) and all(isinstance(part, str) for part in parts) else []


def _definition(table: sql.Identifier, types: tuple[KeyType, ...]) -> sql.Composed:
    columns = sql.SQL(", ").join(
        sql.SQL("c{} {} NOT NULL").format(raw(str(place)), raw(kind.ddl)) for place, kind in enumerate(types)
    )
    return sql.SQL("CREATE TEMPORARY TABLE {} (number integer NOT NULL, {}) ON COMMIT DROP").format(table, columns)


def _fill(connection: Connection, table: sql.Identifier, lines: Sequence[str]) -> None:
    if lines:
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            copy.write("".join(lines))
