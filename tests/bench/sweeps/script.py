"""The script that somebody would write: slices of blocks, children first, looked at once more at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from tests.bench.sweeps.layouts import HELD, Layout

SLICE = 10_000
"""Blocks in one transaction."""

DUE = "(made + interval '1 year')::date <= current_date"


@dataclass(frozen=True, slots=True)
class Swept:
    """What went, what is left, and how long it took, verified."""

    gone: int
    left: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.gone / self.seconds


def sweep(url: str, layout: Layout) -> Swept:
    """Delete what is due."""
    started, gone = time.monotonic(), 0
    due = DUE + (f" AND person NOT IN (SELECT generate_series(0, {HELD - 1}))" if layout.held else "")
    with psycopg.connect(url, autocommit=True) as connection:
        parts = connection.execute(
            "SELECT oid::regclass::text, pg_relation_size(oid) / 8192 FROM pg_class WHERE relkind = 'r'"
            " AND (oid = 'calls'::regclass OR oid IN (SELECT relid FROM pg_partition_tree('calls')))"
        ).fetchall()
        for name, blocks in parts:
            for at in range(0, blocks + 1, SLICE):
                gone += _slice(connection, layout, name, due, at)
        found = connection.execute(f"SELECT count(*) FROM calls WHERE {due}").fetchone()  # type: ignore[call-overload]
    assert found is not None
    return Swept(gone, found[0], time.monotonic() - started)


def _slice(connection: psycopg.Connection[tuple[object, ...]], layout: Layout, name: str, due: str, at: int) -> int:
    here = f"ctid >= '({at},0)' AND ctid < '({at + SLICE},0)' AND {due}"
    with connection.transaction():
        if not layout.children:
            return connection.execute(f"DELETE FROM {name} WHERE {here}").rowcount  # type: ignore[call-overload]
        connection.execute(
            f"CREATE TEMP TABLE going ON COMMIT DROP AS SELECT ctid AS place, id FROM {name} WHERE {here}"  # type: ignore[call-overload]
        )
        connection.execute("ANALYZE going")
        connection.execute("DELETE FROM notes n USING going g WHERE n.call = g.id")
        return connection.execute(
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY(SELECT place FROM going))"  # type: ignore[call-overload]
        ).rowcount
