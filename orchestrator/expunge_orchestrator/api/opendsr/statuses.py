"""Our words in OpenDSR's four. Pure."""

from __future__ import annotations

from typing import Literal

Status = Literal["pending", "in_progress", "completed", "cancelled"]

_STATUS: dict[str, Status] = {
    "scheduled": "pending",
    "planning": "in_progress",
    "planned": "pending",
    "awaiting-approval": "pending",
    "executing": "in_progress",
    "paused": "in_progress",
    "on-hold": "in_progress",
    "failed": "in_progress",
    "ambiguous": "in_progress",
    "cancelling": "in_progress",
    "cancelled": "cancelled",
    "denied": "cancelled",
    "erased": "completed",
    "partially-erased": "completed",
    "not-found": "completed",
    "settling": "completed",
    "settled": "completed",
}


def status_of(told: str) -> Status:
    """What a controller is told. A word that is not known here is never `completed`."""
    return _STATUS.get(told, "in_progress")
