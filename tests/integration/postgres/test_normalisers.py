"""The two halves of every normaliser agree on a real server, whatever the collation."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from expunge_config.normalisers import NotNormalisable, builtin

# Names that every server knows, ASCII's and Unicode's rules; `default` is the database's own.
COLLATIONS = ("default", "C", "ucs_basic", "pg_c_utf8")
# integer/1 and exact/1 compare what stands there: `check` lets integer/1 find integers only, and exact is exact.
HALVES = ("email/1", "email/2", "e164/1", "integer/2", "uuid/1", "postal/1")
SPACES = (
    " \t\n\r\v\f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
LETTERS = (
    "aAkKiIjJ\u0130\u0131\u03a3\u03c3\u03c2\u212a\u00dc\u00fc\u00df\u1e9e\u01f0"
    "\u030c\u0308\u0301\u0327\u1100\u1161\u11a8"
)
EXAMPLES = [
    ("email/1", "\tann@x.example\n"),
    ("email/1", "\u00a0ann@x.example\u3000"),
    ("email/1", "M\u00dcLLER@x.example"),
    ("email/1", "MU\u0308LLER@x.example"),
    ("email/1", "\u0130nci@x.example"),
    ("email/1", "J\u030cane@x.example"),
    ("email/1", "\u03a3\u039f\u03a6\u039f\u03a3@x.example"),
    ("email/1", "\u212aIM@x.example"),
    ("email/1", "STRASSE\u1e9e@x.example"),
    ("email/2", "\tPat.O'BRIEN@x.example\u3000"),
    ("email/2", "O'M\u00dcLLER@x.example"),
    ("e164/1", "+49\u00a030\u00a01234567"),
    ("e164/1", "+49\u202f30\u202f1234567\ufeff"),
    ("e164/1", "+49/(30)-123.4567"),
    ("integer/2", "\u2003-7\u00a0"),
    ("uuid/1", " 0A0B0C0D-0000-0000-0000-00000000000A\u00a0"),
    ("postal/1", "1\u2003Long  Road, X,"),
    ("postal/1", ",\u01301 Road\u00a0x"),
]

spaces = st.text(SPACES, max_size=3)
letters = st.text(LETTERS, min_size=1, max_size=6) | st.text(min_size=1, max_size=6)
emails = st.tuples(spaces, letters, st.just("@"), letters, st.just(".Example"), spaces).map("".join)
phones = st.lists(st.sampled_from("0123456789") | st.text(SPACES + "().-/", max_size=2), min_size=7, max_size=15).map(
    lambda pieces: "+4" + "".join(pieces)
)
uuids = st.tuples(spaces, st.uuids().map(lambda one: str(one).upper()), spaces).map("".join)
addresses = st.lists(letters | st.text(SPACES + ",", max_size=3), max_size=6).map("".join)
with_apostrophes = st.tuples(emails, letters).map(lambda parts: parts[0].replace("@", f"'{parts[1]}!#$%&*/=?^`{{|}}~@"))
SPELLINGS = {
    "email/1": emails,
    "email/2": emails | with_apostrophes,
    "e164/1": phones,
    "integer/2": st.tuples(spaces, st.integers(-(10**38) + 1, 10**38 - 1).map(str), spaces).map("".join),
    "uuid/1": uuids,
    "postal/1": addresses,
}


def stored(connection: psycopg.Connection, name: str, raw: str, collation: str) -> str:
    """What the database compares for a column that holds `raw`."""
    before, _, after = builtin()[name].sql.partition("{column}")
    statement = sql.SQL("SELECT {}v{} FROM (VALUES ({}::text COLLATE {})) AS t (v)").format(
        sql.SQL(before), sql.SQL(after), sql.Placeholder(), sql.Identifier(collation)
    )
    row = connection.execute(statement, (raw,)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("collation", COLLATIONS)
@pytest.mark.parametrize("name", HALVES)
def test_what_a_request_may_say_is_found_in_every_stored_spelling(database: str, name: str, collation: str) -> None:
    accepted: list[str] = []
    with psycopg.connect(database, autocommit=True) as connection:

        @settings(max_examples=100)
        @given(SPELLINGS[name])
        def agree(raw: str) -> None:
            try:
                wanted = builtin()[name].normalise(raw)
            except NotNormalisable:
                return
            accepted.append(wanted)
            assert stored(connection, name, raw, collation) == wanted
            assert stored(connection, name, wanted, collation) == wanted

        agree()
    assert accepted, "the property was tried on nothing"


@pytest.mark.parametrize("collation", COLLATIONS)
def test_spellings_that_once_were_missed(database: str, collation: str) -> None:
    with psycopg.connect(database) as connection:
        for name, raw in EXAMPLES:
            assert stored(connection, name, raw, collation) == builtin()[name].normalise(raw), (name, ascii(raw))


def test_every_character_alone(database: str) -> None:
    """No letter of the basic plane is folded by one half only."""
    with psycopg.connect(database) as connection:
        for start in range(0x80, 0xD800, 0x400):
            wanted: dict[str, str] = {}
            for code in range(start, min(start + 0x400, 0xD800)):
                raw = f"A{chr(code)}b@X.example"
                try:
                    wanted[raw] = builtin()["email/1"].normalise(raw)
                except NotNormalisable:
                    continue
            before, _, after = builtin()["email/1"].sql.partition("{column}")
            statement = sql.SQL("SELECT v, {}v{} FROM unnest({}::text[]) AS t (v)").format(
                sql.SQL(before), sql.SQL(after), sql.Placeholder()
            )
            assert dict(connection.execute(statement, (list(wanted),)).fetchall()) == wanted


@pytest.mark.parametrize("name", sorted(builtin()))
def test_an_index_can_be_made_by_pasting_the_expression(database: str, name: str) -> None:
    """Every function is immutable, and the text as printed is what the server reads."""
    expression = builtin()[name].sql.replace("{column}", '"v"')
    assert expression.isascii()
    assert expression.isprintable()
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE t (v text)")
        connection.execute(sql.SQL("CREATE INDEX ON t (({}))").format(sql.SQL(expression)))
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            sql.SQL("EXPLAIN SELECT FROM t WHERE {} = (SELECT NULL::text)").format(sql.SQL(expression))
        ).fetchall()
    assert "Index" in str(plan)
