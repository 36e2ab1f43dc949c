"""Key types: the SQL types under which keys are compared, so that indexes are used and no cast fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from psycopg import sql

from expunge_config.normalisers import Normaliser
from expunge_connectors.postgres.catalog.reader import Column


class _Form(Enum):
    """The text forms of a type's values. Anything else cannot stand in such a column."""

    INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
    NUMERIC = re.compile(r"-?(0|[1-9][0-9]{0,130})(\.[0-9]{1,130})?")
    UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    TEXT = re.compile(r"[^\x00\ud800-\udfff]*")


# What has a meaning of its own in the text format of COPY.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_PLAIN = re.compile(r"[^\x00\ud800-\udfff\\\t\n\r]*").fullmatch
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

    def copied(self) -> Callable[[str], str | None]:
        """How a value is written into a COPY; None: it is not the text form of a value of this type.

        Such a one cannot stand in a column of the type. It is told apart here because the server's own refusal would
        quote it, in its log too. A function for a whole chunk: there is a value for every key of everybody.
        """
        if self.labels is not None:
            labels = self.labels
            return lambda value: value.translate(_ESCAPES) if value in labels else None
        matches = self.form.value.fullmatch
        if self.form is _Form.TEXT:
            return lambda value: value if _PLAIN(value) else value.translate(_ESCAPES) if matches(value) else None
        if self.form is _Form.INTEGER:
            return lambda value: (
                value if matches(value) and (len(value) < _DIGITS or -(2**63) <= int(value) < 2**63) else None
            )
        return lambda value: value if matches(value) else None


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


def equals(ours: sql.Composable, theirs: sql.Composable, schema: str | None) -> sql.Composed:
    """`ours = theirs`, by the type's own operator (see `Column.equality`)."""
    operator = sql.SQL("=") if schema is None else sql.SQL("OPERATOR({}.=)").format(sql.Identifier(schema))
    return sql.SQL("{} {} {}").format(ours, operator, theirs)
