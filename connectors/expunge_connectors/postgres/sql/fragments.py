"""SQL fragments that several statements share."""

from __future__ import annotations

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


def comma_list(*parts: sql.Composable) -> sql.Composed:
    """Parts with commas between them."""
    return sql.SQL(", ").join(parts)
