"""What others do to the database between two commands: settings, statistics, indexes, columns, partitions, renames.

ADR 19: none of it changes what is found. ADR 20: what merely comes is no change of a plan's relations; a table or a
mapped column that is called otherwise, a part that is taken out, another table under the name are, until it is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.model.random_source import Dice
from tests.support.model.world import Column, Table, quoted, text

PLACES = 12
"""So many times something may happen while a world is tried."""

_SETTINGS: dict[str, tuple[str, ...]] = {
    "DateStyle": ("SQL, DMY", "German", "Postgres, MDY"),
    "TimeZone": ("Pacific/Kiritimati", "America/New_York"),
    "IntervalStyle": ("iso_8601", "sql_standard"),
    "bytea_output": ("escape",),
    "extra_float_digits": ("-15", "3"),
    "xmlbinary": ("hex",),
    "search_path": ("app", '"Sales Dept", public', "pg_temp, app, pg_catalog", ""),
    "transform_null_equals": ("on",),
    "quote_all_identifiers": ("on",),
    "gin_fuzzy_search_limit": ("1",),
    "row_security": ("on",),
    "standard_conforming_strings": ("off",),
    "array_nulls": ("off",),
    "backslash_quote": ("on", "off"),
    "client_encoding": ("LATIN1", "SQL_ASCII"),
    "default_transaction_isolation": ("repeatable read", "serializable"),
    "default_transaction_deferrable": ("on",),
    "plan_cache_mode": ("force_generic_plan",),
    "enable_seqscan": ("off",),
    "enable_indexscan": ("off",),
    "enable_hashjoin": ("off",),
    "enable_partition_pruning": ("off",),
    "constraint_exclusion": ("on",),
    "work_mem": ("64kB",),
    "lc_messages": ("C",),
    "check_function_bodies": ("off",),
}
PINNED = (
    "-c TimeZone=UTC -c DateStyle=ISO,YMD -c standard_conforming_strings=on -c array_nulls=on -c bytea_output=hex"
    " -c lc_monetary=C"
)
"""As options of whoever looks at the database from outside."""


@dataclass(frozen=True, slots=True)
class Interlude:
    """What happens once between two commands.

    Attributes:
        statements: Each by itself; where one is refused (there are equal rows, say), the rest does not happen.
        changes: The collections of which a plan has to say now that they are not what was planned.
        undo: Puts that right again.
        reopened: The next command is a process of its own.
        moves: Rows stand in another table afterwards.
    """

    statements: tuple[str, ...] = ()
    changes: frozenset[str] = frozenset()
    undo: tuple[str, ...] = ()
    reopened: bool = True
    moves: bool = False


def interludes(dice: Dice, tables: list[Table], document: Mapping[str, Any]) -> list[Interlude]:
    """One for each place, most of them quiet; tables are told which parts may come below them."""
    made = []
    for place in range(PLACES):
        if dice.chance(55):
            made.append(Interlude(reopened=dice.chance(30)))
        elif dice.chance(45):
            made.append(Interlude(tuple(_setting(dice) for _ in range(dice.pick([1, 2, 4])))))
        elif dice.chance(60):
            arrivals = _arrivals(dice.pick(tables), f"came {place}")
            what = dice.pick(list(arrivals))
            # A process does not go on where what foreign keys hang on was built anew (ADR 9); the next one does.
            rebuilt = " TYPE " in what[0]
            made.append(Interlude(what, reopened=rebuilt or dice.chance(50), moves=what[-1].startswith("WITH moved")))
        else:
            # Few tables have parts: each of those is as likely as all others together.
            parted = [one for one in tables if one.leaves]
            chosen = dice.pick(parted) if parted and dice.chance(50) else dice.pick(tables)
            changes = list(_changes(dice, chosen, document))
            made.append(dice.pick(changes) if changes else Interlude())
    return made


def _setting(dice: Dice) -> str:
    name = dice.pick(list(_SETTINGS))
    whose = dice.pick(["ALTER DATABASE {database}", "ALTER ROLE CURRENT_USER IN DATABASE {database}"])
    chosen = dice.pick(_SETTINGS[name])
    value = chosen if name in {"search_path", "DateStyle"} and chosen else text(chosen)
    return f"{whose} SET {name} TO {value}"


RESET = ("ALTER DATABASE {database} RESET ALL", "ALTER ROLE CURRENT_USER IN DATABASE {database} RESET ALL")
"""As the database was."""


def _arrivals(table: Table, name: str) -> Iterator[tuple[str, ...]]:
    """What may come, and change nothing."""
    added = quoted(name)
    yield (f"ALTER TABLE {table.sql} ADD COLUMN {added} text DEFAULT 'x'",)
    yield (f"ALTER TABLE {table.sql} ADD COLUMN {added} double precision DEFAULT random()",)
    yield (
        f"ALTER TABLE {table.sql} ADD COLUMN {added} integer",
        f"ALTER TABLE {table.sql} DROP COLUMN {added}",
    )
    yield (f"VACUUM FULL {table.sql}",)
    yield (f"ANALYZE {table.sql}",)
    columns = [one for one in table.columns if one.type != "json"]
    for one in columns:
        if one.fills not in {"note", "number", "day", "month"}:
            yield (f"CREATE INDEX ON {table.sql} ({quoted(one.name)})",)
    for one in columns:
        if one.type == "character varying(40)":
            yield (f"ALTER TABLE {table.sql} ALTER COLUMN {quoted(one.name)} TYPE character varying(60)",)
    keys = ", ".join(map(quoted, table.primary_key))
    if not table.declared:
        yield (f"CREATE UNIQUE INDEX ON {table.sql} ({keys})",)
    if table.inherited:
        table.later.append(name)
        below, [(leaf, _)] = quoted(table.schema, name), table.leaves
        names = ", ".join(quoted(one.name) for one in table.columns if one.computed is None)
        moved = f"WITH moved AS (DELETE FROM {quoted(table.schema, leaf)} RETURNING {names})"
        into = f"INSERT INTO {below} ({names}) OVERRIDING SYSTEM VALUE SELECT * FROM moved"
        yield (f"CREATE TABLE {below} () INHERITS ({table.sql})", f"{moved} {into}")


def _changes(dice: Dice, table: Table, document: Mapping[str, Any]) -> Iterator[Interlude]:
    """What makes a collection another one than was planned, and what undoes it."""
    collections = document["stores"]["main"]["collections"]
    named = frozenset(name for name, one in collections.items() if one["table"] == table.text and "log" not in one)
    if not named:
        return
    moved = quoted("moved")
    found = _led_by(collections, named)
    yield Interlude(
        (f"ALTER TABLE {table.sql} RENAME TO {moved}",),
        named,
        (f"ALTER TABLE {quoted(table.schema, 'moved')} RENAME TO {quoted(table.name)}",),
    )
    yield Interlude(
        (
            f"ALTER TABLE {table.sql} RENAME TO {moved}",
            f"CREATE TABLE {table.sql} (LIKE {quoted(table.schema, 'moved')} INCLUDING DEFAULTS)",
        ),
        found,
        (
            f"DROP TABLE {table.sql}",
            f"ALTER TABLE {quoted(table.schema, 'moved')} RENAME TO {quoted(table.name)}",
        ),
    )
    column = _mapped(dice, table, collections, named)
    if column is not None:
        yield Interlude(
            (f"ALTER TABLE {table.sql} RENAME COLUMN {quoted(column.name)} TO {moved}",),
            found,
            (f"ALTER TABLE {table.sql} RENAME COLUMN {moved} TO {quoted(column.name)}",),
        )
    if table.inherited:
        leaf = quoted(table.schema, table.leaves[0][0])
        yield Interlude(
            (f"ALTER TABLE {leaf} NO INHERIT {table.sql}",), found, (f"ALTER TABLE {leaf} INHERIT {table.sql}",)
        )
    elif table.leaves:
        leaf, clause = table.leaves[0]
        bounds = clause.removeprefix(f"PARTITION OF {table.sql} ")
        yield Interlude(
            (f"ALTER TABLE {table.sql} DETACH PARTITION {quoted(table.schema, leaf)}",),
            found,
            (f"ALTER TABLE {table.sql} ATTACH PARTITION {quoted(table.schema, leaf)} {bounds}",),
        )


def _mapped(dice: Dice, table: Table, collections: Mapping[str, Any], named: frozenset[str]) -> Column | None:
    """A column by which rows of every collection of the table are found."""
    found = [
        {column for link in collections[name]["found_by"] for column in link.get("columns", [link.get("column")])}
        for name in named
    ]
    common = sorted(set.intersection(*found)) if found else []
    return table.column(dice.pick(common)) if common else None


def _led_by(collections: Mapping[str, Any], named: frozenset[str]) -> frozenset[str]:
    """These and all that are found through them."""
    found = set(named)
    while (
        more := {
            name
            for name, one in collections.items()
            for link in one.get("found_by", ())
            if str(link.get("of", "")).partition(".")[0] in found
        }
        - found
    ):
        found |= more
    return frozenset(found)
