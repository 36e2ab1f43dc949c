"""Member schemas: a question about rows in the first member's schema, put to all that are built like it (ADR 25).

A statement asks many schemas at once, so a few take no more statements than one does. Where the server would not say
of many, it is asked of half of them, as long as there is time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.catalog.tenant_shapes import Tenants
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.fragments import comma_list, raw

SECONDS = 30
"""Of one inspection: after that only the first schemas are asked, and the others are unknown."""
_MOST = 1000
_AT_ONCE = 100
_MARK = "the schema of a member"


def alike(tenants: Tenants) -> tuple[str, ...]:
    """The schemas that are built like the first one, that one first; of very many those that come first by name."""
    names = sorted(one for one, shape in tenants.shapes.items() if tenants.nameable(one) and shape == tenants.usual)
    return tuple(names[:_MOST])


def asked(connection: Connection, inspection: InspectionContext, question: sql.Composable) -> dict[str, Any]:
    """Schema -> what an expression is there that is written for the first one; None: the server would not say.

    Args:
        connection: Of the store.
        inspection: With the schemas.
        question: Of one type, and of arrays one length, and never NULL.
    """
    answers: dict[str, Any] = {}
    written = _of_any(inspection, question).as_string(connection)
    for at in range(0, len(inspection.schemas), _AT_ONCE):
        answers |= _asked(connection, inspection, written, inspection.schemas[at : at + _AT_ONCE])
    return answers


def anywhere(
    connection: Connection, inspection: InspectionContext, table: Table, condition: sql.Composable
) -> bool | None:
    """It is so of a table, in whichever schema. None: it is known of none, and the server would not say of all."""
    answers = told(connection, inspection, [table], condition)
    return True if any(answers) else None if None in answers else False


def told(
    connection: Connection, inspection: InspectionContext, tables: Iterable[Table], question: sql.Composable
) -> list[Any]:
    """What an expression about these tables is, in each schema if they are in all. None: the server would not say."""
    if any(map(inspection.in_schemas, tables)):
        return list(asked(connection, inspection, question).values())
    answer = table_sampling.asked(connection, sql.SQL("SELECT {}").format(question))
    return [None if answer is None else answer[0][0]]


def _of_any(inspection: InspectionContext, question: sql.Composable) -> sql.Composable:
    """The same with a mark in the place of the first schema's name."""
    if isinstance(question, sql.Composed):
        return sql.Composed([_of_any(inspection, one) for one in question])
    for name in () if inspection.tenants is None else inspection.tenants.tables:
        if question == sql.Identifier(inspection.schemas[0], name):
            return sql.Identifier(_MARK, name)
    return question


def _asked(
    connection: Connection, inspection: InspectionContext, written: str, schemas: Sequence[str]
) -> dict[str, Any]:
    late = time.monotonic() > inspection.until and schemas[0] != inspection.schemas[0]
    if not late:
        mark, names = (sql.Identifier(_MARK).as_string(connection), map(sql.Identifier, schemas))
        each = [raw(written.replace(mark, name.as_string(connection))) for name in names]
        answer = table_sampling.asked(connection, sql.SQL("SELECT ARRAY[{}]").format(comma_list(*each)))
        if answer is not None:
            return dict(zip(schemas, answer[0][0], strict=True))
    if late or len(schemas) == 1:
        return dict.fromkeys(schemas)
    half = len(schemas) // 2
    halves = (_asked(connection, inspection, written, part) for part in (schemas[:half], schemas[half:]))
    return {schema: told for part in halves for schema, told in part.items()}
