"""Person identities: whether one value is one row of the table in which a row is a person.

A column that is unique for each tenant alone (`PRIMARY KEY (tenant_id, id)`) names as many people as there are tenants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from expunge_config.normalisers import Normaliser
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import as_it_is, counted, spelling
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import rows_concerned, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.sql.comparison import normalised, taken_out, tells
from expunge_connectors.postgres.sql.fragments import and_, comma_list
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Tables of persons that nothing keeps from holding two of them under one value; an error where it is so."""
    unique = inspection.uniques
    for name, spec, table in inspection.live_data():
        if spec.person is not None:
            yield from _nameless(connection, inspection, name, spec, table)
        declared = inspection.data_map.identities.get(spec.person or "")
        if declared is None or declared.same_person is not None:
            continue
        columns = _columns(spec, table)
        if not columns:
            continue
        source = spec.yields[spec.person or ""]
        live = table.columns[source.column]
        # Any other spelling rule makes one key of values that a unique index takes for two.
        if as_it_is(declared.rule, live) and any(one <= columns for one in unique.get(spec.table, ())):
            continue
        place = f"{table.text}.{live.name}"
        within = "" if len(columns) == 1 else f", for each {spec.owner.column if spec.owner else ''}"
        remedy = (
            "Make it unique, in a type that has one spelling of each key (bigint, uuid) or under `exact/1`; or, where"
            " it counts for each tenant, name the tenants' column: `owner: {controller: tenant, column: tenant_id}`."
        )
        key = normalised(spelling(declared.rule, live), taken_out(source, sql.Identifier("t", live.name)))
        told = [key, *(sql.Identifier("t", one) for one in columns - {live.name})]
        if twice := _seen_twice(connection, inspection, spec, told):
            yield inspection.error_of_rows(
                "person-not-unique",
                name,
                f"A row of {table.text} is said to be one person, but two rows hold one `{spec.person}` in"
                f" {place}{within}: a request for one of them would take the other as well.",
                remedy,
                twice,
            )
        else:
            yield inspection.warning(
                "person-not-unique",
                name,
                f"A row of {table.text} is said to be one person, and nothing in the database keeps two rows from"
                f" holding one `{spec.person}` in {place}{within}. None was seen, or the table could not be read in"
                " time.",
                remedy,
            )


def _nameless(
    connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec, table: Table
) -> Iterator[Finding]:
    """Rows that are persons and have no key of one: whose they are nobody can say, and a request cannot name them."""
    source = spec.yields.get(spec.person or "")
    if source is None or source.several or source.decode or source.column not in table.columns:
        return
    rule, live = inspection.data_map.identities[spec.person or ""].rule, table.columns[source.column]
    place, value = f"{table.text}.{source.column}", sql.Identifier("t", live.name)
    if not live.not_null:
        empty = _seen(connection, inspection, spec, sql.SQL("{} IS NULL").format(value))
        remedy = (
            "Give each such row a key; or let `person` be for the rows that have one, and find the others (guests) by"
            " their addresses in a collection of their own, told apart by `where`."
        )
        if empty:
            yield inspection.error_of_rows(
                "person-without-key",
                name,
                f"A row of {table.text} is said to be one person, and there are rows without a value in {place}: they"
                " are nobody's, are not erased, and what stands under their addresses stays as well, as ambiguous.",
                remedy,
                empty,
            )
        else:
            yield inspection.warning(
                "person-without-key",
                name,
                f"A row of {table.text} is said to be one person, and {place} may be empty. No such row was seen, or"
                " the table could not be read in time.",
                remedy,
            )
    for unread in () if live.name in spec.tombstone else _unreadable(rule, live, source):
        seen = _seen(connection, inspection, spec, unread)
        remedy = (
            f"A normaliser that takes what stands there (`exact/1` takes every text) for `{spec.person}`; or let"
            " `person` be for the rows that have such a key, and find the others in a collection of their own, told"
            " apart by `where`."
        )
        if seen is None:
            yield inspection.warning(
                "person-without-key",
                name,
                f"Whether every value in {place} is one that {rule.name} can read as a `{spec.person}` is unknown: the"
                f" server would not say, or not in {table_sampling.SECONDS_A_TABLE} seconds.",
                remedy,
            )
        elif seen:
            yield inspection.error_of_rows(
                "person-without-key",
                name,
                f"A row of {table.text} is said to be one person, and in {place} stand values that {rule.name} cannot"
                f" read as a `{spec.person}`: no request can name these people, and they can never be erased.",
                remedy,
                seen,
            )


def _unreadable(rule: Normaliser, live: Column, source: Source) -> Iterator[sql.Composed]:
    """Conditions on a row `t`, one of them at most: another key stands there than can be read."""
    value = taken_out(source, sql.Identifier("t", live.name))
    if rule.form is not None and (live.base == "numeric" or not counted(live)):
        told = normalised(spelling(rule, live), value)
        yield sql.SQL("{} !~ {}").format(told, sql.Literal(f"^({rule.form})$"))
    elif live.base == "numeric":
        yield sql.SQL("{}::text ~ {}").format(value, sql.Literal("^(NaN|-?Infinity)$"))


def _seen(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, condition: sql.Composable
) -> Concerned | None:
    """Whose rows of the persons' kind meet it. None: the server would not say."""
    where = tells(spec.yields[spec.person or ""].where, "t")
    return rows_concerned.rows_of(connection, inspection, spec, and_(where, condition))


def _columns(spec: TableSpec, table: Table) -> frozenset[str]:
    """What names one person: the column of the identity, and whose the row is. Nothing where it stands in a value."""
    source = spec.yields.get(spec.person or "")
    if source is None or source.several or source.decode or source.column not in table.columns:
        return frozenset()
    owner = None if spec.owner is None else spec.owner.column
    of_kind = {kind.column for kind in source.where if len(kind.values) == 1}
    return frozenset({source.column, *of_kind, *([] if owner is None or owner not in table.columns else [owner])})


def _seen_twice(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, told: Sequence[sql.Composable]
) -> Concerned | None:
    """Whose rows `t` hold the same of all that is told as another one, and nothing of it is empty."""
    filled = and_(*(sql.SQL("{} IS NOT NULL").format(one) for one in told))
    twice = sql.SQL("({}) IN (SELECT {} FROM {} AS t WHERE {} GROUP BY {} HAVING count(*) > 1)").format(
        comma_list(*told),
        comma_list(*told),
        inspection.catalogue.tables[spec.table].identifier,
        filled,
        comma_list(*told),
    )
    return rows_concerned.rows_of(connection, inspection, spec, twice)
