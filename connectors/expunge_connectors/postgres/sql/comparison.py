"""Comparison in SQL: row identity, and columns compared with keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from expunge_connectors.postgres.catalog.column_names import textual
from expunge_connectors.postgres.catalog.key_types import TEXT, KeyType, equals, key_type, plain, same_value, spelling
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.mapping.bound_kinds import BoundKind
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.row_kinds import RowKind
from expunge_connectors.postgres.row_kinds import compared as restricting
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, comma_list, raw
from expunge_connectors.postgres.sql.tombstones import standing_at
from expunge_connectors.postgres.table_links import Source

_STANDS = {"tableoid": "oid", "ctid": "tid"}
"""Where a row stands, with the types: it is there as long as nobody changes the row."""


def place_names(mapped: BoundTable) -> list[str]:
    """p0, p1, …: which row it is: its key, or where it stands (ADR 24)."""
    return [f"p{place}" for place in range(len(mapped.table.row_key or _STANDS))]


def row_id(mapped: BoundTable, alias: str) -> list[sql.Composable]:
    """The values of `place_names` in a row of the table."""
    return [column(alias, name) for name in mapped.table.row_key or _STANDS]


def place_types(mapped: BoundTable) -> list[sql.Composable]:
    """p0, p1, … with their types, for DDL."""
    types = [mapped.table.columns[name].type for name in mapped.table.row_key] or _STANDS.values()
    return [raw(f"{name} {kind}") for name, kind in zip(place_names(mapped), types, strict=True)]


def same_row(mapped: BoundTable, alias: str, found: str) -> sql.Composed:
    """The row `alias` of the table is the one that `found` stands for."""
    return _same(mapped, alias, [column(found, name) for name in place_names(mapped)])


def itself(mapped: BoundTable, alias: str, other: str) -> sql.Composed:
    """The rows `alias` and `other` of the table are one."""
    return _same(mapped, alias, row_id(mapped, other))


def _same(mapped: BoundTable, alias: str, theirs: Sequence[sql.Composable]) -> sql.Composed:
    pairs = zip(row_id(mapped, alias), theirs, strict=True)
    if not mapped.table.row_key:
        return and_(*(equals(ours, other, None) for ours, other in pairs))
    keys = [mapped.table.columns[name] for name in mapped.table.row_key]
    return and_(*(same_value(live, ours, other) for live, (ours, other) in zip(keys, pairs, strict=True)))


def refers(
    mapped: BoundTable, columns: Sequence[str], parent_columns: Sequence[str], child: str, parent: str
) -> sql.Composed:
    """The row `child` of the table refers by these columns to the row `parent` of any."""
    return and_(
        *(
            same_value(mapped.table.columns[ours], column(child, ours), column(parent, theirs))
            for ours, theirs in zip(columns, parent_columns, strict=True)
        )
    )


def compared(live: Column, kind: KeyType, alias: str) -> sql.Composable:
    """A column as it is compared."""
    there = column(alias, live.name)
    return sql.SQL("{}::text").format(there) if kind.cast else plain(live, there)


def normalised(rule: str, value: sql.Composable) -> sql.Composed:
    """A value under a normaliser's SQL. Composed by hand: a normaliser's own braces are no placeholders of ours."""
    before, _, after = rule.partition("{column}")
    return sql.Composed([raw(before), value, raw(after)])


def named_there(mapped: BoundTable, identity: str, alias: str) -> sql.Composed:
    """What stands in the row `alias`, or in a `value` inside it, under the identity's normaliser."""
    source, rule = mapped.yields[identity]
    there = column(alias, "value" if source.several else source.column)
    if source.decode:
        value = sql.SQL("{}::text").format(there)
    else:
        live = mapped.table.columns[source.column]
        held = there if source.several else taken_out(source, there)
        value = normalised(spelling(rule, live, inside=source.several), held)
    if source.several or not restricting(source.where):
        return value  # `values` has none of other rows
    return sql.SQL("CASE WHEN {} THEN {} END").format(tells(source.where, alias), value)


def filled(ends: tuple[str, str] | None, value: sql.Composable) -> sql.Composable:
    """The text in which the value of a key stands."""
    if ends is None:
        return value
    parts = [sql.Literal(ends[0])] * bool(ends[0]) + [value] + [sql.Literal(ends[1])] * bool(ends[1])
    return sql.SQL("({})").format(sql.SQL(" || ").join(parts))


def taken_out(source: Source, text: sql.Composable) -> sql.Composable:
    """The value in a text; NULL where another text stands."""
    if source.ends is None:
        return text
    return sql.SQL("pg_catalog.substring({}::text, {})").format(text, _pattern(source.ends))


def _pattern(ends: tuple[str, str]) -> sql.Literal:
    head, tail = (re.sub(r"(\W)", r"\\\1", one) for one in ends)
    return sql.Literal(f"^{head}(.+){tail}$")


def may_lead(link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """What must be true of the row `alias` for its columns to name what the link compares them with."""
    if link.where:
        yield of_kind(link.where, alias)
    yield from _no_empty_text(link, alias)
    if link.ends is not None:
        yield sql.SQL("{}::text ~ {}").format(column(alias, link.columns[0].name), _pattern(link.ends))


def of_its_kind(link: BoundLink, alias: str) -> sql.Composable:
    """The row `alias` is of the link's kind, and its columns name something else."""
    return and_(of_kind(link.where, alias), *_no_empty_text(link, alias), *_not_itself(link, alias))


def _not_itself(link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """No row is below itself: the first comment of a thread may name itself as the one above it."""
    if link.below and link.of is not None:
        same = (
            sql.SQL("{}::text = {}::text").format(column(alias, live.name), column(alias, name))
            if kind.cast
            else same_value(live, column(alias, live.name), column(alias, name))
            for live, kind, name in zip(link.columns, link.types, link.of[1], strict=True)
        )
        yield sql.SQL("({}) IS NOT TRUE").format(and_(*same))


def _no_empty_text(link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """Where nothing was filled in there is no reference, be it written as NULL or as an empty text."""
    if link.of is not None and len(link.columns) == 1 and textual(link.columns[0].base):
        yield sql.SQL("{}::text <> ''").format(column(alias, link.columns[0].name))


def of_kind(where: Sequence[BoundKind], alias: str) -> sql.Composable:
    """The row `alias` is of the kind, compared so that an index over kind and key serves."""
    return TRUE if not where else and_(*(_any_of(kind, alias) for kind in where))


def _any_of(kind: BoundKind, alias: str) -> sql.Composed:
    compared_as = key_type(kind.column)
    native = not compared_as.cast and compared_as.equality is None and kind.column.base != "numeric"
    read = compared_as.read()
    values_ = [sql.Literal(read(value) if native else value) for value in kind.values]
    there = column(alias, kind.column.name)
    return sql.SQL("{} IN ({})").format(
        plain(kind.column, there) if native else sql.SQL("{}::text").format(there), comma_list(*values_)
    )


def tells(where: tuple[RowKind, ...], alias: str) -> sql.Composable:
    """The row `alias` is of the kind of which a source tells: by the texts that stand there."""
    kinds = restricting(where)
    return (
        TRUE
        if not kinds
        else and_(
            *(
                sql.SQL('{}::text COLLATE "C" IN ({})').format(
                    column(alias, kind.column), comma_list(*map(sql.Literal, kind.values))
                )
                for kind in kinds
            )
        )
    )


def values(source: Source, alias: str) -> sql.Composed:
    """The texts that stand inside a document or an array; those of a template without what is around them."""
    if source.ends is None:
        return _texts(source, alias)
    return sql.SQL("(SELECT {} FROM {} AS held (value))").format(
        taken_out(source, column("held", "value")), _texts(source, alias)
    )


def nothing_inside(source: Source, alias: str) -> sql.Composed:
    """No value stands inside the document or array."""
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS v (value) WHERE v.value IS NOT NULL)").format(values(source, alias))


def _texts(source: Source, alias: str) -> sql.Composed:
    if source.path is not None:
        return sql.SQL(
            # A number has no zeros at the end of its fraction: 1.0 is 1, as the server has it.
            "(SELECT CASE pg_catalog.jsonb_typeof(item) WHEN 'number' THEN pg_catalog.trim_scale(item::numeric)::text"
            " ELSE item #>> '{{}}' END FROM pg_catalog.unnest({}) AS item WHERE {})"
        ).format(
            standing_at(source.path, column(alias, source.column)),
            and_(sql.SQL("pg_catalog.jsonb_typeof(item) IN ('string', 'number')"), tells(source.where, alias)),
        )
    return sql.SQL("(SELECT item::text FROM pg_catalog.unnest({}) AS item WHERE {})").format(
        column(alias, source.column), and_(sql.SQL("item IS NOT NULL"), tells(source.where, alias))
    )


def matches(link: BoundLink, alias: str, theirs: Sequence[sql.Composable]) -> sql.Composed:
    """The row `alias`, or any value inside it, holds these values of a key."""
    if link.source is None or not link.source.several:
        return equal(link, alias, theirs)
    return sql.SQL("EXISTS (SELECT FROM {} AS v (value) WHERE {})").format(
        values(link.source, alias), equal(link, alias, theirs, column("v", "value"))
    )


def equal(
    link: BoundLink, alias: str, theirs: Sequence[sql.Composable], value: sql.Composable | None = None
) -> sql.Composed:
    """The link's columns of the row `alias` (or a `value` inside it) equal these, and the row is of the link's kind."""
    of_this_kind = of_its_kind(link, alias)
    if link.source is None:
        return and_(
            of_this_kind,
            *(
                equals(compared(live, kind, alias), other, kind.equality)
                for live, kind, other in zip(link.columns, link.types, theirs, strict=True)
            ),
        )
    live, kind = link.columns[0], link.types[0]
    if value is None and link.ends is not None and link.normaliser is None:
        return and_(of_this_kind, sql.SQL("{} = {}").format(as_text(live, alias), filled(link.ends, theirs[0])))
    if value is None and link.normaliser is None:
        same = equals(compared(live, kind, alias), theirs[0], kind.equality)
        if kind.equality is None:
            return and_(of_this_kind, same)
        # An identity is exact, also where the column's own equality is not; that one is for the index.
        return and_(of_this_kind, same, sql.SQL("{}::text = {}::text").format(column(alias, live.name), theirs[0]))
    stored = taken_out(link.source, column(alias, live.name)) if value is None else value
    return and_(
        of_this_kind, sql.SQL("{} = {}").format(normalised(link.normaliser or "{column}::text", stored), theirs[0])
    )


def column_text(source: Source, live: Column, alias: str) -> sql.Composed:
    """The text that a column of the row `alias` says; of numbers as they are compared, so that 7.00 is 7 (ADR 16)."""
    there = taken_out(source, column(alias, live.name))
    return sql.SQL("pg_catalog.trim_scale({})::text" if live.base == "numeric" else "{}::text").format(there)


def link_text(link: BoundLink, alias: str, value: sql.Composable | None = None) -> sql.Composed:
    """The key that stands in the row `alias` by a link of one identity (or as a `value` inside it), as a text."""
    assert link.source is not None
    if value is not None:
        return normalised(link.normaliser or "{column}::text", value)
    live = link.columns[0]
    if link.normaliser is None:
        return column_text(link.source, live, alias)
    return normalised(link.normaliser, taken_out(link.source, column(alias, live.name)))


def as_text(live: Column, alias: str) -> sql.Composable:
    """The column's text: of a column of texts itself, so that its index serves."""
    there = column(alias, live.name)
    return there if key_type(live) == TEXT else sql.SQL("{}::text").format(there)


def leading(mapped: BoundTable) -> Iterator[sql.Composable]:
    """The values of l0, l1, … in a row `t`, typed as keys are; texts in the collation in which keys are staged.

    A recursive query takes one collation alone, and beside a column that has another one the database's gives way.
    """
    return (
        sql.SQL("{}::{}{}").format(
            compared(mapped.table.columns[name], kind, "t"),
            raw(kind.ddl),
            raw(' COLLATE pg_catalog."default"' if kind.ddl == "text" else ""),
        )
        for name, kind in mapped.leads.items()
    )


def named(names: Sequence[str], values_: Iterable[sql.Composable]) -> Iterator[sql.Composed]:
    """`value AS name`, for each."""
    return (sql.SQL("{} AS {}").format(value, raw(name)) for name, value in zip(names, values_, strict=True))
