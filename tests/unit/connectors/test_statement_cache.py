"""Statements that are put together once say the same as if they were put together each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg import sql

from expunge_connectors.postgres.statement_cache import CompiledStatement, Placeholder, StatementCache

FIRST, SECOND = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def composed(cutoff: datetime, limit: int) -> sql.Composed:
    inner = sql.SQL("SELECT {} FROM t WHERE made < {}").format(
        sql.Identifier("a", 'b"c'), Placeholder("cutoff", cutoff, less=HOUR)
    )
    return sql.SQL("{} AND made < {} LIMIT {} -- {}").format(
        inner, Placeholder("cutoff", cutoff), Placeholder("limit", limit), sql.Literal("it's")
    )


def of(statements: StatementCache, key: str, cutoff: datetime, limit: int, asked: list[str]) -> CompiledStatement:
    def compose() -> sql.Composed:
        asked.append(key)
        return composed(cutoff, limit)

    return statements.compiled(key, compose, {"cutoff": cutoff, "limit": limit}, None)  # type: ignore[arg-type]


def test_a_phrase_is_put_together_once_and_filled_in_anew() -> None:
    statements, asked = StatementCache(), list[str]()
    for cutoff, limit in ((FIRST, 10), (SECOND, 7)):
        assert of(statements, "one", cutoff, limit, asked).as_string() == composed(cutoff, limit).as_string()
    assert asked == ["one"]
    of(statements, "other", FIRST, 10, asked)
    assert asked == ["one", "other"]


def test_a_phrase_within_another_keeps_its_blanks() -> None:
    statements, asked = StatementCache(), list[str]()
    for cutoff in (FIRST, SECOND):
        piece = of(statements, "piece", cutoff, 1, asked)
        whole = statements.compiled(
            "whole",
            lambda piece=piece: sql.SQL("({}) AS x").format(piece),  # type: ignore[misc]
            {"cutoff": cutoff, "limit": 1},
            None,  # type: ignore[arg-type]
        )
        assert whole.as_string() == f"({composed(cutoff, 1).as_string()}) AS x"


def test_what_is_remembered_is_bounded() -> None:
    statements, asked = StatementCache(), list[str]()
    for number in range(1001):
        of(statements, str(number), FIRST, 1, asked)
    of(statements, "1000", FIRST, 1, asked)
    of(statements, "0", FIRST, 1, asked)
    assert len(asked) == 1002
