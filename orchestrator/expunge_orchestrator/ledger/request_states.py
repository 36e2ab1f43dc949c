"""States of a request, until its batch takes over.

What moves them: `submission` begins with `scheduled`; `scheduler` goes on to `starting` when the request is due, and to
`started` in the transaction that freezes its plan; `withdrawal` ends a scheduled one as `cancelled` or `denied`, and
for the scheduler as `denied` one that never can be planned. Each move is one conditional UPDATE, so that of a race one
side wins.
"""

from __future__ import annotations

from enum import StrEnum


class RequestState(StrEnum):
    """A request until its batch takes over: `starting` can no longer be cancelled, `started` has a batch."""

    SCHEDULED = "scheduled"
    STARTING = "starting"
    STARTED = "started"
    CANCELLED = "cancelled"
    DENIED = "denied"
