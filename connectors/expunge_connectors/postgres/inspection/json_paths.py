"""JSON paths whose values mostly look like identifiers; member names that may be a person's are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg import sql

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.table_sampling import SampledTable

_FEW = 3  # rows: what stands in fewer is no form that documents have in common
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
# Through objects and arrays, as links go; a name counts that at least half of the documents have, whatever it holds.
_PLACES = """
WITH RECURSIVE document (number, value) AS (
    SELECT row_number() OVER (), s.{column}::jsonb FROM {sample} WHERE s.{column} IS NOT NULL
), place (number, path, value, depth) AS (
    SELECT number, ARRAY[]::text[], value, 0 FROM document
    UNION ALL
    SELECT p.number, p.path || below.name, below.value, p.depth + 1
      FROM place AS p
     CROSS JOIN LATERAL (
           SELECT ARRAY[o.key], o.value
             FROM jsonb_each(CASE WHEN jsonb_typeof(p.value) = 'object' THEN p.value END) AS o
            UNION ALL
           SELECT ARRAY[]::text[], e.value
             FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p.value) = 'array' THEN p.value END) AS e
           ) AS below (name, value)
     WHERE p.depth < {deepest}
)
SELECT p.path, count(*) FILTER (WHERE jsonb_typeof(p.value) = 'string'){counts}
  FROM place AS p
 WHERE p.path <> ARRAY[]::text[]
 GROUP BY p.path
HAVING count(DISTINCT p.number) >= {few}
   AND count(DISTINCT p.number) * 2 >= (SELECT count(*) FROM document)
 ORDER BY p.path
"""
_DEEPEST = 8
_MOSTLY = 0.5


def places(
    connection: Connection, table: SampledTable, rows: int, column: str, patterns: Mapping[str, str]
) -> dict[tuple[str, ...], str] | None:
    """Paths at which most texts match, each with the name of the pattern.

    Only paths that at least half of the documents have, and a few: others may be made of what a record says.

    Args:
        connection: Outside a transaction.
        table: What is sampled.
        rows: The size of the sample, at most.
        column: Of type json or jsonb.
        patterns: A name of the caller's -> a regular expression for a whole text.

    Returns:
        None if the server would not, or not in time.
    """
    counts = [
        sql.SQL(", count(*) FILTER (WHERE jsonb_typeof(p.value) = 'string' AND {})").format(
            table_sampling.matches(sql.SQL("p.value #>> '{{}}'").format(), pattern)
        )
        for pattern in patterns.values()
    ]
    answer = table_sampling.asked(
        connection,
        sql.SQL(_PLACES).format(
            column=sql.Identifier(column),
            sample=table_sampling.sample(table, rows, [column]),
            deepest=sql.Literal(_DEEPEST),
            counts=sql.SQL("").join(counts),
            few=sql.Literal(_FEW),
        ),
    )
    if answer is None:
        return None
    return {
        tuple(path): name
        for path, texts, *found in answer
        for name, count in zip(patterns, found, strict=True)
        if count and count >= texts * _MOSTLY and all(_NAME.fullmatch(one) for one in path)
    }
