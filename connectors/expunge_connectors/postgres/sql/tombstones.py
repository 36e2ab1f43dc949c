"""Tombstones in SQL: the values that replace a row's own, and the test whether it has them already.

For the side that counts and erases; verification has statements of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalog.key_types import plain
from expunge_connectors.postgres.catalog.tables import Column
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.fragments import FALSE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.table_spec import Elements, Removal

# Types without an equality operator are compared by their text.
_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})
# One step of a path may pass through arrays, also through arrays in arrays, so deep, and through one more by its key.
_ARRAYS = "[*][*][*]"

# Every place that a path leads to, through arrays, and then all of them taken out, one after the other: only keys of
# objects are taken out, so that the places of the others stay where they are.
_REMOVED = """(WITH RECURSIVE
  document (body) AS (SELECT {body}),
  walk (place, value, step) AS (
    SELECT '{{}}'::text[], body, 1 FROM document
    UNION ALL
    SELECT walk.place || further.key, further.value, walk.step + further.taken
      FROM walk
     CROSS JOIN LATERAL (
       SELECT ({path})[walk.step], walk.value -> ({path})[walk.step], 1
        WHERE pg_catalog.jsonb_typeof(walk.value) = 'object'
          AND pg_catalog.jsonb_exists(walk.value, ({path})[walk.step])
       UNION ALL
       SELECT (element.position - 1)::text, element.value, 0
         FROM pg_catalog.jsonb_array_elements(
           CASE WHEN pg_catalog.jsonb_typeof(walk.value) = 'array' THEN walk.value ELSE '[]' END
         ) WITH ORDINALITY AS element (value, position)
     ) AS further (key, value, taken)
     WHERE walk.step <= pg_catalog.cardinality({path})
  ),
  removal (place, position) AS (
    SELECT place, pg_catalog.row_number() OVER () FROM walk WHERE step > pg_catalog.cardinality({path})
  ),
  rest (body, position) AS (
    SELECT body, 0::bigint FROM document
    UNION ALL
    SELECT rest.body #- removal.place, removal.position
      FROM rest JOIN removal ON removal.position = rest.position + 1
  )
  SELECT body FROM rest ORDER BY position DESC LIMIT 1)"""

# The same, of the values at a path that are wanted: with each goes the innermost element of a list that it stands in,
# or else its key. Later elements are taken out first, so that the places of the others stay where they are.
_WITHOUT_ELEMENTS = """(WITH RECURSIVE
  document (body) AS (SELECT {body}),
  walk (place, position, element, value, step) AS (
    SELECT '{{}}'::text[], '{{}}'::bigint[], NULL::integer, body, 1 FROM document
    UNION ALL
    SELECT walk.place || further.key, walk.position || further.position,
           CASE further.taken WHEN 0 THEN pg_catalog.cardinality(walk.place) + 1 ELSE walk.element END,
           further.value, walk.step + further.taken
      FROM walk
     CROSS JOIN LATERAL (
       SELECT ({path})[walk.step], 0::bigint, walk.value -> ({path})[walk.step], 1
        WHERE walk.step <= pg_catalog.cardinality({path})
          AND pg_catalog.jsonb_typeof(walk.value) = 'object'
          AND pg_catalog.jsonb_exists(walk.value, ({path})[walk.step])
       UNION ALL
       SELECT (item.position - 1)::text, item.position, item.value, 0
         FROM pg_catalog.jsonb_array_elements(
           CASE WHEN pg_catalog.jsonb_typeof(walk.value) = 'array' THEN walk.value ELSE '[]' END
         ) WITH ORDINALITY AS item (value, position)
     ) AS further (key, position, value, taken)
  ),
  held (place, position, value) AS (
    SELECT place[1:coalesce(element, pg_catalog.cardinality(place))],
           position[1:coalesce(element, pg_catalog.cardinality(place))],
           CASE pg_catalog.jsonb_typeof(value) WHEN 'number' THEN pg_catalog.trim_scale(value::numeric)::text
                ELSE value #>> '{{}}' END
      FROM walk
     WHERE step > pg_catalog.cardinality({path}) AND pg_catalog.jsonb_typeof(value) IN ('string', 'number')
  ),
  removal (place, number) AS (
    SELECT place, pg_catalog.row_number() OVER (ORDER BY position DESC)
      FROM (SELECT DISTINCT place, position FROM held WHERE {wanted}) AS one
  ),
  rest (body, number) AS (
    SELECT body, 0::bigint FROM document
    UNION ALL
    SELECT rest.body #- removal.place, removal.number
      FROM rest JOIN removal ON removal.number = rest.number + 1
  )
  SELECT body FROM rest ORDER BY number DESC LIMIT 1)"""


def json_path(path: tuple[str, ...], *, values: bool) -> sql.Literal:
    """A path of the map in the server's language; with the texts and numbers below arrays at its end, if wanted."""
    steps = "".join(f"{_ARRAYS}.{json.dumps(key)}" for key in path)
    return sql.Literal(f"lax ${steps}{_ARRAYS}[*]" if values else f"lax ${steps}")


# A document of the type json may have a name twice, of which jsonb keeps the last: there every entry is looked at.
# https://www.postgresql.org/docs/current/datatype-json.html
_STANDING = """CASE WHEN pg_catalog.pg_typeof({document}) = 'jsonb'::pg_catalog.regtype
  THEN ARRAY(SELECT pg_catalog.jsonb_path_query({document}::jsonb, {found}))
  ELSE ARRAY(
    WITH RECURSIVE walk (value, step) AS (
      SELECT pg_catalog.to_json({document}), 1
      UNION ALL
      SELECT further.value, walk.step + further.taken
        FROM walk
       CROSS JOIN LATERAL (
         SELECT entry.value, 1
           FROM pg_catalog.json_each(
             CASE WHEN walk.step <= {length} AND pg_catalog.json_typeof(walk.value) = 'object' THEN walk.value END
           ) AS entry
          WHERE entry.key = ({path})[walk.step]
         UNION ALL
         SELECT item.value, 0
           FROM pg_catalog.json_array_elements(
             CASE pg_catalog.json_typeof(walk.value) WHEN 'array' THEN walk.value END
           ) AS item
       ) AS further (value, taken)
    )
    SELECT value::jsonb FROM walk WHERE step > {length} AND pg_catalog.json_typeof(value) IN ('string', 'number'))
  END"""


def standing_at(path: tuple[str, ...], document: sql.Composable) -> sql.Composed:
    """What stands at a path of a document, through arrays: every text and number there, as an array of jsonb."""
    return sql.SQL(_STANDING).format(
        document=document,
        found=json_path(path, values=True),
        path=sql.SQL("{}::text[]").format(sql.Literal(list(path))),
        length=sql.Literal(len(path)),
    )


def put(mapped: BoundTable, name: str, alias: str) -> sql.Composable:
    """What a tombstone puts into a column: computed from the key alone, or what is left of a document."""
    wanted, live = mapped.spec.tombstone[name], mapped.table.columns[name]
    assert not isinstance(wanted, Elements)  # what is left of a list depends on the keys: see `erasing_statements`
    if isinstance(wanted, Removal):
        return without(column(alias, name), wanted, live.type)
    keys = sql.SQL(", ").join(column(alias, key) for key in mapped.table.key)
    return sql.Composed(
        [
            sql.SQL("(SELECT ("),
            raw(wanted),
            sql.SQL(")::"),
            raw(live.uncut),
            sql.SQL(" FROM (SELECT "),
            keys,
            sql.SQL(") AS key)"),
        ]
    )


def without(document: sql.Composable, removal: Removal, type_: str) -> sql.Composable:
    """What is left of a JSON or JSONB document, in the type it has."""
    body: sql.Composable = sql.SQL("{}::jsonb").format(document)
    for path in removal.remove:
        body = sql.SQL(_REMOVED).format(body=body, path=sql.SQL("{}::text[]").format(sql.Literal(list(path))))
    return sql.SQL("{}::{}").format(body, raw(type_))


def without_elements(
    document: sql.Composable, wanted: Iterable[tuple[tuple[str, ...], sql.Composable]], type_: str
) -> sql.Composable:
    """What is left of a JSON or JSONB document without some elements of its lists, in the type it has.

    Args:
        document: The column.
        wanted: A path, and when the element of a text or a number there goes: a condition on the `value` of `held`.
        type_: Of the column.
    """
    body: sql.Composable = sql.SQL("{}::jsonb").format(document)
    for path, condition in wanted:
        place = sql.SQL("{}::text[]").format(sql.Literal(list(path)))
        body = sql.SQL(_WITHOUT_ELEMENTS).format(body=body, path=place, wanted=condition)
    return sql.SQL("{}::{}").format(body, raw(type_))


def is_tombstone(mapped: BoundTable, alias: str) -> sql.Composable:
    """The row is a tombstone already: every column of it holds what its expression says, and no removed path.

    A row that is found by an element of an array or a document is none yet.
    """
    if mapped.action is not Action.TOMBSTONE:
        return FALSE
    return and_(*(_holds(mapped, name, alias) for name in mapped.spec.tombstone))


def says_so(mapped: BoundTable, alias: str) -> sql.Composable:
    """The row's own key made one of the values that a tombstone puts there: by nature no row holds such a value."""
    key = [mapped.table.columns[name] for name in mapped.table.key]
    own = comma_list(*(column(alias, one.name) for one in key))
    of_none = comma_list(*(sql.SQL("NULL::{} AS {}").format(raw(one.base), sql.Identifier(one.name)) for one in key))
    texts = sql.SQL("{} IS NOT NULL AND {} IS DISTINCT FROM {}")
    return or_(
        *(
            texts.format(column(alias, name), _text(wanted, own), _text(wanted, of_none))
            for name, wanted in mapped.spec.tombstone.items()
            if key and isinstance(wanted, str)
        )
    )


def _text(wanted: str, keys: sql.Composable) -> sql.Composed:
    return sql.SQL("(SELECT ({})::text FROM (SELECT {}) AS key)").format(raw(wanted), keys)


def _holds(mapped: BoundTable, name: str, alias: str) -> sql.Composable:
    wanted, live = mapped.spec.tombstone[name], mapped.table.columns[name]
    if isinstance(wanted, Elements):
        return FALSE
    if isinstance(wanted, Removal):
        return and_(
            *(
                sql.SQL("NOT coalesce(pg_catalog.jsonb_path_exists({}::jsonb, {}), false)").format(
                    column(alias, name), json_path(path, values=False)
                )
                for path in wanted.remove
            )
        )
    return sql.SQL("{} IS NOT DISTINCT FROM {}").format(
        comparable(live, column(alias, name)), comparable(live, put(mapped, name, alias))
    )


def comparable(of: Column, value: sql.Composable) -> sql.Composable:
    """A value of the column's type in a form that has an equality."""
    return sql.SQL("{}::text").format(value) if of.base in _WITHOUT_EQUALITY or of.equality else plain(of, value)
