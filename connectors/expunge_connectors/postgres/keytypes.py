"""Types under which keys are compared, so that indexes serve and no value is ever refused by the server."""

from __future__ import annotations

import re
from enum import StrEnum


class KeyType(StrEnum):
    """The type of a staged key, as DDL writes it."""

    INTEGER = "bigint"
    NUMERIC = "numeric"
    UUID = "uuid"
    TEXT = "text"


_BY_BASE = {
    "smallint": KeyType.INTEGER,
    "integer": KeyType.INTEGER,
    "bigint": KeyType.INTEGER,
    "numeric": KeyType.NUMERIC,
    "uuid": KeyType.UUID,
}
# Compared as they are: the column's own index serves. Every other type is compared through ::text.
_NATIVE = frozenset({*_BY_BASE, "text", "character varying"})
_CANONICAL = {
    KeyType.INTEGER: re.compile(r"0|-?[1-9][0-9]{0,18}"),
    KeyType.NUMERIC: re.compile(r"-?(0|[1-9][0-9]{0,130})(\.[0-9]{1,130})?"),
    KeyType.UUID: re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}


def key_type(base: str) -> KeyType:
    """The type under which keys are compared with a column of this base type (as `format_type` writes it)."""
    return _BY_BASE.get(base, KeyType.TEXT)


def native(base: str) -> bool:
    """Whether a column of this type is compared without a cast."""
    return base in _NATIVE


def fits(kind: KeyType, value: str) -> bool:
    """Whether a value is the text form of a value of this type. One that is not cannot stand in such a column.

    Staged values are checked here because the server's own refusal would quote them, in its log too.
    """
    if "\x00" in value:
        return False
    pattern = _CANONICAL.get(kind)
    if pattern is not None and not pattern.fullmatch(value):
        return False
    return kind is not KeyType.INTEGER or -(2**63) <= int(value) < 2**63
