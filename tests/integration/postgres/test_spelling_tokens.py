"""The tokens of a text are the same in the database and here, so whatever is read is found (ADR 22)."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from expunge_config.normalisers import builtin
from expunge_config.spellings import Spellings

COLLATIONS = ("default", "C", "ucs_basic", "pg_c_utf8")
SPELT = sorted(name for name, rule in builtin().items() if rule.spellings is not None)
ALPHABET = (
    "aAzZkK0123456789+-./()[]<>,;:|#x@@@%\"'?&= \t\n\r\v\f\x85\xa0\u2009\u2028\u2014\u2212\ufeff\u00ad"
    "\uff10\uff19\uff0b\uff20\ufe6b\u0660\u0669\u06f1\u0967\u0130\u00fc\u0308\u212a\uff58\x7f\x01$&~!{}\\^`_*"
)
FIXED = (
    *(
        "",
        "@",
        "ann%40x.example",
        "A%40%40",
        '"Smith, Ann" <ann@x>',
        "\u00fc@\u00fc,\u00fc@a",
        "a@\u00fc@b",
        "[a@b]",
        "a\uff20b\ufe6bc",
    ),
    *("+49 (0)30 12 34-56 ext. 3", "0301234567890, 1234567 12345", "tel:+49-30-123456;ext=3", "\uff0b\uff14\uff19 30"),
)


def made(
    connection: psycopg.Connection, spellings: Spellings, texts: list[str], collation: str
) -> list[frozenset[str]]:
    """What the database makes of texts."""
    before, _, after = spellings.sql.partition("{column}")
    statement = sql.SQL(
        "SELECT {}(v COLLATE {}){} FROM unnest({}::text[]) WITH ORDINALITY AS t (v, n) ORDER BY n"
    ).format(sql.SQL(before), sql.Identifier(collation), sql.SQL(after), sql.Placeholder())
    return [frozenset(row[0]) for row in connection.execute(statement, (texts,)).fetchall()]


@pytest.mark.parametrize("collation", COLLATIONS)
@pytest.mark.parametrize("name", SPELT)
def test_both_sides_make_the_same_tokens(database: str, name: str, collation: str) -> None:
    spellings = builtin()[name].spellings
    assert spellings is not None
    with psycopg.connect(database, autocommit=True) as connection:

        @settings(max_examples=60)
        @given(
            st.lists(st.text(ALPHABET, max_size=30) | st.text(st.characters(exclude_characters="\x00"), max_size=30))
        )
        def agree(texts: list[str]) -> None:
            texts = [one.encode("utf-8", "ignore").decode() for one in (*texts, *FIXED)]
            for text, found in zip(texts, made(connection, spellings, texts, collation), strict=True):
                ours = spellings.text_tokens(text)
                # Of the others no key has one.
                assert {one for one in found if name != "email/3" or "@" in one} - {""} == ours, ascii(text)

        agree()


@pytest.mark.parametrize("name", SPELT)
def test_an_index_serves_the_tokens(database: str, name: str) -> None:
    spellings = builtin()[name].spellings
    assert spellings is not None
    expression = sql.SQL(spellings.sql.replace("{column}", '"v"'))
    assert spellings.sql.isascii()
    assert spellings.sql.isprintable()
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE t (v text)")
        connection.execute(sql.SQL("CREATE INDEX ON t USING gin (({}))").format(expression))
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            sql.SQL("EXPLAIN SELECT FROM t WHERE {} && (SELECT array_agg(k) FROM unnest(NULL::text[]) AS k)").format(
                expression
            )
        ).fetchall()
    assert "Index Cond" in str(plan)
