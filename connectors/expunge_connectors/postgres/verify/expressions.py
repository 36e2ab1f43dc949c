"""SQL expressions of the verifying side: column values compared with keys (see `key_comparison`).

In the statements `a` is a key that was asked for, `p` a row that leads on, `r` a row of the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from psycopg import sql

from expunge_config.normalisers import Normaliser
from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.row_kinds import RowKind
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import Elements, Removal, TableSpec

# Text form of a type -> how to read a key as that type. A key that is none becomes NULL and equals nothing.
_READ = {
    "bigint": "CASE WHEN (KEY) ~ '^(0|-?[1-9][0-9]{0,18})$' THEN"
    " CASE WHEN (KEY)::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (KEY)::bigint END END",
    "uuid": "CASE WHEN (KEY) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (KEY)::uuid END",
    "numeric": "CASE WHEN (KEY) ~ '^-?(0|[1-9][0-9]{0,130})([.][0-9]{1,130})?$' THEN (KEY)::numeric END",
}
_READ_AS = {"smallint": "bigint", "integer": "bigint", "bigint": "bigint", "uuid": "uuid", "numeric": "numeric"}
_TEXTUAL = frozenset({"text", "character varying"})
_NO_EQUALITY = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})
# Between two keys of a path there may be arrays, and arrays in arrays, so deep; a key, or a filter, walks through one
# more.
_THROUGH_ARRAYS = "[*]" * 3


def readable(column: Column, rule: Normaliser) -> bool:
    """A key under this rule can be compared with what stands in the column: its type has one spelling, or it is exact.

    Otherwise the column is put into the rule's spelling.
    """
    if rule.sql == "{column}::text" or column.base == "uuid":
        return True
    return rule.counts and _READ_AS.get(column.base) in {"bigint", "numeric"}


def in_row(column: Column, rule: Normaliser, row: str = "r") -> sql.Composable:
    """The column of the row; where numbers are wanted, without zeros at the end of a fraction."""
    there = sql.Identifier(row, column.name)
    return sql.SQL("trim_scale({})").format(there) if rule.counts and column.base == "numeric" else there


def as_stored(column: Column, key: str) -> sql.Composed:
    """The column equals the key's text, read as the column's type so that its index serves."""
    ours: sql.Composable = sql.Identifier("r", column.name)
    theirs = verbatim(key)
    if column.base in _READ_AS:
        theirs = verbatim(_READ[_READ_AS[column.base]].replace("KEY", key))
    elif column.labels is not None:
        labels = sql.SQL("{}::text[]").format(sql.Literal(list(column.labels)))
        theirs = sql.SQL("CASE WHEN ({0}) = ANY ({1}) THEN ({0})::{2} END").format(  # type: ignore[assignment]
            theirs, labels, verbatim(column.base)
        )
    elif column.equality is not None:
        theirs = verbatim(f"({key})::{column.base}")
    elif column.base not in _TEXTUAL:
        ours = sql.SQL("{}::text").format(ours)
    return equal(column, ours, theirs)


def equal(column: Column, ours: sql.Composable, theirs: sql.Composable) -> sql.Composed:
    """`ours = theirs`, by the equality of the column's type."""
    if column.labels is not None:  # operators of enums take no domain over one
        return sql.SQL("{0}::{2} = {1}::{2}").format(ours, theirs, verbatim(column.base))
    if column.equality is None:
        return sql.SQL("{} = {}").format(ours, theirs)
    return sql.SQL("{} OPERATOR({}.=) {}").format(ours, sql.Identifier(column.equality), theirs)


def text_of(link: Link, column: Column) -> sql.Composable:
    """The text in which a key stands: the column's, or one inside."""
    if link.several:
        return sql.Identifier("inside", "value")
    ours = sql.Identifier("r", column.name)
    return ours if column.base in _TEXTUAL else sql.SQL("{}::text").format(ours)


def with_key(template: str, key: str) -> sql.Composed:
    """The text that a template makes of a key."""
    head, tail = _around(template)
    return sql.SQL("concat({}::text, {}, {}::text)").format(head, verbatim(key), tail)


def without_template(template: str, text: sql.Composable) -> sql.Composed:
    """The value that stands in a text of a template; NULL in another text."""
    head, tail = _around(template)
    return sql.SQL(
        "CASE WHEN starts_with({0}, {1}) AND right({0}, length({2})) = {2} AND length({0}) > length({1} || {2})"
        " THEN substr({0}, length({1}) + 1, length({0}) - length({1} || {2})) END"
    ).format(sql.SQL("({})::text").format(text), head, tail)


def like_template(template: str | None, column: str, row: str = "r") -> Iterator[sql.Composed]:
    """The column of the row holds a text of this template, if there is one."""
    if template is not None:
        head, tail = _around(template)
        yield sql.SQL(
            "starts_with({0}::text, {1}) AND right({0}::text, length({2})) = {2}"
            " AND length({0}::text) > length({1} || {2})"
        ).format(sql.Identifier(row, column), head, tail)


def _around(template: str) -> tuple[sql.Literal, sql.Literal]:
    head, _, rest = template.partition("{")
    return sql.Literal(head), sql.Literal(rest.partition("}")[2])


def of_kind(where: Sequence[RowKind], table: Table, row: str = "r") -> Iterator[sql.Composed]:
    """What restricts the row to the kind: in each column stands one of these texts."""
    for kind in where:
        if kind.any_value is not None:
            continue
        live = table.columns[kind.column]
        ours: sql.Composable = sql.Identifier(row, kind.column)
        type_ = "bigint" if _READ_AS.get(live.base) == "bigint" else "uuid" if live.base == "uuid" else "text"
        if type_ == "text" and live.base not in _TEXTUAL:
            ours = sql.SQL("{}::text").format(ours)
        yield sql.SQL("{} = ANY ({}::{}[])").format(ours, sql.Literal(list(kind.values)), verbatim(type_))


def no_empty_text(link: Link, table: Table, row: str = "r") -> Iterator[sql.Composed]:
    """What a link `of` compares is filled in: an empty text names nothing, as NULL does not."""
    if link.lead is not None and len(link.names) == 1 and textual(table.columns[link.names[0]].base):
        yield sql.SQL("{}::text <> ''").format(sql.Identifier(row, link.names[0]))


def put(spec: TableSpec, table: Table) -> sql.Composed:
    """What stands in the row is what the map puts there for its key."""
    keys = sql.SQL(", ").join(sql.Identifier("r", column) for column in table.key)
    tests: list[sql.Composable] = []
    for column, expression in spec.tombstone.items():
        live = table.columns[column]
        if isinstance(expression, Elements):
            tests.append(sql.SQL("false"))  # a row that is found by an element still has it
            continue
        if isinstance(expression, Removal):
            tests += [_absent(column, path) for path in expression.remove]
            continue
        # Operators of enums take no domain over one.
        as_text = verbatim("::text" if live.base in _NO_EQUALITY or live.equality or live.labels is not None else "")
        tests.append(
            sql.SQL("(SELECT ({})::{}{} FROM (SELECT {}) AS own_key) IS NOT DISTINCT FROM {}{}").format(
                verbatim(expression), verbatim(live.uncut), as_text, keys, sql.Identifier("r", column), as_text
            )
        )
    return sql.SQL("({})").format(sql.SQL(" AND ").join(tests))


def _absent(column: str, path: Sequence[str]) -> sql.Composed:
    """Nothing stands at this path of a document any more."""
    steps = _THROUGH_ARRAYS.join(f".{json.dumps(key)}" for key in path)
    return sql.SQL("jsonb_path_exists({}::jsonb, {}) IS NOT TRUE").format(
        sql.Identifier("r", column), sql.Literal(f"lax ${_THROUGH_ARRAYS}{steps}")
    )


def verbatim(text: str) -> sql.SQL:
    """SQL as the data map, or this module, writes it."""
    return sql.SQL(text)  # pyright: ignore[reportArgumentType] - the operator's own words


def nothing_inside(link: Link, table: Table, row: str = "r") -> sql.Composed:
    """No value stands inside the document or array."""
    value: sql.Composable = sql.Identifier("inside", "value")
    if link.template is not None:
        value = without_template(link.template, value)
    needed = [sql.SQL("{} IS NOT NULL").format(value), *of_kind(link.where, table, row)]
    return sql.SQL("NOT EXISTS (SELECT FROM {} WHERE {})").format(inside(link, row), sql.SQL(" AND ").join(needed))


def inside(link: Link, row: str = "r") -> sql.Composed:
    """The texts and numbers inside a document, or the elements of an array."""
    column = sql.Identifier(row, link.names[0])
    if link.path is None:
        return sql.SQL("unnest({}::text[]) AS inside (value)").format(column)
    steps = _THROUGH_ARRAYS.join(f".{json.dumps(key)}" for key in link.path)
    kinds = '? (@.type() == "string" || @.type() == "number")'
    path = f"lax ${_THROUGH_ARRAYS}{steps}{_THROUGH_ARRAYS} {kinds}"
    # jsonb has 1 = 1.0: so has this.
    return sql.SQL(
        "(SELECT CASE WHEN jsonb_typeof(one) = 'number' THEN trim_scale((one #>> '{{}}')::numeric)::text"
        " ELSE one #>> '{{}}' END FROM unnest(CASE WHEN pg_typeof({0}) = 'jsonb'::regtype"
        " THEN ARRAY(SELECT jsonb_path_query({0}::jsonb, {1})) ELSE {2} END) AS one) AS inside (value)"
    ).format(column, sql.Literal(path), _every_entry(link.path, column))


def _every_entry(path: Sequence[str], document: sql.Composable) -> sql.Composed:
    """As jsonb a document of the type json has the last of several entries of one name: here each of them counts."""
    text = sql.SQL("{}::text[]").format(sql.Literal(list(path)))
    return sql.SQL(
        "ARRAY(WITH RECURSIVE below (part, at) AS (SELECT to_json({document}), 0 UNION ALL SELECT next.* FROM below,"
        " LATERAL (SELECT value, at + 1 FROM json_each(CASE json_typeof(part) WHEN 'object' THEN part END)"
        " WHERE key = ({path})[at + 1]"
        " UNION ALL SELECT value, at"
        " FROM json_array_elements(CASE json_typeof(part) WHEN 'array' THEN part END)) AS next)"
        " SELECT part::jsonb FROM below WHERE at = {length} AND json_typeof(part) IN ('string', 'number'))"
    ).format(document=document, path=text, length=sql.Literal(len(path)))
