"""Rows concerned: whose rows meet a condition, so that an error of rows stops requests about these alone.

A row is its controller's; where the controller has members, that of the member in its owner column, in whose schema it
stands, or of the rows that lead to it. Where that cannot be told, or not in time, it is everybody's of the controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from expunge_connectors.contract import Scope
from expunge_connectors.postgres.catalog.key_types import same_value
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import member_schemas, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import tells
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec

Concerned = frozenset[Scope]
"""Whose rows these are; empty: there are none."""

_MANY = 100
"""Members whose rows are objected to: with more of them it is everybody's matter."""
_LEVELS = 4
"""Rows above a row of which the member is asked."""


def rows_of(
    connection: Connection,
    inspection: InspectionContext,
    spec: TableSpec,
    condition: sql.Composable,
    joins: Sequence[sql.Composable] = (),
) -> Concerned | None:
    """Whose the rows `t` of a collection are that meet a condition. None: the server would not say whether any do.

    Args:
        connection: Of the store.
        inspection: Where the collection is.
        spec: Of the collection.
        condition: On the row `t`, and on what is joined.
        joins: To the row `t`.
    """
    there = sql.SQL("FROM {} AS t{} WHERE {}").format(
        inspection.catalogue.tables[spec.table].identifier, sql.Composed(joins), condition
    )
    if inspection.in_schemas(inspection.catalogue.tables[spec.table]):
        return _in_schemas(connection, inspection, spec, sql.SQL("EXISTS (SELECT {})").format(there))
    answer = table_sampling.asked(connection, sql.SQL("SELECT EXISTS (SELECT {})").format(there))
    if answer is None:
        return None
    if answer != [(True,)]:
        return frozenset()
    every = everybody(inspection, spec)
    members = _members(inspection, spec, "t")
    if members is None:
        return every
    table = inspection.catalogue.tables[spec.table].identifier
    statement = sql.SQL(
        "SELECT DISTINCT whose.member FROM {} AS t{} LEFT JOIN LATERAL ({}) AS whose (member) ON true WHERE {} LIMIT {}"
    ).format(table, sql.Composed(joins), members, condition, sql.Literal(_MANY + 1))
    told = table_sampling.asked(connection, statement)
    if not told or len(told) > _MANY or (None,) in told:
        return every
    return frozenset(Scope(one.controller, member) for one in every for (member,) in told)


def _in_schemas(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, condition: sql.Composable
) -> Concerned | None:
    """The members in whose schemas it is so. None: it is known of none, and the server would not say of all."""
    answers = member_schemas.asked(connection, inspection, condition)
    found = [schema for schema, answer in answers.items() if answer]
    known = None not in answers.values()
    every, tenants = everybody(inspection, spec), inspection.tenants
    if not found:
        return frozenset() if known else None
    if not known or len(found) > _MANY or spec.owner is None or tenants is None:
        return every
    return frozenset(Scope(spec.owner.controller, tenants.member(schema)) for schema in found)


def together(answers: Iterable[Concerned | None], everybodys: Concerned) -> Concerned | None:
    """Whose the rows of any of these answers are; None: no rows are known, and of some nobody knows.

    Args:
        answers: Of questions about the rows of one collection.
        everybodys: Whose they are if there are such rows, and there may be others.
    """
    known = list(answers)
    found: Concerned = frozenset().union(*(one for one in known if one is not None))
    if None in known:
        return everybodys if found else None
    return found


def everybody(inspection: InspectionContext, spec: TableSpec) -> Concerned:
    """The controller whose rows a collection has, all its members; every one where the map does not say whose."""
    if spec.owner is not None:
        return frozenset({Scope(spec.owner.controller)})
    return frozenset(map(Scope, inspection.data_map.controllers))


def of_one_member(
    inspection: InspectionContext, spec: TableSpec, alias: str, other: TableSpec, others: str
) -> sql.Composable:
    """The row `others` of another collection is of a member whose the row `alias` is; true where that is not known.

    What one member's records say is no claim on another's.
    """
    apart = other.owner is None or spec.owner is None or other.owner.controller != spec.owner.controller
    members = None if apart else _members(inspection, spec, alias)
    theirs = None if members is None else _members(inspection, other, others)
    if members is None or theirs is None:
        return TRUE
    if spec.owner is not None and spec.owner.column and other.owner is not None and other.owner.column:
        pair = column(alias, spec.owner.column), column(others, other.owner.column)
        return sql.SQL("{}::text = {}::text").format(*pair)
    return sql.SQL("EXISTS (({}) INTERSECT ({}))").format(theirs, members)


def _members(inspection: InspectionContext, spec: TableSpec, alias: str, levels: int = _LEVELS) -> sql.Composed | None:
    """A query for the members whose the row `alias` is. None: by which columns is not known."""
    live, owner = inspection.catalogue.tables[spec.table], spec.owner
    if owner is None or not inspection.data_map.controllers[owner.controller].many or not levels:
        return None
    if inspection.member_of(live) is not None or (owner.column is not None and owner.column not in live.columns):
        return None
    if owner.column is not None:
        return sql.SQL("SELECT {}::text").format(column(alias, owner.column))
    ways = [
        _members_above(inspection, spec, link, (alias, f"{alias}_above{place}"), levels)
        for place, link in enumerate(spec.found_by)
    ]
    known = [one for one in ways if one is not None]
    return sql.SQL(" UNION ").join(known) if len(known) == len(ways) else None


def _members_above(
    inspection: InspectionContext, spec: TableSpec, link: Link, aliases: tuple[str, str], levels: int
) -> sql.Composed | None:
    """A query for the members whose the rows are that lead to a row by a link; `aliases` are of the row, and of these.

    None: other rows lead to it as well, or whose these are is not known.
    """
    if link.lead is None:
        return None
    parent, ours = inspection.spec.collections[link.lead[0]], inspection.catalogue.tables[spec.table]
    theirs = inspection.catalogue.tables.get(parent.table)
    there = theirs is not None and not set(link.lead[1]) - theirs.columns.keys()
    if theirs is None or not there or set(link.names) - ours.columns.keys():
        return None
    if parent.owner is None or spec.owner is None or parent.owner.controller != spec.owner.controller:
        return None
    alias, above = aliases
    members = _members(inspection, parent, above, levels - 1)
    if members is None:
        return None
    return sql.SQL("SELECT whose.member FROM {} AS {} CROSS JOIN LATERAL ({}) AS whose (member) WHERE {}").format(
        theirs.identifier, sql.Identifier(above), members, leads_to(link, theirs, above, ours, alias)
    )


def leads_to(link: Link, theirs: Table, above: str, ours: Table, alias: str) -> sql.Composed:
    """The row `above` leads to the row `alias` by a link `of`; the columns of both are there."""
    _, names = link.lead or ("", ())
    pairs = [(ours.columns[one], theirs.columns[other]) for one, other in zip(link.names, names, strict=True)]
    same = (
        same_value(one, column(alias, one.name), column(above, other.name))
        if one.base == other.base
        else sql.SQL("{}::text = {}::text").format(column(alias, one.name), column(above, other.name))
        for one, other in pairs
    )
    return and_(tells(link.where, alias), *same)
