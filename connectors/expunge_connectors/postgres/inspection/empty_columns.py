"""Empty columns: rows that no request reaches because what says whose they are is NULL.

NULL equals nothing. A row without an owner is no member's; a row that holds a part of a key is linked to none, though a
unique index that takes NULL for a value (`NULLS NOT DISTINCT`) has one row of that key. Such rows stay, and no receipt
speaks of them. Whether they are somebody's the server cannot say (rows of the company's own have no owner either).
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import same_value
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import tells
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list, or_
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec

# indnullsnotdistinct came with 15.
_NULL_IS_A_VALUE = """
SELECT x.indrelid::bigint,
       ARRAY(SELECT a.attname::text
               FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
              WHERE k.position <= x.indnkeyatts)
  FROM pg_catalog.pg_index x
 WHERE x.indrelid = ANY (%s) AND x.indisunique AND x.indisvalid
   AND coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false)
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows without an owner, and rows that hold a part of a key; with their number."""
    by_oid = {table.oid: text for text, table in inspection.catalogue.tables.items()}
    indexes = connection.execute(_NULL_IS_A_VALUE, (list(by_oid),)).fetchall()
    taken = [(by_oid[oid], frozenset(names)) for oid, names in indexes]
    for name, spec, table in inspection.live_data():
        yield from _ownerless(connection, inspection, name, spec, table)
        for link in spec.found_by:
            lead, theirs = link.lead or ("", ())
            above = inspection.spec.collections[lead].table if len(theirs) > 1 else ""
            if any(text == above and names <= set(theirs) for text, names in taken):
                yield from _unlinked(connection, inspection, name, link)


def _ownerless(
    connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec, table: Table
) -> Iterator[Finding]:
    live = table.columns.get("" if spec.owner is None else spec.owner.column or "")
    if live is None or live.not_null:
        return
    statement = sql.SQL("SELECT count(*) FROM {} AS t WHERE {} IS NULL").format(
        table.identifier, column("t", live.name)
    )
    rows, place = _number(connection, statement), f"{table.text}.{live.name}"
    if rows != 0:
        yield inspection.warning(
            "owner-empty",
            name,
            f"Rows of {table.text} belong to whom {place} names, and {_told(rows)} empty there: no request of any"
            " member reaches them, and no receipt speaks of them.",
            "Give each its owner, and let the column be NOT NULL; or see to it that such rows are about nobody.",
        )


def _unlinked(connection: Connection, inspection: InspectionContext, name: str, link: Link) -> Iterator[Finding]:
    lead, theirs = link.lead or ("", ())
    spec, parent = inspection.spec.collections[name], inspection.spec.collections[lead]
    ours, above = inspection.catalogue.tables[spec.table], inspection.catalogue.tables[parent.table]
    if set(link.names) - ours.columns.keys() or set(theirs) - above.columns.keys():
        return  # told already
    pairs = list(zip(link.names, theirs, strict=True))
    held = [column("t", one) for one in link.names]
    alike = (
        sql.SQL("({} OR {} IS NULL AND {} IS NULL)").format(
            same_value(ours.columns[one], column("t", one), column("p", other))
            if ours.columns[one].base == above.columns[other].base
            else sql.SQL("{}::text = {}::text").format(column("t", one), column("p", other)),
            column("t", one),
            column("p", other),
        )
        for one, other in pairs
    )
    statement = sql.SQL(
        "SELECT count(*) FROM {} AS t WHERE pg_catalog.num_nonnulls({}) > 0 AND {}"
        " AND EXISTS (SELECT FROM {} AS p WHERE {})"
    ).format(
        ours.identifier,
        comma_list(*held),
        and_(tells(link.where, "t"), or_(*(sql.SQL("{} IS NULL").format(one) for one in held))),
        above.identifier,
        and_(*alike),
    )
    rows = _number(connection, statement)
    if rows != 0:
        yield inspection.warning(
            "tie-empty",
            name,
            f"Rows of {spec.table} are linked by {', '.join(link.names)} to {lead}, where a unique index takes NULL for"
            f" a value, and {_told(rows)} empty in one of them as a row of {parent.table} is: no link compares NULL, so"
            " they are not found.",
            "Put a value there that means nothing, in both tables, and let the columns be NOT NULL; or link by another"
            " key.",
        )


def _number(connection: Connection, statement: sql.Composed) -> int | None:
    """How many; None: the server would not say, or not in time."""
    answer = table_sampling.asked(connection, statement)
    return None if answer is None else int(answer[0][0])


def _told(rows: int | None) -> str:
    return "it is unknown whether any are" if rows is None else f"{rows} of them {'is' if rows == 1 else 'are'}"
