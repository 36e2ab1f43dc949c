"""Column classifier: likely personal columns, guessed from name, type and samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.keyspace.identifier_patterns import EMAIL, PHONE
from expunge_connectors.postgres.catalog.column_names import Kind, named
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import json_paths, table_sampling
from expunge_connectors.postgres.inspection.table_sampling import SampledColumn, SampledTable

_MOSTLY = 0.5

_TEXTS = frozenset({"text", "character varying", "character", "citext", "name"})
_JSON = frozenset({"json", "jsonb"})
_PERSONAL = frozenset(Kind) - {Kind.OBJECT, Kind.CONTENT, Kind.AGENT, Kind.SECRET}
_SHAPES: dict[Kind, tuple[str, str]] = {Kind.EMAIL: (EMAIL, f"^{EMAIL}$"), Kind.PHONE: (PHONE, f"^ *{PHONE} *$")}
"""kind -> (pattern of one somewhere in a text, pattern of a text that is one)"""
CONTACTS = frozenset(_SHAPES)
"""What identifies a person wherever it stands."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a row something stands, as links say it (`expunge_connectors.postgres.table_spec.Source`).

    Attributes:
        inside: Somewhere in a document (JSON, XML, a row, bytes), no path can be told.
    """

    column: str
    path: tuple[str, ...] = ()
    each: bool = False
    inside: bool = False

    @property
    def plain(self) -> bool:
        """It is the value of the column."""
        return self == Place(self.column)

    @property
    def source(self) -> dict[str, object]:
        """As it stands in the map."""
        return {
            "column": self.column,
            **({"path": list(self.path)} if self.path else {}),
            **({"each": True} if self.each else {}),
        }


Kinds = dict[Place, Kind]
"""place -> what it seems to hold"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a table.

    Attributes:
        unread: Columns with texts that could not be read: what stands there is unknown.
    """

    kinds: Kinds
    unread: tuple[str, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is to be told of columns that could not be read."""
        return (f"{', '.join(self.unread)} could not be read: unknown.",) if self.unread else ()


def look(connection: Connection, table: SampledTable, rows: int) -> Seen:
    """What a table seems to hold: an e-mail address or phone number in most rows decides over a name."""
    found = {_place(column): kind for column in table.columns if (kind := named(column.name, column.base)) is not None}
    texts = [column for column in table.columns if column.searchable and not column.foreign]
    readable = [column for column in texts if column.readable]
    conditions = {key: condition for column in readable for key, condition in _conditions(column)}
    answer = table_sampling.counted(connection, table, rows, conditions) if readable else (0, {})
    if answer is None:
        return Seen(found, tuple(column.name for column in texts))
    unread = [column.name for column in texts if not column.readable]
    for column in readable:
        place, filled = _place(column), answer[1][f"{column.name}:"]
        counts = {kind: answer[1][f"{column.name}:{kind}"] for kind in _SHAPES}
        some = [kind for kind, count in counts.items() if count]
        if not place.inside:
            some = [kind for kind in some if counts[kind] >= filled * _MOSTLY]
        elif some:
            places = _places(connection, table, rows, column)
            if places is None:
                unread.append(column.name)
            elif found.get(place) in CONTACTS:
                del found[place]
            found |= places or {}
            some = [kind for kind in some if kind not in (places or {}).values()][:1]
        for kind in some:
            found[place] = kind
        # As in email_type: there stands no address. A phone number may be a national one, which no pattern knows.
        if found.get(place) is Kind.EMAIL and filled and not counts[Kind.EMAIL]:
            del found[place]
    return Seen(found, tuple(unread))


def personal(found: Kinds) -> Kinds:
    """Those that say something about a person by themselves; a bare `name` may be anybody's or anything's.

    Nor does an address somewhere in a document: it may be that of whoever wrote it.
    """
    return {
        place: kind
        for place, kind in found.items()
        if kind in _PERSONAL and place.column != "name" and not (place.inside and kind in CONTACTS)
    }


def contacts(found: Kinds) -> Kinds:
    """E-mail addresses and phone numbers of which the place is known: what a row can be linked by."""
    return {place: kind for place, kind in found.items() if kind in CONTACTS and not place.inside}


def describe(found: Kinds) -> str:
    """`email (e-mail address); doc.author.phone (phone number); data (e-mail address inside)`."""
    return "; ".join(
        f"{'.'.join((place.column, *place.path))} ({kind}{' inside' if place.inside and kind in CONTACTS else ''})"
        for place, kind in found.items()
    )


def _place(column: SampledColumn) -> Place:
    """Where a column's texts stand."""
    plain = column.base.removesuffix("[]")
    if column.searchable and plain not in _TEXTS:
        return Place(column.name, inside=True)
    return Place(column.name, each=column.base.endswith("[]"))


def _conditions(column: SampledColumn) -> Iterator[tuple[str, sql.Composable]]:
    """(column:, it holds anything), and for each shape (column:kind, it holds such ones)."""
    value, place = table_sampling.value(column), _place(column)
    some = sql.SQL("pg_catalog.cardinality({}) > 0").format(value) if place.each else table_sampling.filled(column)
    yield f"{column.name}:", some
    for kind, (inside, whole) in _SHAPES.items():
        if place.each:
            condition: sql.Composable = sql.SQL(
                "{} AND (SELECT count(*) FILTER (WHERE {}) * 2 >= count(*) FROM unnest({}) AS e (value))"
            ).format(some, table_sampling.matches(sql.Identifier("e", "value"), whole), value)
        else:
            condition = table_sampling.matches(value, inside if place.inside else whole)
        yield f"{column.name}:{kind}", condition


def _places(connection: Connection, table: SampledTable, rows: int, column: SampledColumn) -> Kinds | None:
    """Where in its documents addresses and numbers stand; None if that could not be read."""
    if column.base not in _JSON:
        return {}
    patterns = {kind.value: whole for kind, (_, whole) in _SHAPES.items()}
    found = json_paths.places(connection, table, rows, column.name, patterns)
    return None if found is None else {Place(column.name, path): Kind(kind) for path, kind in found.items()}
