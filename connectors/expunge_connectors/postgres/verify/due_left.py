"""Due left: rows whose period is over and that are there, by statements of their own (law 1)."""

from __future__ import annotations

from datetime import date

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import DueLeft
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.verify.erased_rows import ErasedRows
from expunge_connectors.postgres.verify.expressions import of_kind

_BLOCKS = 5_000
"""Of one statement: it ends long before any statement timeout."""

_PARTS = """
WITH RECURSIVE tree (oid) AS (
  SELECT %s::oid
  UNION
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON tree.oid = i.inhparent
)
SELECT n.nspname, c.relname, c.relkind = 'f',
       pg_catalog.pg_relation_size(tree.oid) / pg_catalog.current_setting('block_size')::bigint
  FROM tree JOIN pg_catalog.pg_class AS c USING (oid) JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'f')
"""
# What is no day of the calendar is due on none.
_LEFT = sql.SQL(
    "SELECT count(*), min(d.began) FROM (SELECT CASE WHEN r.{start} BETWEEN '0001-01-01' AND '9999-12-31'"
    " THEN r.{start}::date END AS began FROM {rows} AS r WHERE {ours}) AS d"
    " WHERE d.began + interval {period} < {tomorrow}::timestamp"
)


def statements(  # noqa: PLR0913, PLR0917 - what is counted, by what, and when
    connection: Connection, spec: PostgresSpec, data_map: DataMap, live: Catalogue, collection: str, today: date
) -> list[sql.Composed]:
    """The queries that count them: one for each range of blocks of each part of the table.

    Args:
        connection: To see how many blocks there are.
        spec: The store in the map.
        data_map: The periods.
        live: The live tables.
        collection: One with a `start`.
        today: UTC.
    """
    table = spec.collections[collection]
    parts = connection.execute(_PARTS, (live.tables[table.table].oid,)).fetchall()
    return [
        _LEFT.format(
            start=sql.Identifier(table.start or ""),
            rows=rows,
            ours=_ours(spec, data_map, live, collection),
            period=sql.Literal(str(data_map.data_types[table.data_type or ""].rule.period)),
            tomorrow=sql.Literal(date.fromordinal(today.toordinal() + 1)),
        )
        for schema, name, elsewhere, blocks in parts
        for part in [sql.Identifier(schema, name)]
        for rows in ([part] if elsewhere else _ranges(part, blocks))
    ]


def counted(connection: Connection, store: str, collection: str, statement: sql.Composed) -> DueLeft:
    """What one of them says."""
    with translated(store, collection):
        return DueLeft(*only_row(connection.execute(statement)))


def _ranges(part: sql.Identifier, blocks: int) -> list[sql.Composed]:
    return [
        sql.SQL("(SELECT * FROM ONLY {} WHERE ctid >= {}::tid{})").format(
            part,
            sql.Literal(f"({begin},0)"),
            sql.SQL("")
            if begin + _BLOCKS > blocks
            else sql.SQL(" AND ctid < {}::tid").format(sql.Literal(f"({begin + _BLOCKS},0)")),
        )
        for begin in range(0, blocks + 1, _BLOCKS)
    ]


def _ours(spec: PostgresSpec, data_map: DataMap, live: Catalogue, collection: str) -> sql.Composed:
    """The row `r` is of the collection's kind, and is not overwritten already."""
    table = spec.collections[collection]
    kinds = [list(of_kind(link.where, live.tables[table.table], "r")) for link in table.found_by]
    of_any = [sql.SQL(" AND ").join(one) if one else sql.SQL("true") for one in kinds]
    erased = ErasedRows(spec.collections, data_map, live).is_erased(table, "r")
    return sql.SQL("({}) AND ({}) IS NOT TRUE").format(sql.SQL(" OR ").join(of_any), erased)
