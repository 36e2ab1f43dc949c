"""Kept children: retained rows that point to retained rows which end sooner.

A line of an invoice that is kept longer than the invoice keeps it from being deleted: from the day on which the invoice
ends, whoever's it is fails, for the server refuses it. What ends when only the rows say, so the data is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.sql.retention import ends
from expunge_connectors.postgres.table_spec import TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Foreign keys between retained tables by which some row outlasts what it points to."""
    for key in inspection.catalogue.foreign_keys:
        for child in _retained(inspection, key.child):
            for parent in _retained(inspection, key.parent):
                yield from _told(
                    inspection, key, child[0], parent[0], _longer(connection, inspection, key, child[1], parent[1])
                )


def _told(
    inspection: InspectionContext, key: ForeignKey, child: str, parent: str, longer: int | None
) -> Iterator[Finding]:
    remedy = f"Write one date into `start` of both, with one period; or tombstone `{parent}`."
    if longer is None:
        yield inspection.info(
            "kept-longer",
            child,
            f"Whether rows of {key.child} are kept longer than what they point to in {key.parent} is unknown: the"
            f" server would not say, or not in {table_sampling.SECONDS_A_TABLE} seconds.",
            remedy,
        )
    elif longer:
        yield inspection.warning(
            "kept-longer",
            child,
            f"{'Rows' if longer > 1 else 'A row'} of {key.child} ({longer}) will be kept longer than what"
            f" {'they point' if longer > 1 else 'it points'} to in {key.parent} (constraint {key.name}): once the"
            f" period of `{parent}` is over, whoever's they are fails.",
            remedy,
        )


def _retained(inspection: InspectionContext, table: str) -> list[tuple[str, TableSpec]]:
    return [
        (name, spec)
        for name, spec, live in inspection.live_data()
        if spec.table == table
        and inspection.action(spec) is Action.RETAIN
        and (spec.start is None or spec.start in live.columns)
    ]


def _longer(
    connection: Connection, inspection: InspectionContext, key: ForeignKey, child: TableSpec, parent: TableSpec
) -> int | None:
    """How many rows; None: the server would not say."""
    ours, theirs = _ends(inspection, child, "c"), _ends(inspection, parent, "p")
    pairs = zip(key.columns, key.parent_columns, strict=True)
    statement = sql.SQL(
        "SELECT count(*) FROM {} AS c JOIN {} AS p ON {}"
        " WHERE {theirs} IS NOT NULL AND ({ours} <= {theirs}) IS NOT TRUE"
    ).format(
        inspection.catalogue.tables[child.table].identifier,
        inspection.catalogue.tables[parent.table].identifier,
        and_(*(sql.SQL("{} = {}").format(column("c", one), column("p", other)) for one, other in pairs)),
        ours=ours,
        theirs=theirs,
    )
    answer = table_sampling.asked(connection, statement)
    return None if answer is None else int(answer[0][0])


def _ends(inspection: InspectionContext, spec: TableSpec, alias: str) -> sql.Composable:
    """The day on which a row is retained no longer; NULL where it has none."""
    if spec.start is None:
        return sql.SQL("NULL::date")
    return ends(column(alias, spec.start), str(inspection.data_map.data_types[spec.data_type or ""].rule.period))
