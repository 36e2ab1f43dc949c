"""Declared backups: of every store it is said where its copies are kept, or who says that there are none."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity


def findings(data_map: DataMap) -> Iterator[Finding]:
    """Stores of whose backup copies nothing is said: their receipts would read as if there were none."""
    for store in data_map.stores:
        if not data_map.places_of(store) and data_map.no_backups_of(store) is None:
            yield Finding(
                Severity.ERROR,
                "backups-undeclared",
                store,
                None,
                "Nothing is said about backup copies of this store; its receipts would read as if there were none.",
                "Declare each place with copies under `backups:`, or say there, or in this store, who stands by it that"
                " none are made: `backups: {none: why, approved_by: who}`.",
            )


def stated(data_map: DataMap, store: str) -> dict[str, object]:
    """What a plan's document says of the copies of a store."""
    excused = data_map.no_backups_of(store)
    if excused is None:
        return {"backupPlaces": data_map.places_of(store)}
    return {"noBackups": {"reason": excused.none, "approvedBy": excused.approved_by}}
