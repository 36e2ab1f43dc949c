"""Legal holds: placing, lifting, and what is still due of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tests.support.installation import Installation
from tests.support.people import SeededPerson
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds import hold_placement
from expunge_orchestrator.holds.hold_placement import HoldRequest, PlacementResult

GROUND = "Court order 4 C 17/26"


def key(identity: str, value: object) -> frozenset[SubjectKey]:
    return frozenset([SubjectKey(identity, str(value))])


def place(
    installation: Installation,
    people: Sequence[frozenset[SubjectKey]] = (),
    *,
    data_type: str | None = None,
    controller: str | None = None,
    until: date | None = None,
    undisclosed: bool = False,
    ground: str = GROUND,
    of: str = "hold",
) -> PlacementResult:
    kind, _, member = (controller or "").partition(":")
    wanted = HoldRequest(of, people, data_type, kind or None, member or None, ground, until, undisclosed)
    with installation.workspace.ledger.begin() as connection:
        workspace = installation.workspace
        return hold_placement.place(connection, wanted, workspace.keys, "counsel", workspace.data_map)


def lift(installation: Installation, placed: PlacementResult, *, informed_on: date | None = None) -> int:
    with installation.workspace.ledger.begin() as connection:
        hold_placement.lift(connection, placed.hold.uid, "counsel", informed_on)
    return hold_enforcement.release(installation.workspace.ledger)


def due(holder: SeededPerson, inspector: StoreInspector) -> dict[str, int]:
    return {name: number for name, number in holder.left(inspector).items() if number}
