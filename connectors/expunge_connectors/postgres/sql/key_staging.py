"""Key staging: the keys of a chunk in temporary tables of one transaction, loaded by binary COPY.

A bound parameter may end in the server's log, and so does the line at work of a text COPY that is cancelled; of a
binary one only the number of the row does. Each namespace has a table of its own, or, where there are few keys, columns
of its own in one table, typed as what it is compared with. The planner is told how many rows there are (one that knows
nothing takes the wrong road for a chunk), by statistics of the subject's number alone: of values none are made, which
would stand in pg_statistic and in the log of changes for good.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from psycopg import sql

from expunge_connectors.contract import SINCE, Scope, Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.key_types import TEXT, KeyType
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundStore
from expunge_connectors.postgres.sql import stored_spellings
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.sql.stored_spellings import Said, StoredSpellings

REQUEST = sql.Identifier("pg_temp", "expunge_request")
MEMBER = sql.SQL("(SELECT member FROM pg_temp.expunge_request WHERE member IS NOT NULL)")
"""The controller's member for whom the request speaks."""
Wanted = tuple[str, tuple[KeyType, ...]]
"""(namespace, a type for each of its values)"""
Ages = Mapping[tuple[int, str, str], datetime]
"""(a subject's number, identity, value) -> since when this person has it."""
Row = tuple[object, ...]
"""A subject's number, then the values of one key; where keys can be claimed, whether this one is; where rows may be too
old for it, since when the subject has it."""
# From so many rows on the planner's guess from the table's size is good enough.
_GUESSED_WELL = 3_000
# Of a key that another person may claim: whether one does. NULL: the resolution did not follow it, or its text names
# somebody else as well.
_CLAIMED = "claimed boolean DEFAULT false"
# Of one that is handed on: since when this person has it; empty where that is not known.
_SINCE = "since timestamptz"
CO_HOLDERS = sql.Identifier("pg_temp", "expunge_co_holders")
"""(number, identity, value, kind, person) of attributed keys and who does not claim them; made where there are any."""
# So many keys share one table: making one takes the server longer than finding a person's rows. Of more the planner
# must know how many there are of each namespace.
_FEW = 100
# A table whose rows may be longer than some 2,000 bytes gets a TOAST table with an index, which takes the server twice
# as long as making the table itself (https://www.postgresql.org/docs/current/storage-toast.html). The keys of one
# person are nearly always short: their texts are as wide as fits without one.
_ROW_BYTES = 1800
"""Bytes of a row that the server keeps in one piece, with something to spare: TOAST_TUPLE_THRESHOLD is 2032."""
_FIXED_BYTES = 24
"""Bytes that a column of fixed length takes at most, aligned."""
_CHARACTER_BYTES, _LENGTH_BYTES = 4, 8
"""Bytes of a character at most, and what a text needs to say how long it is, aligned."""


@dataclass(frozen=True, slots=True)
class StagingTable:
    """Where the keys of one namespace are.

    Attributes:
        columns: Its columns for the key's values; None: c0, c1, … of a table that holds no others.
        types: What a value in each of these columns is compared as, for DDL.
        width: So many characters fit into a text there; None: any number.
        claimable: The table says of each key whether another person claims it (see `claimed_keys`).
        dated: It says as well since when this person has it (see `claim_ages`); such a table is claimable.
    """

    table: sql.Identifier
    columns: tuple[str, ...] | None = None
    types: tuple[str, ...] = ()
    width: int | None = None
    claimable: bool = False
    dated: bool = False

    def rows(self, *, claimed: bool | None = None, refused: bool | None = None) -> sql.Composable:
        """What stands behind FROM: number, then c0, c1, … for the key's values.

        Args:
            claimed: Only the keys that others claim, or only those that nobody else does. None: all.
            refused: Only the keys that were not to be followed from the start, or only the others. None: all.
        """
        wanted = sql.SQL("TRUE")
        if claimed is not None and self.claimable:
            wanted = sql.SQL("s.claimed IS NOT FALSE" if claimed else "s.claimed IS FALSE")
        elif refused is not None and self.claimable:
            wanted = sql.SQL("s.claimed IS NULL" if refused else "s.claimed IS NOT NULL")
        elif claimed or refused:
            wanted = sql.SQL("FALSE")
        if self.columns is None:
            if claimed is refused is None:
                return self.table
            return sql.SQL("(SELECT * FROM {} AS s WHERE {})").format(self.table, wanted)
        # Cast, for a type of another width is another type to a recursive search.
        typed = zip(self.columns, self.types, strict=True)
        values = [raw(f"s.{name}::{ddl} AS c{at}") for at, (name, ddl) in enumerate(typed)]
        values += [raw("s.since")] if self.dated else []
        return sql.SQL("(SELECT s.number, {} FROM {} AS s WHERE {} IS NOT NULL AND {})").format(
            sql.SQL(", ").join(values), self.table, raw(f"s.{self.columns[0]}"), wanted
        )


@dataclass(frozen=True, slots=True)
class Staged:
    """The keys of a chunk in the database.

    Attributes:
        shape: Equal for two chunks whose keys stand in the same tables and columns.
        few: There are so few that whatever they lead to is few.
        spellings: The texts among them, which were read from rows.
        ages: Since when the people have values that are handed on.
        co_holders: Some keys are a person's though certain others hold them: these stand in `CO_HOLDERS`.
    """

    places: Mapping[Wanted, StagingTable] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    few: bool = False
    spellings: StoredSpellings = field(default_factory=StoredSpellings)
    ages: Ages = field(default_factory=dict)
    co_holders: bool = False

    def dated(self, link: BoundLink) -> bool:
        """Of the keys of this link it is known since when a person has them, and rows may be too old for them."""
        place = None if link.dated is None else self.places.get(link.staged)
        return place is not None and place.dated

    def table(
        self, namespace: str, types: tuple[KeyType, ...], *, claimed: bool | None = None
    ) -> sql.Composable | None:
        """Where these keys are, to be named behind FROM; None if there are none.

        Args:
            namespace: Of the keys.
            types: As what they are compared.
            claimed: Only the keys that others claim, or only those that nobody else does. None: all.
        """
        place = self.places.get((namespace, types))
        return None if place is None else place.rows(claimed=claimed)


def stage(  # noqa: PLR0913 - whose keys, and how
    connection: Connection,
    store: BoundStore,
    subjects: Sequence[Subject],
    scope: Scope,
    *,
    dated: bool = False,
    perhaps: bool = False,
) -> Staged:
    """Make the tables and fill them; they vanish with the transaction.

    A value that is not the text form of its column's type is left out: it cannot stand there. Keys that the
    resolution found to be shared are claimed ones.

    Args:
        connection: In the transaction.
        store: The collections.
        subjects: Whose keys these are.
        scope: For whom the request speaks.
        dated: There is to be room for the ages of claims that are not among the keys.
        perhaps: Of keys that are not followed texts are staged as well that cannot be read, and may say one.
    """
    scoped = store.scoped.values()
    wanted = dict.fromkeys(link.staged for mapped in scoped for link in mapped.links)
    wanted |= dict.fromkeys(store.owner_keys)
    wanted |= dict.fromkeys((known_as(namespace), types) for namespace, types in store.owner_keys)
    wanted |= dict.fromkeys((from_the_start(namespace), types) for namespace, types in store.deciding)
    spelt = stored_spellings.found(connection, store, subjects, perhaps=perhaps)
    bound = dict.fromkeys(yielded(identity) for mapped in scoped for identity in mapped.binding)
    wanted |= bound
    ages = _ages(subjects, store.aged)
    aged = store.aged if dated else {identity for _, identity, _ in ages}
    rows: dict[Wanted, list[Row]] = {}
    of_age: set[Wanted] = set()
    shape: list[int] = []
    for at, (one, found) in enumerate(_staged_rows(wanted, store, subjects, spelt)):
        if found or one in bound or one in spelt.rows:
            rows[one] = found
            shape.append(at)
            if aged and spelt.key(one)[0] in aged:
                rows[one] = _with_ages(found, one, spelt, ages)
                of_age.add(one)
                shape.append(-1)
    few = sum(map(len, rows.values())) <= _FEW
    width = _shared_width(rows, scope.member) if few else None
    places = _together(rows, width, store, of_age) if few else _apart(rows, store, of_age)
    member = scope.member is not None
    if places or member:
        made = store.statements.compiled(
            ("stage", few, member, tuple(shape), width),
            lambda: _made(places, width, few=few, member=member),
            {},
            connection,
        )
        connection.execute(made)
    if few:
        _fill_together(connection, places, rows, scope.member)
    else:
        for one, place in places.items():
            _fill(connection, place, one[1], rows[one])
        if scope.member is not None:
            _copy(connection, REQUEST, {"number": "integer", "member": "text"}, [(None, _member(scope.member))])
        count_rows(connection, [(place.table, len(rows[one])) for one, place in places.items()])
    co_holders = _co_holders(connection, subjects)
    return Staged(places, (int(few), int(member), int(co_holders), *shape), few, spelt, ages, co_holders)


def _co_holders(connection: Connection, subjects: Sequence[Subject]) -> bool:
    """Put them into their table; whether there are any."""
    rows = [(one.number, *held.value, *held.person) for one in subjects for held in sorted(one.co_holders)]
    if rows:
        columns = {"number": "integer"} | dict.fromkeys(("identity", "value", "kind", "person"), "text")
        connection.execute(_table(CO_HOLDERS, map(" ".join, columns.items())))
        _copy(connection, CO_HOLDERS, columns, rows)
    return bool(rows)


def _ages(subjects: Sequence[Subject], aged: Container[str]) -> Ages:
    """What the keys say of it; of several times for one value the earliest."""
    found: dict[tuple[int, str, str], datetime] = {}
    for subject in subjects if aged else ():
        for namespace, text in (*subject.keys, *subject.known):
            if namespace.startswith(SINCE) and namespace.removeprefix(SINCE) in aged:
                when, _, value = text.partition("|")
                place = subject.number, namespace.removeprefix(SINCE), value
                at = datetime.fromisoformat(when)
                found[place] = min(at, found.get(place, at))
    return found


def _with_ages(rows: Iterable[Row], wanted: Wanted, spelt: StoredSpellings, ages: Ages) -> list[Row]:
    identity, name = spelt.key(wanted)
    key = int(name[1:]) + 1
    return [(*row, ages.get((cast("int", row[0]), identity, str(row[key])))) for row in rows]


def _staged_rows(
    wanted: Iterable[Wanted], store: BoundStore, subjects: Sequence[Subject], spelt: StoredSpellings
) -> Iterator[tuple[Wanted, list[Row]]]:
    """The rows of every staging table, empty ones too."""
    wanted = list(wanted)
    accepted: dict[str, list[tuple[int, str]]] = {namespace: [] for namespace, _ in wanted}
    unclear: dict[str, list[tuple[int, str]]] = {one: [] for one in accepted if one in store.passing}
    for subject in subjects:
        given = (
            *(_led_by(subject, store), subject.unclear, _own_keys(subject, store)),
            *(_known_keys(subject), _deciding_keys(subject, store)),
        )
        for known, keys in zip((accepted, unclear, accepted, accepted, accepted), given, strict=True):
            for namespace, value in keys:
                if (listed := known.get(namespace)) is not None:
                    listed.append((subject.number, value))
    for namespace, types in wanted:
        found: list[Row]
        if (namespace, types) in spelt.rows:
            flagged = namespace in store.passing
            yield (namespace, types), [_flagged(row) if flagged else row[:-1] for row in spelt.rows[namespace, types]]
            continue
        found = _rows(accepted[namespace], types)
        if namespace in unclear:
            found = [(*row, False) for row in found] + [(*row, None) for row in _rows(unclear[namespace], types)]
        yield (namespace, types), found


def _own_keys(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    """What rows refer to a person by whose own row may be gone, where the resolution did not tell it."""
    for namespace, of in store.own_keys.items():
        for key in subject.keys if of.told else ():
            if key.namespace == of.identity and (own := SubjectKey(namespace, key.value)) not in subject.keys:
                yield own


def _led_by(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    """The keys, without those by which rows refer to a person who is somebody else by now (see `OwnKey`)."""
    theirs = subject.keys | subject.known
    identities = {key.namespace for key in theirs}
    for key in subject.keys:
        of = store.own_keys.get(key.namespace)
        if of is None or (SubjectKey(of.identity, key.value) in theirs if of.same else of.identity in identities):
            yield key


def _known_keys(subject: Subject) -> Iterator[SubjectKey]:
    for namespace, value in subject.known:
        yield SubjectKey(known_as(namespace), value)


def _deciding_keys(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    deciding = {namespace for namespace, _ in store.deciding}
    for namespace, value in subject.keys | subject.known if deciding else ():
        if namespace in deciding:
            yield SubjectKey(from_the_start(namespace), value)


def from_the_start(namespace: str) -> str:
    """The namespace of such keys as they were staged: some may be found to be somebody else's on the way."""
    return f"at first {namespace}"


def known_as(namespace: str) -> str:
    """The namespace of such keys that an earlier round of the resolution followed: they lead nowhere in this one."""
    return f"known {namespace}"


def yielded(identity: str) -> Wanted:
    """The keys of an identity as rows yield them: normalised text, whatever the columns' types."""
    return identity, (TEXT,)


def add(connection: Connection, place: StagingTable, keys: Iterable[tuple[int, str]]) -> None:
    """More keys to those that are plain texts: of rows, so any length."""
    _add(connection, place, (TEXT,), _rows(keys, (TEXT,)))


def read_again(connection: Connection, staged: Staged, collections: Iterable[str]) -> None:
    """Texts that say the chunk's keys and came to stand in these collections since they were staged."""
    for (namespace, types), rows in staged.spellings.news(connection, collections).items():
        place = staged.places[namespace, types]
        told: list[Row] = [_flagged(row) if place.claimable else row[:-1] for row in rows]
        if place.dated:
            told = _with_ages(told, (namespace, types), staged.spellings, staged.ages)
        _add(connection, place, types, told)


def _flagged(said: Said) -> Row:
    """A text with the mark of a key: one that is not to be followed is refused from the start."""
    *row, of_others = said
    return (*row, None if of_others else False)


def _add(connection: Connection, place: StagingTable, types: tuple[KeyType, ...], rows: Sequence[Row]) -> None:
    if (
        place.width is not None
        and place.columns is not None
        and any(len(str(value)) > place.width for row in rows for value in row[1:])
    ):
        widened = [sql.SQL("ALTER COLUMN {} TYPE text").format(sql.Identifier(name)) for name in place.columns]
        connection.execute(sql.SQL("ALTER TABLE {} {}").format(place.table, sql.SQL(", ").join(widened)))
    _fill(connection, place, types, rows)


def count_rows(connection: Connection, tables: Iterable[tuple[sql.Identifier, int]]) -> None:
    """Tell the planner how many rows each of these temporary tables has, where it would not guess it."""
    unguessed = [sql.SQL("{} (number)").format(table) for table, rows in tables if rows < _GUESSED_WELL]
    if unguessed:
        connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(unguessed)))


def _rows(keys: Iterable[tuple[int, str]], types: tuple[KeyType, ...]) -> list[Row]:
    if len(types) == 1:
        read = types[0].read()
        return [(number, found) for number, value in keys if (found := read(value)) is not None]
    return [row for number, value in keys if (row := _row(number, _parts(value), types)) is not None]


def _row(number: int, values: Sequence[str], types: tuple[KeyType, ...]) -> Row | None:
    """One key of several values; None if it is no such key."""
    if len(values) != len(types):
        return None
    found = [kind.read()(value) for kind, value in zip(types, values, strict=True)]
    return None if None in found else (number, *found)


def _parts(value: str) -> list[str]:
    """The values of a composite key; none if it is no such key."""
    try:
        parts = json.loads(value)
    except ValueError:
        return []
    return parts if isinstance(parts, list) and all(isinstance(part, str) for part in parts) else []


def _apart(wanted: Iterable[Wanted], store: BoundStore, of_age: Container[Wanted]) -> dict[Wanted, StagingTable]:
    """A table for each."""
    return {
        one: StagingTable(
            sql.Identifier("pg_temp", f"expunge_keys_{at}"), claimable=one[0] in store.passing, dated=one in of_age
        )
        for at, one in enumerate(wanted)
    }


def _together(
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


def _shared_width(rows: Mapping[Wanted, Sequence[Row]], member: str | None) -> int | None:
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


def _made(places: Mapping[Wanted, StagingTable], width: int | None, *, few: bool, member: bool) -> sql.Composable:
    """The tables, as statements in one message."""
    tables: list[sql.Composable] = []
    text = text_type(width)
    request = ["number integer", f"member {text}"]
    for (_, types), place in places.items():
        ddl = [text if kind.ddl == TEXT.ddl else kind.ddl for kind in types]
        if place.columns is None:
            values = [f"c{at} {one} NOT NULL" for at, one in enumerate(ddl)]
            flags = [*([_CLAIMED] if place.claimable else []), *([_SINCE] if place.dated else [])]
            tables.append(_table(place.table, ["number integer NOT NULL", *values, *flags]))
        else:
            request += [f"{name} {one}" for name, one in zip(place.columns, ddl, strict=True)]
            request += [_CLAIMED] if place.claimable and _CLAIMED not in request else []
            request += [_SINCE] if place.dated and _SINCE not in request else []
    if few or member:
        tables.append(_table(REQUEST, request))
    return sql.SQL("; ").join(tables)


def _table(name: sql.Identifier, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, raw(", ".join(columns)))


def _fill_together(
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
        _copy(connection, REQUEST, columns, filled)
        count_rows(connection, [(REQUEST, len(filled))])


def _member(text: str) -> object:
    found = TEXT.read()(text)
    if found is None:
        raise TerminalError("The member of the request is no text that can stand in a database.")
    return found


def _fill(connection: Connection, place: StagingTable, types: tuple[KeyType, ...], rows: Sequence[Row]) -> None:
    if rows:
        names = place.columns or tuple(f"c{at}" for at in range(len(types)))
        sent = dict(zip(names, (kind.sent_as for kind in types), strict=True))
        if place.claimable:
            sent["claimed"] = "boolean"
        if place.dated:
            sent["since"] = "timestamptz"
        _copy(connection, place.table, {"number": "integer", **sent}, rows)


def _copy(connection: Connection, table: sql.Identifier, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Fill columns (name -> the type as which its values are sent)."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, raw(", ".join(columns)))
    with connection.cursor().copy(statement) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
