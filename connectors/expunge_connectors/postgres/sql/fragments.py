"""SQL fragments that several statements share."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

TRUE = sql.SQL("true")
FALSE = sql.SQL("false")


def raw(text: str) -> sql.SQL:
    """SQL that the data map or the server's catalogue holds word for word."""
    return sql.SQL(text)  # pyright: ignore[reportArgumentType] - written by the operator, not by a requester


def column(alias: str, name: str) -> sql.Identifier:
    """`alias.name`, quoted."""
    return sql.Identifier(alias, name)


def and_(*conditions: sql.Composable) -> sql.Composed:
    """Conditions joined by AND."""
    return sql.SQL(" AND ").join([one for one in conditions if one is not TRUE] or [TRUE])


def or_(*conditions: sql.Composable) -> sql.Composed:
    """Conditions joined by OR, in brackets."""
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions or [FALSE]))


def not_(condition: sql.Composable) -> sql.Composed:
    """The condition is false or unknown."""
    return sql.SQL("({}) IS NOT TRUE").format(condition)


def any_of(conditions: Iterable[sql.Composable]) -> sql.Composable:
    """Conditions joined by OR, without those that no row meets; FALSE: none is left."""
    found = [one for one in conditions if one is not FALSE]
    return or_(*found) if found else FALSE


def comma_list(*parts: sql.Composable) -> sql.Composed:
    """Parts with commas between them."""
    return sql.SQL(", ").join(parts)
