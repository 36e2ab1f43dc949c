"""Pointed people: rows that name their own person, and point to a shared row that is another person's record.

An order names the salesperson who has an account, and a partner, who may have none: found by the account alone, a
customer's orders go with whoever sold to them. A shared row with an e-mail address of its own, to which rows of persons
point, is somebody's record; an address of a household has none. So the data is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.column_names import Kind, named
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import row_persons, rows_concerned, several_people
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_spec import TableSpec

_OTHERS = sql.SQL("{} IS NOT NULL AND {} AND NOT EXISTS (SELECT FROM {} AS p{} WHERE {})")


@dataclass(frozen=True, slots=True)
class _Record:
    """Whose record a shared row is: rows of persons point to it by this foreign key."""

    persons: TableSpec
    key: ForeignKey


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows that would go whole with the person whom they name, and are the record's, whose is another."""
    records = list(_records(inspection))
    for name, spec, _ in inspection.live_data():
        if inspection.action(spec) is Action.TOMBSTONE or spec.goes_with_any is not None or spec.person is not None:
            continue
        for key in inspection.catalogue.foreign_keys:
            about = [one for one in records if key.child == spec.table and _same_parent(one.key, key)]
            others = _others(connection, inspection, spec, key, about) if about else frozenset()
            if others is None:
                what = f"Whether rows of {spec.table} point by {', '.join(key.columns)} to the record of another person"
                yield several_people.unknown(inspection, name, what)
            elif others:
                yield inspection.error_of_rows(
                    "several-people",
                    name,
                    f"Rows of {spec.table} go whole with the person whom they name, and point by"
                    f" {', '.join(key.columns)} to {key.parent}, whose rows are records of people (they hold e-mail"
                    " addresses, and persons point to them): some of them to another person's.",
                    f"If each row of {key.parent} is a person, say so: `person` for its collection, and let this one"
                    " find the person whose record it is. Or say `goes_with_any: {reason: ..., approved_by: ...}`.",
                    others,
                )


def _records(inspection: InspectionContext) -> Iterator[_Record]:
    live = list(inspection.live_data())
    shared = {
        spec.table
        for _, spec, table in live
        if spec.sharing is not None and any(named(one.name, one.base) is Kind.EMAIL for one in table.columns.values())
    }
    for key in inspection.catalogue.foreign_keys:
        persons = (spec for _, spec, _ in live if spec.table == key.child and spec.person is not None)
        yield from (_Record(spec, key) for spec in persons if key.parent in shared)


def _same_parent(one: ForeignKey, other: ForeignKey) -> bool:
    return (one.parent, one.parent_columns) == (other.parent, other.parent_columns)


def _others(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, key: ForeignKey, about: list[_Record]
) -> Concerned | None:
    """Whose rows name a person whose record is not the one to which they point. None: the server would not say."""
    answers: list[Concerned | None] = []
    for mine in row_persons.own(inspection, spec, "t").values():
        for record in about:
            for theirs in row_persons.own(inspection, record.persons, "p").values():
                if mine.identity != theirs.identity:
                    continue
                pairs = zip(key.columns, record.key.columns, strict=True)
                same = [sql.SQL("{} = {}").format(column("p", own), column("t", ours)) for ours, own in pairs]
                persons = inspection.catalogue.tables[record.persons.table].identifier
                others = _OTHERS.format(
                    mine.value,
                    and_(*(sql.SQL("{} IS NOT NULL").format(column("t", ours)) for ours in key.columns)),
                    persons,
                    sql.Composed(theirs.joins),
                    and_(*same, sql.SQL("{} = {}").format(theirs.value, mine.value)),
                )
                answers.append(rows_concerned.rows_of(connection, inspection, spec, others, mine.joins))
    return rows_concerned.together(answers, rows_concerned.everybody(inspection, spec))
