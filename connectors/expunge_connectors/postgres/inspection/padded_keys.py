"""Padded keys: values of `char(n)`, alone or in an array, that name keys or objects of another store.

The server fills such a value up with blanks and compares it without them. A driver hands it out filled up, and what an
application names by it, in Redis or S3, is named so; Expunge looks for the value as it is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import member_schemas
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.sql.fragments import column

_ROWS = 1000
"""So many values of a column are looked at."""
_SHORTER = """EXISTS (
  SELECT FROM (SELECT {value} AS value FROM {table} AS t WHERE {column} IS NOT NULL LIMIT {rows}) AS s
   WHERE pg_catalog.length(s.value::text) < pg_catalog.length(pg_catalog.concat(s.value)))"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Columns with a value that is filled up, of identities by which names of another store are made."""
    naming = _naming(inspection)
    for name, spec, table in inspection.live_data():
        for identity, source in spec.yields.items():
            live = table.columns.get(source.column)
            if identity not in naming or live is None or live.base not in {"character", "character[]"}:
                continue
            value = column("t", live.name)
            shorter = sql.SQL(_SHORTER).format(
                value=sql.SQL("pg_catalog.unnest({})").format(value) if live.base.endswith("[]") else value,
                column=value,
                table=table.identifier,
                rows=sql.Literal(_ROWS),
            )
            answer = member_schemas.anywhere(connection, inspection, table, shorter)
            place = inspection.in_any_schema(table.text)
            if answer is None:
                yield inspection.warning(
                    "padded-key-unknown",
                    name,
                    f"Whether {place}.{live.name} ({live.type}) holds values that the server fills up with blanks"
                    f" could not be looked at; another store has names by `{identity}`.",
                    "Look at it by hand; or let the server answer in time.",
                )
            elif answer:
                yield inspection.error(
                    "padded-key",
                    name,
                    f"{place}.{live.name} is {live.type} and holds values that the server fills up with blanks;"
                    f" another store has names by `{identity}`. An application that reads the value names things with"
                    " the blanks; looked for is the value without them.",
                    f"ALTER TABLE {place} ALTER {live.name} TYPE text, which takes the blanks away, and names"
                    " without them; or leave out what is named so.",
                )


def _naming(inspection: InspectionContext) -> frozenset[str]:
    """Identities by which records of stores are found that compare names as they are written."""
    data_map = inspection.data_map
    found: set[str] = set()
    for store, spec in data_map.stores.items():
        if not isinstance(spec, PostgresSpec):
            for flow in (spec.key_flow(store, data_map) or {}).values():
                found |= flow.incoming
    return frozenset(found)
