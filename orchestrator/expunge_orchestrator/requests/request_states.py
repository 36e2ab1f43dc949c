"""States of a request, until its batch takes over."""

from __future__ import annotations

from enum import StrEnum


class RequestState(StrEnum):
    """A request until its batch takes over: `starting` can no longer be cancelled, `started` has a batch."""

    SCHEDULED = "scheduled"
    STARTING = "starting"
    STARTED = "started"
    CANCELLED = "cancelled"
    DENIED = "denied"
