"""Staging tables: how the temporary tables for the keys of a chunk are made and filled, by binary COPY.

A bound parameter may end in the server's log, and so does the line at work of a text COPY that is cancelled; of a
binary one only the number of the row does. The planner is told how many rows there are (one that knows nothing takes
the wrong road for a chunk), by statistics of the subject's number alone: of values none are made, which would stand in
pg_statistic and in the log of changes for good.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from psycopg import sql

from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.key_types import TEXT, KeyType
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.sql.key_rows import Row
from expunge_connectors.postgres.sql.staged_keys import REQUEST, StagingTable, Wanted

# From so many rows on the planner's guess from the table's size is good enough.
_GUESSED_WELL = 3_000
# Of a key that another person may claim: whether one does. NULL: the resolution did not follow it, or its text names
# somebody else as well.
_CLAIMED = "claimed boolean DEFAULT false"
# Of one that is handed on: since when this person has it; empty where that is not known.
_SINCE = "since timestamptz"
# A table whose rows may be longer than some 2,000 bytes gets a TOAST table with an index, which takes the server twice
# as long as making the table itself (https://www.postgresql.org/docs/current/storage-toast.html). The keys of one
# person are nearly always short: their texts are as wide as fits without one.
_ROW_BYTES = 1800
"""Bytes of a row that the server keeps in one piece, with something to spare: TOAST_TUPLE_THRESHOLD is 2032."""
_FIXED_BYTES = 24
"""Bytes that a column of fixed length takes at most, aligned."""
_CHARACTER_BYTES, _LENGTH_BYTES = 4, 8
"""Bytes of a character at most, and what a text needs to say how long it is, aligned."""


def apart(wanted: Iterable[Wanted], store: BoundStore, of_age: Container[Wanted]) -> dict[Wanted, StagingTable]:
    """A table for each."""
    return {
        one: StagingTable(
            sql.Identifier("pg_temp", f"expunge_keys_{at}"), claimable=one[0] in store.passing, dated=one in of_age
        )
        for at, one in enumerate(wanted)
    }


def together(
    wanted: Iterable[Wanted], width: int | None, store: BoundStore, of_age: Container[Wanted]
) -> dict[Wanted, StagingTable]:
    """Columns of one table for each."""
    return {
        one: StagingTable(
            REQUEST,
            tuple(f"k{at}_{place}" for place in range(len(one[1]))),
            tuple(kind.ddl for kind in one[1]),
            width,
            one[0] in store.passing,
            one in of_age,
        )
        for at, one in enumerate(wanted)
    }


def shared_width(rows: Mapping[Wanted, Sequence[Row]], member: str | None) -> int | None:
    """How many characters fit into each text of the one table; None: more than one of them would need."""
    kinds = [kind for _, types in rows for kind in types]
    texts = sum(kind.ddl == TEXT.ddl for kind in kinds)
    longest = max((len(str(value)) for some in rows.values() for row in some for value in row[1:]), default=0)
    return text_width(max(longest, len(member or "")), texts + 1, len(kinds) - texts + 1)


def text_width(longest: int, texts: int, others: int) -> int | None:
    """How many characters each text column of the shared table may hold; None: too few for what will stand there.

    Args:
        longest: Characters of the longest value: of a longer one than fits the server's refusal would quote.
        texts: How many such columns there are; at least one.
        others: How many others.
    """
    width = ((_ROW_BYTES - others * _FIXED_BYTES) // texts - _LENGTH_BYTES) // _CHARACTER_BYTES
    return width if longest <= width and width > 0 else None


def text_type(width: int | None) -> str:
    """The column's type, as DDL: it is compared as `text` is, and the same indexes serve."""
    return "text" if width is None else f"varchar({width})"


def made(places: Mapping[Wanted, StagingTable], width: int | None, *, few: bool, member: bool) -> sql.Composable:
    """The tables, as statements in one message."""
    tables: list[sql.Composable] = []
    text = text_type(width)
    request = ["number integer", f"member {text}"]
    for (_, types), place in places.items():
        ddl = [text if kind.ddl == TEXT.ddl else kind.ddl for kind in types]
        if place.columns is None:
            values = [f"c{at} {one} NOT NULL" for at, one in enumerate(ddl)]
            flags = [*([_CLAIMED] if place.claimable else []), *([_SINCE] if place.dated else [])]
            tables.append(temporary_table(place.table, ["number integer NOT NULL", *values, *flags]))
        else:
            request += [f"{name} {one}" for name, one in zip(place.columns, ddl, strict=True)]
            request += [_CLAIMED] if place.claimable and _CLAIMED not in request else []
            request += [_SINCE] if place.dated and _SINCE not in request else []
    if few or member:
        tables.append(temporary_table(REQUEST, request))
    return sql.SQL("; ").join(tables)


def temporary_table(name: sql.Identifier, columns: Iterable[str]) -> sql.Composed:
    """What makes a table that vanishes with the transaction."""
    return sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, raw(", ".join(columns)))


def fill_together(
    connection: Connection,
    places: Mapping[Wanted, StagingTable],
    rows: Mapping[Wanted, Sequence[Row]],
    member: str | None,
) -> None:
    """Fill the one table: a row for each key, with nothing in the columns of the other namespaces."""
    columns = {"number": "integer", "member": "text"}
    for (_, types), place in places.items():
        columns.update(zip(place.columns or (), (kind.sent_as for kind in types), strict=True))
    flags = {"claimed": "boolean"} if any(place.claimable for place in places.values()) else {}
    flags |= {"since": "timestamptz"} if any(place.dated for place in places.values()) else {}
    unclaimed: Row = (False, None)[: len(flags)]
    filled: list[Row] = [] if member is None else [(None, _member(member), *[None] * (len(columns) - 2), *unclaimed)]
    before = 0
    for one, place in places.items():
        width = len(place.columns or ())
        after = len(columns) - 2 - before - width
        for number, *values in rows[one]:
            told = values[width:]
            flagged = (*told, *unclaimed[len(told) :])
            filled.append((number, None, *[None] * before, *values[:width], *[None] * after, *flagged))
        before += width
    columns |= flags
    if filled:
        copy(connection, REQUEST, columns, filled)
        count_rows(connection, [(REQUEST, len(filled))])


def fill_member(connection: Connection, member: str) -> None:
    """Fill the table of the request."""
    copy(connection, REQUEST, {"number": "integer", "member": "text"}, [(None, _member(member))])


def _member(text: str) -> object:
    found = TEXT.read()(text)
    if found is None:
        raise TerminalError("The member of the request is no text that can stand in a database.")
    return found


def fill(connection: Connection, place: StagingTable, types: tuple[KeyType, ...], rows: Sequence[Row]) -> None:
    """Fill the table of one namespace."""
    if rows:
        names = place.columns or tuple(f"c{at}" for at in range(len(types)))
        sent = dict(zip(names, (kind.sent_as for kind in types), strict=True))
        if place.claimable:
            sent["claimed"] = "boolean"
        if place.dated:
            sent["since"] = "timestamptz"
        copy(connection, place.table, {"number": "integer", **sent}, rows)


def copy(connection: Connection, table: sql.Identifier, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Fill columns (name -> the type as which its values are sent)."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, raw(", ".join(columns)))
    with connection.cursor().copy(statement) as stream:
        stream.set_types(list(columns.values()))
        for row in rows:
            stream.write_row(row)


def count_rows(connection: Connection, tables: Iterable[tuple[sql.Identifier, int]]) -> None:
    """Tell the planner how many rows each of these temporary tables has, where it would not guess it."""
    unguessed = [sql.SQL("{} (number)").format(table) for table, rows in tables if rows < _GUESSED_WELL]
    if unguessed:
        connection.before_next(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(unguessed)))
