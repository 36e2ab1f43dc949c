"""The keys of a chunk, in temporary tables of one transaction.

Keys travel by COPY, whose rows the server does not log; a bound parameter may end in its log. Each namespace has a
table of its own, typed as the columns it is compared with. The planner is told how many rows there are (one that knows
nothing takes the wrong road for a chunk), by statistics of the subject's number alone: of values none are made, which
would stand in pg_statistic and in the server's log of changes for good.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


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
    by_namespace: dict[str, set[tuple[int, str]]] = {namespace: set() for namespace, _ in wanted}
    for subject in subjects:
        for key in subject.keys:
            if key.namespace in by_namespace:
                by_namespace[key.namespace].add((subject.number, key.value))
    tables: dict[Wanted, sql.Identifier] = {}
    for namespace, types in wanted:
        lines = list(_lines(by_namespace[namespace], types))
        if lines or (namespace, types) in bound:
            table = sql.Identifier("pg_temp", f"expunge_keys_{len(tables)}")
            _fill(connection, table, types, lines)
            tables[namespace, types] = table
    if scope.member is not None:
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} (member text) ON COMMIT DROP").format(SCOPE))
        with connection.cursor().copy(sql.SQL("COPY {} (member) FROM STDIN").format(SCOPE)) as copy:
            copy.write_row((scope.member,))
    return Staged(tables)


def yielded(identity: str) -> Wanted:
    """The keys of an identity as rows yield them: normalised text, whatever the columns' types."""
    return identity, (TEXT,)


def add(connection: Connection, table: sql.Identifier, keys: Iterable[tuple[int, str]]) -> None:
    """More keys into a table of plain texts."""
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        copy.write("".join(_lines(set(keys), (TEXT,))))


def count_rows(connection: Connection, table: sql.Identifier, rows: int) -> None:
    """Tell the planner how many rows a temporary table has, if it would not guess it."""
    if rows < _GUESSED_WELL:
        connection.execute(sql.SQL("ANALYZE {} (number)").format(table))


def _lines(keys: set[tuple[int, str]], types: tuple[KeyType, ...]) -> Iterator[str]:
    if len(types) == 1:
        fits = types[0].fits
        return (f"{number}\t{value.translate(_ESCAPES)}\n" for number, value in keys if fits(value))
    return (
        "\t".join((str(number), *(value.translate(_ESCAPES) for value in values))) + "\n"
        for number, values in ((number, _parts(value)) for number, value in keys)
        if len(values) == len(types) and all(kind.fits(value) for kind, value in zip(types, values, strict=True))
    )


def _parts(value: str) -> list[str]:
    """The values of a composite key; none if it is no such key."""
    try:
        parts = json.loads(value)
    except ValueError:
        return []
    return parts if isinstance(parts, list) and all(isinstance(part, str) for part in parts) else []


def _fill(connection: Connection, table: sql.Identifier, types: tuple[KeyType, ...], lines: Sequence[str]) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("c{} {} NOT NULL").format(raw(str(place)), raw(kind.ddl)) for place, kind in enumerate(types)
    )
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (number integer NOT NULL, {}) ON COMMIT DROP").format(table, columns)
    )
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        copy.write("".join(lines))
    count_rows(connection, table, len(lines))
