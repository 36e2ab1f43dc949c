"""OpenDSR statuses: our states in its four. Pure."""

from __future__ import annotations

from typing import Literal

Status = Literal["pending", "in_progress", "completed", "cancelled"]

_AMBIGUOUS = "ambiguous"

# Pending is what can be withdrawn (OpenDSR, 9): nothing else is.
_STATUS: dict[str, Status] = {
    "scheduled": "pending",
    "planning": "in_progress",
    "building": "in_progress",
    "planned": "in_progress",
    "awaiting-approval": "in_progress",
    "executing": "in_progress",
    "paused": "in_progress",
    "on-hold": "in_progress",
    "failed": "in_progress",
    "cancelling": "in_progress",
    "cancelled": "cancelled",
    "denied": "cancelled",
    "ambiguous": "cancelled",
    "erased": "completed",
    "partially-erased": "completed",
    "not-found": "completed",
    "settling": "completed",
    "settled": "completed",
}


def status_of(told: str) -> Status:
    """What a controller is told. A word that is not known here is never `completed`."""
    return _STATUS.get(told, "in_progress")


def more_of(told: str, reason: str | None) -> dict[str, str | None]:
    """What the four words cannot say: ours, and why. Where it was ambiguous, it was denied, as on the receipt."""
    if told == _AMBIGUOUS:
        return {"state": "denied", "reason": _AMBIGUOUS}
    return {"state": told, "reason": reason}
