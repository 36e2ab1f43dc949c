"""Tables of which a part has had its time, and the maps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from tests.integration.postgres.test_ages import aged

from expunge_config.datamap import DataMap

HELD = 50
"""People on hold, of `PEOPLE`."""

PEOPLE = 100_000
_NOTE = "\n    notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}"
_MADE = "CASE WHEN hashint4(i) % 5 = 0 THEN timestamptz '2001-01-01' + i % 90 * interval '1 day' ELSE now() END"
# What pg_lz cannot make smaller, so that eight kilobytes are eight in the TOAST table.
_BODY = ", (SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 250) j)"


@dataclass(frozen=True, slots=True)
class Layout:
    """One set of tables.

    Attributes:
        create: Makes `calls`.
        body: A column of eight kilobytes more.
        children: Each call has a note.
        held: Some people are on hold.
        share: Of the rows that are asked for, one in so many is made: rows of 8 kB would fill the disk.
    """

    create: str = "CREATE TABLE calls (id int PRIMARY KEY, person int, made timestamptz{body})"
    body: bool = False
    children: bool = False
    held: bool = False
    share: int = 1

    @property
    def data_map(self) -> DataMap:
        """The map of it."""
        calls = "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}"
        return aged(calls + (_NOTE.replace("    ", "") if self.children else ""))

    def load(self, url: str, rows: int) -> int:
        """Make the tables; returns the rows of `calls`."""
        rows //= self.share
        with psycopg.connect(url, autocommit=True) as owner:
            for statement in self.create.format(body=", body text" if self.body else "").split(";"):
                owner.execute(statement)  # type: ignore[call-overload]
            owner.execute(
                f"INSERT INTO calls SELECT i, i % {PEOPLE}, {_MADE}{_BODY if self.body else ''}"  # type: ignore[call-overload]
                f" FROM generate_series(1, {rows}) i"
            )
            owner.execute("CREATE INDEX ON calls (person)")
            if self.children:
                owner.execute("CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls, text text)")
                owner.execute("INSERT INTO notes SELECT id, id, 'spoken' FROM calls")
                owner.execute("CREATE INDEX ON notes (call)")
            owner.execute("VACUUM ANALYZE")
            owner.execute("CHECKPOINT")
        return rows


_BY_YEAR = """CREATE TABLE calls (id int, person int, made timestamptz) PARTITION BY RANGE (made);
CREATE TABLE calls_old PARTITION OF calls FOR VALUES FROM (MINVALUE) TO ('2001-02-01');
CREATE TABLE calls_2001 PARTITION OF calls FOR VALUES FROM ('2001-02-01') TO ('2001-03-01');
CREATE TABLE calls_2002 PARTITION OF calls FOR VALUES FROM ('2001-03-01') TO ('2020-01-01');
CREATE TABLE calls_now PARTITION OF calls FOR VALUES FROM ('2020-01-01') TO (MAXVALUE)"""

LAYOUTS: Mapping[str, Layout] = {
    "one table": Layout(),
    "partitioned by month": Layout(create=_BY_YEAR),
    "each with a child": Layout(children=True),
    f"{HELD} people on hold": Layout(held=True),
    "rows of 8 kB (a twentieth)": Layout(body=True, share=20),
}
