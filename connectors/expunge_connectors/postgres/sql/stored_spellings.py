"""Stored spellings: the texts in which keys stand in the database, where a library reads them and not SQL (ADR 22).

Keys have tokens, and an expression of plain SQL, which an index may hold, makes tokens of a stored text. The texts that
have one in common are read here, and those that say a key are staged beside it: what finds, counts and deletes rows
compares texts. No text is kept beyond the transaction. A row whose text comes later is not found by it; verification
reads the texts anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from psycopg import sql

from expunge_config.spellings import Reading, Spellings
from expunge_connectors.contract import Subject
from expunge_connectors.postgres.catalog.key_types import KeyType
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import normalised, values
from expunge_connectors.postgres.sql.fragments import column, raw
from expunge_connectors.postgres.table_links import Source

_TOKENS = sql.Identifier("pg_temp", "expunge_tokens")
_TABLE = sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (wanted text NOT NULL, token text NOT NULL) ON COMMIT DROP")
_CANDIDATES = sql.SQL("SELECT DISTINCT {}, {}::text FROM {} WHERE {}")
_PROPOSED = sql.SQL("{} && (SELECT array_agg(k.token) FROM {} AS k WHERE k.wanted = {})")
Staged = tuple[str, tuple[KeyType, ...]]
"""See `BoundLink.staged`."""
Said = tuple[int, str, str, bool]
"""Subject number, text, the key that it says, and whether key or text are another person's as well."""
ByToken = Mapping[str, Sequence[str]]
"""Token -> the values that have it."""
Unread = tuple[int, str, str, str, str]
"""Subject number, identity, value, collection, and a text with the value's characters in it that is not read as it."""
Holders = Mapping[str, Mapping[str, Sequence[tuple[int, bool]]]]
"""Identity -> value -> the subjects' numbers, and whether it is another person's as well."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where texts are looked for: what one link compares."""

    mapped: BoundTable
    source: Source
    identity: str
    spellings: Spellings
    staged: Staged
    of_several: bool

    def candidates(self, at: int) -> sql.Composed:
        """Its number, and the texts that may say a key."""
        rows = sql.SQL("{} AS t").format(self.mapped.table.identifier)
        text = column("t", self.source.column)
        if self.source.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(self.source, "t"))
            text = column("v", "value")
        return _CANDIDATES.format(raw(str(at)), text, rows, proposed(text, self.spellings, self.identity))

    def reading(self, text: str) -> Reading:
        """What the library reads."""
        return self.spellings.read(text, self.source.region)

    def said(self, text: str, reading: Reading, holders: Holders) -> Iterator[Said]:
        """Whose text it is. One that names somebody who may be somebody else is nobody's alone."""
        asked = holders[self.identity]

        def known(value: str) -> bool:
            return any(not of_others for _, of_others in asked.get(value, ()))

        others = not self.of_several and not reading.theirs(known)
        for value in reading.values:
            for number, of_others in asked.get(value, ()):
                yield number, text, value, of_others or others

    def unread(self, text: str, holders: Holders, by_token: ByToken, read: AbstractSet[str]) -> Iterator[Unread]:
        """Whom else a text may name, beside the values that were read in it."""
        here = {value for token in self.spellings.text_tokens(text) for value in by_token.get(token, ())}
        for value in here - read:
            if self.spellings.may_name(value, text):
                for number, _shared in holders[self.identity][value]:
                    yield number, self.identity, value, self.mapped.name, text


@dataclass(frozen=True, slots=True)
class StoredSpellings:
    """The texts of a chunk's keys.

    Attributes:
        rows: What was found so far; of everything that was looked for.
        unread: What cannot be read and may be such a key.
    """

    rows: Mapping[Staged, set[Said]] = field(default_factory=dict)
    unread: set[Unread] = field(default_factory=set)
    _store: BoundStore | None = None
    _places: Sequence[_Place] = ()
    _holders: Holders = field(default_factory=dict)
    _tokens: dict[str, ByToken] = field(default_factory=dict)
    _perhaps: bool = False

    def news(self, connection: Connection, collections: Iterable[str]) -> Mapping[Staged, set[Said]]:
        """What has come to stand in these collections since, remembered from now on."""
        wanted = set(collections)
        found: dict[Staged, set[Said]] = defaultdict(set)
        for name in dict.fromkeys(place.mapped.name for place in self._places if place.mapped.name in wanted):
            for place, text in self._candidates(connection, name):
                reading = place.reading(text)
                found[place.staged].update(set(place.said(text, reading, self._holders)) - self.rows[place.staged])
                if self._perhaps and (place.spellings.within or not reading.whole):
                    found[place.staged].update(
                        (number, text, value, True)
                        for number, _, value, _, _ in place.unread(
                            text, self._holders, self._by_token(place), reading.values
                        )
                        if (number, True) in self._holders[place.identity][value]
                    )
                # What stands in rows of other members is nothing to tell a member of.
                if (place.spellings.within or not reading.whole) and place.mapped.member_column is None:
                    self.unread.update(place.unread(text, self._holders, self._by_token(place), reading.values))
        for staged, rows in found.items():
            self.rows[staged].update(rows)
        return found

    def _by_token(self, place: _Place) -> ByToken:
        """Looked up only where a text cannot be read."""
        if place.identity not in self._tokens:
            found: dict[str, list[str]] = defaultdict(list)
            for value in self._holders[place.identity]:
                for token in place.spellings.tokens(value):
                    found[token].append(value)
            self._tokens[place.identity] = found
        return self._tokens[place.identity]

    def key(self, staged: Staged) -> tuple[str, str]:
        """The identity of what is staged, and in which column the key stands: beside the texts that say it, if any."""
        identity = next((place.identity for place in self._places if place.staged == staged), None)
        return (staged[0], "c0") if identity is None else (identity, "c1")

    def _candidates(self, connection: Connection, name: str) -> list[tuple[_Place, str]]:
        """The texts of one collection that may say a key."""
        assert self._store is not None
        here = [place for place in self._places if place.mapped.name == name]
        what = ("spellings", name, tuple(place.identity for place in here))
        statement = self._store.statements.compiled(what, partial(_statement, here), {}, connection)
        with translated(self._store.name, name):
            return [(here[at], text) for at, text in connection.execute(statement).fetchall()]


def found(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], *, perhaps: bool = False
) -> StoredSpellings:
    """The texts, in every collection in the scope, that say keys of these subjects.

    Perhaps, too, those that cannot be read and may say one that is not followed: as texts that say it.
    """
    places = list(_places(store))
    holders = _holders(subjects, {place.identity for place in places}, store.passing)
    asked = [place for place in places if place.identity in holders]
    spelt = StoredSpellings({place.staged: set() for place in asked}, set(), store, asked, holders, _perhaps=perhaps)
    if asked:
        with translated(store.name):
            propose(connection, {place.identity: (place.spellings, holders[place.identity]) for place in asked})
        spelt.news(connection, [place.mapped.name for place in asked])
    return spelt


def _places(store: BoundStore) -> Iterator[_Place]:
    for mapped in store.scoped.values():
        for link in mapped.links:
            if link.spellings is not None and link.source is not None:
                yield _Place(mapped, link.source, link.namespace, link.spellings, link.staged, link.of_several)


def _holders(subjects: Iterable[Subject], identities: Collection[str], passing: Container[str]) -> Holders:
    """Whose the keys are. Of those that are not followed only such as pass on are looked for."""
    found: dict[str, dict[str, list[tuple[int, bool]]]] = {}
    for subject in subjects if identities else ():
        for namespace, value in subject.keys:
            if namespace in identities:
                found.setdefault(namespace, {}).setdefault(value, []).append((subject.number, False))
        for namespace, value in subject.unclear:
            if namespace in identities and namespace in passing:
                found.setdefault(namespace, {}).setdefault(value, []).append((subject.number, True))
    return found


def _statement(places: Sequence[_Place]) -> sql.Composed:
    return sql.SQL("\nUNION ALL\n").join([place.candidates(at) for at, place in enumerate(places)])


def propose(connection: Connection, wanted: Mapping[str, tuple[Spellings, Iterable[str]]]) -> None:
    """Put the tokens of values into a table of this transaction, by binary COPY (see `staging_tables`).

    Args:
        connection: In the transaction.
        wanted: What the values are called in `proposed` -> how they are read, and the values.
    """
    connection.execute(_TABLE.format(_TOKENS))
    statement = sql.SQL("COPY {} (wanted, token) FROM STDIN (FORMAT BINARY)").format(_TOKENS)
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["text", "text"])
        for name, (spellings, some) in wanted.items():
            for token in frozenset[str]().union(*map(spellings.tokens, some)):
                copy.write_row((name, token))


def proposed(text: sql.Composable, spellings: Spellings, wanted: str) -> sql.Composed:
    """The text may say one of the values that are called so."""
    return _PROPOSED.format(normalised(spellings.sql, text), _TOKENS, sql.Literal(wanted))
