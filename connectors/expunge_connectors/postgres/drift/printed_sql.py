"""Printed SQL: what an operator runs in psql, as it is. Each statement does all or nothing, but for `pruned`.

No value of a record stands in them: bounds are computed where they run, or follow from the calendar.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from psycopg import sql

from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.inspection.context import quoted, quoted_table

_MOMENT = timedelta(microseconds=1)
_PIECE = 10_000
# A lock that waits is waited for by every query that comes after it.
_SOON = "  SET LOCAL lock_timeout = '2s';"


def dropped(parent: str, part: str, *, if_empty: bool) -> str:
    """Take a partition out of its table and drop it: a foreign key to its rows, and a row in it, stop that.

    Args:
        parent: `schema.table`.
        part: The same, of the partition.
        if_empty: A row in it stops it.
    """
    above, below = quoted_table(parent), quoted_table(part)
    refusal = [
        f"  IF EXISTS (SELECT FROM {below}) THEN",
        f"    RAISE EXCEPTION USING MESSAGE = {literal(f'{part} is not empty any more')};",
        "  END IF;",
    ]
    return _done(
        _SOON,
        f"  LOCK TABLE ONLY {above}, {below} IN ACCESS EXCLUSIVE MODE;",
        *(refusal if if_empty else ()),
        f"  ALTER TABLE {above} DETACH PARTITION {below};",
        f"  DROP TABLE {below};",
    )


def attached(parent: str, part: str, key: Column) -> str:
    """Give a table back to the partitioned one, with bounds that its own rows have."""
    above, below, column = quoted_table(parent), quoted_table(part), quoted(key.name)
    step = "1" if key.base == "date" else literal_interval(max(_MOMENT, 2 * key.rounding))
    names = f"ALTER TABLE {above} ATTACH PARTITION {below}".replace("%", "%%")
    attach = f"{names} FOR VALUES FROM (%L) TO (%L)"
    return _done(
        _SOON,
        f"  SELECT min({column}), max({column}) + {step} INTO first, beyond FROM {below};",  # noqa: S608 - printed
        f"  EXECUTE format({literal(attach)}, first, beyond);",
        declared="DECLARE first text; beyond text;",
    )


def pruned(table: str, start: Column, keep_from: date) -> str:
    """Delete what began before that day, in pieces of which each is committed: it may be stopped, and run again.

    What stands before the first year is what an application writes for "not known", and stays.
    """
    name, column = quoted_table(table), quoted(start.name)
    kind = "timestamptz" if start.base == "timestamp with time zone" else start.base.split(" ", maxsplit=1)[0]
    zone = " 00:00+00" if kind == "timestamptz" else ""
    over = f"{column} >= {kind} '0001-01-01{zone}' AND {column} < {kind} '{keep_from}{zone}'"
    return _done(
        "  LOOP",
        f"    DELETE FROM {name} WHERE {over}",  # noqa: S608 - printed
        f"       AND ctid = ANY (ARRAY(SELECT ctid FROM {name} WHERE {over} LIMIT {_PIECE}));",  # noqa: S608 - as above
        "    EXIT WHEN NOT FOUND;",
        "    COMMIT;",
        "  END LOOP;",
    )


def together(statements: Iterable[str]) -> str:
    """One after another; what fails stops those after it nowhere but in a transaction."""
    return "\n".join(statements)


def literal(text: str) -> str:
    """A text as SQL."""
    return sql.Literal(text).as_string().strip()


def literal_interval(length: timedelta) -> str:
    """An interval as SQL."""
    return f"interval '{length // _MOMENT} microseconds'"


def _done(*lines: str, declared: str | None = None) -> str:
    body = "\n".join([*([] if declared is None else [declared]), "BEGIN", *lines, "END"])
    tag = "$expunge$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"DO {tag}\n{body}\n{tag};"
