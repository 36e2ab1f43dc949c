"""Inspect: the data map held against the live database. Reads only; every finding says what to do."""

from __future__ import annotations

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding
from expunge_connectors.postgres import catalogue
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import (
    clocks,
    collations,
    constraints,
    declared,
    elsewhere,
    guesses,
    indexes,
    internals,
    owners,
    recording,
    references,
    rights,
    server,
    spelling,
    structure,
    sweep,
    ties,
    tombstones,
    trees,
    triggers,
    typerights,
)
from expunge_connectors.postgres.inspection.subject import Inspection
from expunge_connectors.postgres.mapped import store_spec

__all__ = ["findings", "swept"]


def findings(connection: Connection, store: str, data_map: DataMap) -> list[Finding]:
    """All findings of one store, errors first.

    Args:
        connection: In autocommit mode and outside a transaction.
        store: Its name in the data map.
        data_map: The whole map.
    """
    inspection = _inspection(connection, store, data_map)
    found = [
        *server.findings(connection, inspection),
        *recording.findings(connection, inspection),
        *structure.findings(inspection),
        *trees.findings(connection, inspection),
        *spelling.findings(inspection),
        *clocks.findings(connection, inspection),
        *ties.findings(connection, inspection),
        *collations.findings(connection, inspection),
        *owners.findings(inspection),
        *internals.findings(connection, inspection),
        *references.findings(inspection),
        *tombstones.findings(connection, inspection),
        *constraints.findings(connection, inspection),
        *rights.findings(connection, inspection),
        *typerights.findings(connection, inspection),
        *triggers.findings(connection, inspection),
        *elsewhere.findings(connection, inspection),
        *declared.findings(connection, inspection),
        *guesses.findings(connection, inspection),
        *indexes.findings(connection, inspection),
    ]
    rank = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda one: rank[one.severity])


def swept(connection: Connection, store: str, data_map: DataMap, rows: int) -> list[Finding]:
    """What a search of samples of unmapped places finds.

    Args:
        connection: In autocommit mode and outside a transaction.
        store: Its name in the data map.
        data_map: The whole map.
        rows: Of one table, at most.
    """
    return list(sweep.findings(connection, _inspection(connection, store, data_map), rows))


def _inspection(connection: Connection, store: str, data_map: DataMap) -> Inspection:
    spec = store_spec(store, data_map)
    live = catalogue.read(connection, (table.table for table in spec.collections.values()))
    row = connection.execute("SELECT CURRENT_USER").fetchone()
    return Inspection(store, data_map, spec, live, str(row[0]) if row else "")
