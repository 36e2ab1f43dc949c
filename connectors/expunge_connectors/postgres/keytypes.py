"""Types under which keys are compared, so that indexes serve and no value is ever refused by the server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from psycopg import sql

from expunge_connectors.postgres.catalogue import Column


class _Form(Enum):
    """The text forms of a type's values. Anything else cannot stand in such a column."""

    INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
    NUMERIC = re.compile(r"-?(0|[1-9][0-9]{0,130})(\.[0-9]{1,130})?")
    UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    TEXT = re.compile(r"[^\x00\ud800-\udfff]*")


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

    def fits(self, value: str) -> bool:
        """Whether a value is the text form of a value of this type. One that is not cannot stand in such a column.

        Staged values are checked here because the server's own refusal would quote them, in its log too.
        """
        if self.labels is not None:
            return value in self.labels
        if not self.form.value.fullmatch(value):
            return False
        return self.form is not _Form.INTEGER or -(2**63) <= int(value) < 2**63


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


def equals(ours: sql.Composable, theirs: sql.Composable, schema: str | None) -> sql.Composed:
    """`ours = theirs`, by the type's own operator (see `Column.equality`)."""
    operator = sql.SQL("=") if schema is None else sql.SQL("OPERATOR({}.=)").format(sql.Identifier(schema))
    return sql.SQL("{} {} {}").format(ours, operator, theirs)
