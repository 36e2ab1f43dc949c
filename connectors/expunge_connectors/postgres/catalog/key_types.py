"""Key types: the SQL types under which keys are compared, so that indexes are used and no cast fails."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from psycopg import sql

from expunge_config.normalisers import Normaliser
from expunge_connectors.postgres.catalog.tables import Column


class _Form(Enum):
    """The text forms of a type's values. Anything else cannot stand in such a column."""

    INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
    NUMERIC = re.compile(r"-?(0|[1-9][0-9]{0,130})(\.[0-9]{1,130})?")
    UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    TEXT = re.compile(r"[^\x00\ud800-\udfff]*")


_DIGITS = 19  # shorter than this, every number fits


@dataclass(frozen=True, slots=True)
class KeyType:
    """How values of one type are staged and compared.

    Attributes:
        ddl: The type of a staged value, as DDL writes it.
        cast: A column of this type is compared by its text; otherwise as it is, and the column's own index serves.
        equality: Schema of the type's `=`, where that is not pg_catalog.
        labels: An enum's labels: no other value can be staged.
    """

    ddl: str
    form: _Form
    cast: bool = False
    equality: str | None = None
    labels: frozenset[str] | None = None

    @property
    def sent_as(self) -> str:
        """As what a value is sent: an enum and a citext are told as texts are."""
        return "text" if self.form is _Form.TEXT else self.ddl

    @property
    def one_text(self) -> bool:
        """Keys of different texts are different values: 7 and 7.00 are one number, and `a` and `A` one citext."""
        return self.form is not _Form.NUMERIC and self.equality is None

    def read(self) -> Callable[[str], object]:
        """How a key's text becomes a value that can be sent; None: it is not the text form of a value of this type.

        Such a one cannot stand in a column of the type. It is told apart here because the server's own refusal would
        quote it, in its log too. A function for a whole chunk: there is a value for every key of everybody.
        """
        if self.labels is not None:
            labels = self.labels
            return lambda value: value if value in labels else None
        matches = self.form.value.fullmatch
        if self.form is _Form.INTEGER:
            return lambda value: (
                int(value) if matches(value) and (len(value) < _DIGITS or -(2**63) <= int(value) < 2**63) else None
            )
        made: Callable[[str], object] = {_Form.TEXT: str, _Form.UUID: uuid.UUID, _Form.NUMERIC: Decimal}[self.form]
        return lambda value: made(value) if matches(value) else None


INTEGER = KeyType("bigint", _Form.INTEGER)
NUMERIC = KeyType("numeric", _Form.NUMERIC)
UUID = KeyType("uuid", _Form.UUID)
TEXT = KeyType("text", _Form.TEXT)
_BY_TEXT = KeyType("text", _Form.TEXT, cast=True)
_NATIVE = {
    "smallint": INTEGER,
    "integer": INTEGER,
    "bigint": INTEGER,
    "numeric": NUMERIC,
    "uuid": UUID,
    "text": TEXT,
    "character varying": TEXT,
}


def key_type(column: Column) -> KeyType:
    """The type under which keys are compared with this column."""
    if column.labels is not None:
        return KeyType(column.base, _Form.TEXT, labels=frozenset(column.labels))
    if column.equality is not None and column.base.rpartition(".")[2] == "citext":
        return KeyType(column.base, _Form.TEXT, equality=column.equality)
    return _NATIVE.get(column.base, _BY_TEXT)


_PADDED = {"character", "name"}
"""Their texts are without padding, as they are compared among themselves; with other types the server differs."""
_ONE_TEXT = _PADDED | {
    '"char"',
    "bit",
    "bit varying",
    "boolean",
    "bytea",
    "cidr",
    "date",
    "inet",
    "macaddr",
    "macaddr8",
    "money",
    "oid",
    "pg_lsn",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "xid",
    "xid8",
}
"""Other types of which two values are equal if, and only if, their texts are, under the settings that we pin.

Not among them, for one value has several texts there: floating-point numbers (0 and -0), `interval` (1 day and 24
hours), `time with time zone`, arrays and ranges of numbers (1.0 and 1), documents.
"""


def comparable(ours: Column, theirs: Column) -> bool:
    """Whether keys that stand in one column find the equal values in the other: all of them, and no others."""
    if key_type(ours).ddl != key_type(theirs).ddl:
        return False
    if key_type(ours) is not _BY_TEXT and key_type(theirs) is not _BY_TEXT:
        return True
    return ours.base == theirs.base and ours.base in _ONE_TEXT


def names_people(column: Column, *, inside: bool, of_bytes: bool = False) -> bool:
    """Whether identifiers stand in this column (or inside its documents and arrays) as a request spells them.

    The other types have spellings of their own (10.0.0.1/32, 2026-01-01 00:00:00, bytes in hexadecimal): an identifier
    that is there would not be found, and be called gone. Bytes do where the map says how they are read (`of_bytes`).
    """
    if of_bytes:
        return column.base == ("bytea[]" if inside else "bytea")
    if inside and column.base in {"json", "jsonb"}:
        return True
    element = column.base.removesuffix("[]") if inside else column.base
    if inside and fraction(column):
        return False  # there 7.00 is not 7
    if column.enum_elements if inside else column.labels is not None:
        return True
    return element in _NATIVE or element in _PADDED or element.rpartition(".")[2] == "citext"


def fraction(column: Column) -> bool:
    """Numbers whose text may end in zeros behind a point."""
    return column.base in {"numeric", "numeric[]"} and ",0)" not in column.type


def as_it_is(rule: Normaliser, column: Column) -> bool:
    """A value of the column is compared as it stands there, by its own type: it has one spelling (ADR 16)."""
    kind = _NATIVE.get(column.base)
    return rule.plain or kind is UUID or (rule.counts and kind in {INTEGER, NUMERIC})


def spelling(rule: Normaliser, column: Column, *, inside: bool = False) -> str:
    """The rule's SQL for a column of this type, or for the texts inside it: of numbers, 7.00 is 7."""
    if rule.counts and column.base == "numeric" and not inside:
        return rule.sql.replace("{column}", "pg_catalog.trim_scale({column})")
    return rule.sql


def counted(column: Column) -> bool:
    """Its values are numbers or UUIDs: each is somebody's."""
    return _NATIVE.get(column.base) in {INTEGER, NUMERIC, UUID}


def plain(live: Column, value: sql.Composable) -> sql.Composable:
    """A value of the column in the type by which it is compared: the operators of enums take no domain over one."""
    return value if live.labels is None else sql.SQL("{}::{}").format(value, sql.SQL(live.base))  # pyright: ignore[reportArgumentType] - the catalogue's


def same_value(live: Column, ours: sql.Composable, theirs: sql.Composable) -> sql.Composed:
    """A value of the column equals another one of its type."""
    return equals(plain(live, ours), plain(live, theirs), live.equality)


def equals(ours: sql.Composable, theirs: sql.Composable, schema: str | None) -> sql.Composed:
    """`ours = theirs`, by the type's own operator (see `Column.equality`)."""
    operator = sql.SQL("=") if schema is None else sql.SQL("OPERATOR({}.=)").format(sql.Identifier(schema))
    return sql.SQL("{} {} {}").format(ours, operator, theirs)
