"""Drift: what stores do by themselves with data that has had its time, against what the data map declares (ADR 31)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from expunge_connectors.contract import Drift, DriftKind, Heartbeat, ReportsDrift
from expunge_orchestrator.ledger import holds
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.retention.holds_in_force import concerns
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.workspace import Workspace

NOT_LOOKED_AT = "Stores of this kind are not asked yet what they end by themselves"


@dataclass(frozen=True, slots=True)
class StoreDrifts:
    """What all stores were seen to do.

    Attributes:
        drifts: (store, drift).
        unjudged: `store.collection` -> why it cannot be told.
    """

    drifts: Sequence[tuple[str, Drift]]
    unjudged: Mapping[str, str]

    @property
    def not_kept(self) -> frozenset[str]:
        """The places (`store.collection`) in which the map's periods are not kept: an empty partition is in order."""
        return frozenset(f"{store}.{one.collection}" for store, one in self.drifts if one.kind is not DriftKind.EMPTY)


def drifts(workspace: Workspace, today: date, beat: Heartbeat) -> StoreDrifts:
    """Ask every store of the data map. Reads only.

    Args:
        workspace: Map, stores and ledger.
        today: Of the holds (UTC).
        beat: Called after each piece of a store.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    with reading(workspace.ledger) as connection:
        in_force = holds.in_force(connection, today, None)
    found: list[tuple[str, Drift]] = []
    unjudged: dict[str, str] = {}
    for store, connector in workspace.stores.items():
        if not isinstance(connector, ReportsDrift):
            names = (name for of, name, _ in workspace.data_map.collections() if of == store)
            unjudged |= {f"{store}.{name}": NOT_LOOKED_AT for name in names}
            continue
        report = connector.drift(_held(workspace, store, in_force), beat)
        found += [(store, one) for one in report.drifts]
        unjudged |= {f"{store}.{name}": reason for name, reason in report.unjudged.items()}
    return StoreDrifts(found, unjudged)


def document(found: StoreDrifts) -> dict[str, Any]:
    """As machines are told. Counts and settings alone: no value, and no name of a record."""
    return {
        "drifts": [
            {"store": store, **asdict(one), "oldest": None if one.oldest is None else one.oldest.isoformat()}
            for store, one in found.drifts
        ],
        "unjudged": dict(found.unjudged),
    }


def _held(workspace: Workspace, store: str, in_force: Sequence[Hold]) -> frozenset[str]:
    """Collections of which a hold keeps anything, of whomever. A log may name anybody: any hold keeps it."""
    return frozenset(
        name
        for of, name, spec in workspace.data_map.collections()
        if of == store
        and any(
            spec.owner is None or concerns(one, workspace, store, {name}, spec.owner.controller) for one in in_force
        )
    )
