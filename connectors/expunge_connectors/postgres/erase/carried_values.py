"""Carried values: what a tombstone takes out of a row, and a trigger wrote elsewhere into the same row.

A column `previous` that keeps what `email` was, a list `former` in the document of which a path goes: the tombstone
stands, no other row changed, and the address is still there. So where a table has triggers on UPDATE, the transaction
itself compares each row with what it should be by now:

- Of a column that the tombstone names *goes* every text that stands in it, whole or as a text or number inside its
  document or array, and that would not stand in what the tombstone leaves of it.
- None of these may stand in any column more often than in what the map makes of that column: what it was, or what the
  tombstone leaves. Words of the row as it is now, a digest, a counter are fine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.tables import DATES, Column
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import named, place_names, row_id, same_row
from expunge_connectors.postgres.sql.fragments import column, comma_list, raw
from expunge_connectors.postgres.sql.tombstones import is_tombstone

_LONG = 6
"""Characters from which on a text is found within another one, and a number at all.

A digest of 64 hexadecimal digits holds any six of them once in 300,000 times, any four once in a thousand.
"""
_SHORT = 4
"""Characters from which on a text is found where it is all that stands there: a short name. `DE` stands anywhere."""

_FIXED = frozenset({
    "smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "boolean", "uuid", "date",
    "time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone",
    "interval", "bytea", "bit", "bit varying", "inet", "cidr", "macaddr", "macaddr8", "oid", "pg_lsn", "xid", "xid8",
})  # fmt: skip
"""Types of which a value holds no other one: a stamp of today is no copy of a birthday."""

_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_ONE_SPELLING = {
    **dict.fromkeys(
        _NUMBERS,
        sql.SQL(
            "SELECT CASE WHEN {value}::text ~ '[0-9]' THEN pg_catalog.trim_scale({value}::text::numeric)::text END"
        ),
    ),
    "money": sql.SQL("SELECT pg_catalog.trim_scale({value}::text::money::numeric)::text"),
    **dict.fromkeys(
        DATES,
        sql.SQL("SELECT CASE WHEN {value}::text !~ '^[0-9]{{6}}' THEN {value}::text::timestamptz::timestamp::text END"),
    ),
}
"""Types of which another type writes the same value otherwise: a day as midnight, a sum with more places or a currency.

A date may lie in a year that no time has; the server would quote it in an error.
"""

# A json is kept as it was typed, and may hold what no text of the server's can: the cast would quote it in an error.
_JSON = r"""CASE WHEN {value}::text ~* '\\u(0000|d[89a-f])' THEN pg_catalog.to_jsonb({value}::text)
 ELSE {value}::jsonb END"""
_INSIDE = """SELECT item #>> '{{}}' FROM pg_catalog.jsonb_path_query(
 {document}, 'strict $.** ? (@.type() == "string" || @.type() == "number")') AS item"""
_FOLDED = """pg_catalog.btrim(pg_catalog.lower({value} COLLATE pg_catalog."default")) COLLATE pg_catalog."C\""""

# What goes from a row: not its own key, which stays, and not the day of today, which any stamp holds. A text inside a
# text may be written as JSON writes it.
_TAKEN = """ARRAY(
 WITH taken (said) AS (
   SELECT said FROM ({taken}) AS gone (said)
    WHERE (pg_catalog.length(said) >= {long} OR pg_catalog.length(said) >= {short} AND said ~ '[[:alpha:]]')
      AND said <> ALL (ARRAY(
        SELECT pg_catalog.to_char(pg_catalog.now() + days * interval '1 day', form)
          FROM pg_catalog.generate_series(-1, 1) AS days, (VALUES ('YYYY-MM-DD'), ('YYYYMMDD'), ('YYYY-MM')) AS f (form)
      ))
 )
 SELECT said FROM taken
  UNION
 SELECT pg_catalog.substr(written, 2, pg_catalog.length(written) - 2) COLLATE pg_catalog."C"
   FROM taken CROSS JOIN LATERAL (SELECT pg_catalog.to_json(said)::text) AS one (written)
  WHERE pg_catalog.length(said) >= {long}
) AS taken"""

_CARRIED = """SELECT DISTINCT c.place
  FROM {table} AS t
  JOIN {before} AS b ON {same} AND (t.tableoid <> b.of_table OR t.ctid <> b.stood)
 CROSS JOIN LATERAL ({changed}) AS c (place, fixed, now, right_)
 CROSS JOIN LATERAL pg_catalog.unnest(b.taken) AS one (said)
 CROSS JOIN LATERAL (
   SELECT c.now COLLATE pg_catalog."C", c.right_ COLLATE pg_catalog."C",
          (CASE WHEN c.fixed OR pg_catalog.length(said) < {long} THEN pg_catalog.chr(1) || said || pg_catalog.chr(1)
                ELSE said END) COLLATE pg_catalog."C"
 ) AS x (now, right_, wanted)
 WHERE pg_catalog.strpos(x.now, x.wanted) > 0
   AND pg_catalog.length(x.now) - pg_catalog.length(pg_catalog.replace(x.now, x.wanted, ''))
     > pg_catalog.length(x.right_) - pg_catalog.length(pg_catalog.replace(x.right_, x.wanted, ''))
 ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class OverwrittenRows:
    """Rows of a collection that a tombstone is about to change.

    Attributes:
        mapped: The collection, of which rows can be told apart after they have changed (see `told_apart`).
        kept: The temporary table of what they should be, until the transaction ends.
        source: What stands behind `FROM`, with the table under the alias.
        condition: Which rows of it.
        left: Column -> what the tombstone leaves of it in a row `t`.
    """

    mapped: BoundTable
    kept: sql.Identifier
    source: sql.Composable
    alias: str
    condition: sql.Composable
    left: Callable[[str], sql.Composable]


def told_apart(mapped: BoundTable) -> bool:
    """Rows are overwritten, and can be told apart after they have changed."""
    return bool(mapped.action is Action.TOMBSTONE and mapped.table.row_key)


def refuse(store: str, mapped: BoundTable, found: Sequence[tuple[int]], triggers: Sequence[str]) -> None:
    """Refuse what the statement `carried` found.

    Args:
        store: Its name.
        mapped: The collection.
        found: What it found.
        triggers: What may have done it, as `trigger of schema.table`.

    Raises:
        TerminalError: A column has taken up what the tombstone took.
    """
    if found:
        columns = ", ".join(_others(mapped)[place] for (place,) in found)
        raise TerminalError(
            f"store {store}, collection {mapped.name}: what the tombstone replaced stands in"
            f" {columns} of {mapped.table.text} by now, by a trigger ({', '.join(triggers)}); it was rolled back.",
            remedy="Give the trigger a condition that leaves out Expunge's role (WHEN (current_user <> …)), and let"
            " `tombstone` name what it has kept before: the column, or the place in the document.",
        )


def _others(mapped: BoundTable) -> list[str]:
    """Columns in which more may stand than should: one that is replaced whole is that, or the row is withheld."""
    return [name for name in mapped.table.columns if not isinstance(mapped.spec.tombstone.get(name), str)]


def remember(rows: OverwrittenRows) -> sql.Composed:
    """The statement that keeps what the rows should be, and what goes of them; before they are overwritten."""
    mapped = rows.mapped
    replaced = {name: f"w{at}" for at, name in enumerate(mapped.spec.tombstone)}
    should_be = (
        sql.SQL("{} AS {}").format(
            _kept(mapped.table.columns[name], column("w", replaced[name]) if name in replaced else column("t", name)),
            raw(f"u{at}"),
        )
        for at, name in enumerate(_others(mapped))
    )
    return sql.SQL(
        "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}, t.tableoid AS of_table, t.ctid AS stood FROM ("
        " SELECT {} FROM {} WHERE {} AND NOT ({}) OFFSET 0) AS t CROSS JOIN LATERAL (SELECT {} OFFSET 0) AS w"
    ).format(
        rows.kept,
        comma_list(*named(place_names(mapped), row_id(mapped, "t")), *should_be, _taken(mapped, replaced)),
        comma_list(*(column(rows.alias, name) for name in ("tableoid", "ctid", *mapped.table.columns))),
        rows.source,
        rows.condition,
        is_tombstone(mapped, rows.alias),
        comma_list(*named([*replaced.values()], (rows.left(name) for name in replaced))),
    )


def _taken(mapped: BoundTable, replaced: Mapping[str, str]) -> sql.Composed:
    """The texts that go, each once. `replaced`: column -> where it stands in `w` what the tombstone leaves of it."""
    gone = [
        sql.SQL("({} EXCEPT {})").format(
            _texts(mapped.table.columns[name], column("t", name)), _texts(mapped.table.columns[name], column("w", left))
        )
        for name, left in replaced.items()
    ]
    key = [_folded(sql.SQL("{}::text").format(one)) for one in row_id(mapped, "t")]
    return sql.SQL(_TAKEN).format(
        taken=sql.SQL("({}) EXCEPT VALUES {}").format(
            sql.SQL(" UNION ").join(gone), comma_list(*(sql.SQL("({})").format(one) for one in key))
        ),
        long=sql.Literal(_LONG),
        short=sql.Literal(_SHORT),
    )


def carried(rows: OverwrittenRows) -> sql.Composed:
    """The statement that finds the places (`refuse`) of columns that hold more than they should of what goes.

    In some row that was overwritten, wherever it stands now.
    """
    mapped = rows.mapped
    changed = []
    for at, name in enumerate(_others(mapped)):
        live = mapped.table.columns[name]
        now, should_be = _kept(live, column("t", name)), column("b", f"u{at}")
        changed.append(
            sql.SQL("SELECT {at}, {fixed}, {now}, {right} WHERE {is_now} IS DISTINCT FROM {was}").format(
                at=sql.Literal(at),
                fixed=sql.Literal(live.base in _FIXED),
                now=_marked(live, now),
                right=_marked(live, should_be),
                is_now=now,
                was=should_be,
            )
        )
    return sql.SQL(_CARRIED).format(
        table=mapped.table.identifier,
        before=rows.kept,
        same=same_row(mapped, "t", "b"),
        changed=sql.SQL(" UNION ALL ").join(changed),
        long=sql.Literal(_LONG),
    )


def _kept(live: Column, value: sql.Composable) -> sql.Composable:
    """A value in a form that is compared: a document, or its text."""
    if live.base == "json":
        return sql.SQL(_JSON).format(value=value)
    if live.base == "jsonb":
        return sql.SQL("{}::jsonb").format(value)
    if live.base == "jsonb[]":
        return sql.SQL("pg_catalog.to_jsonb({})").format(value)
    if live.base.endswith("[]"):
        return sql.SQL("pg_catalog.to_jsonb({}::text[])").format(value)
    return sql.SQL('{}::text COLLATE pg_catalog."C"').format(value)


def _structured(live: Column) -> bool:
    return live.base in {"json", "jsonb"} or live.base.endswith("[]")


def _texts(live: Column, value: sql.Composable) -> sql.Composed:
    """Rows of the texts that a value is and holds, as they are compared."""
    ways: list[sql.Composable] = [sql.SQL("SELECT {}::text").format(value)]
    if _structured(live):
        ways.append(sql.SQL(_INSIDE).format(document=_kept(live, value)))
        if live.base != "jsonb":
            ways.append(sql.SQL("SELECT ({})::text").format(_kept(live, value)))
    elif live.base in _FIXED:
        ways.append(sql.SQL("SELECT pg_catalog.to_jsonb({}) #>> '{{}}'").format(value))  # as documents have it
        ways += _otherwise(live, value)
    return sql.SQL("SELECT {} FROM ({}) AS held (said)").format(
        _folded(sql.SQL("said")), sql.SQL(" UNION ALL ").join(ways)
    )


def _otherwise(live: Column, value: sql.Composable) -> list[sql.Composed]:
    """The value as every type of its kind would have it."""
    spelling = _ONE_SPELLING.get(live.base)
    return [] if spelling is None else [spelling.format(value=value)]


def _marked(live: Column, kept: sql.Composable) -> sql.Composed:
    """The same of a kept value as one text, with marks around each: a count of what stands there, whole or within."""
    ways: list[sql.Composable] = [sql.SQL("SELECT ({})::text").format(kept)]
    if _structured(live):
        ways.append(sql.SQL(_INSIDE).format(document=kept))
    ways += _otherwise(live, kept)
    return sql.SQL(
        "coalesce((SELECT pg_catalog.string_agg(pg_catalog.chr(1) || {} || pg_catalog.chr(1), '')"
        " FROM ({}) AS held (said)), '')"
    ).format(_folded(sql.SQL("said")), sql.SQL(" UNION ALL ").join(ways))


def _folded(value: sql.Composable) -> sql.Composed:
    return sql.SQL(_FOLDED).format(value=value)
