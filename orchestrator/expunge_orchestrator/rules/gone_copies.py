"""Gone copies: what two looks missed, an hour apart, each beside something that it did find (law 8).

One look may err: a listing that is replicated late, a catalogue that is being rewritten, a bucket behind a proxy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

SECOND_LOOK: Final = timedelta(hours=1)
"""So long after the first look that missed a copy another one counts, by the storage's clock."""


class GoneCopy(NamedTuple):
    """A copy that two looks missed."""

    place: str
    store: str
    kind: str
    copy_id: str
    taken_from: datetime
    taken_until: datetime
    observed_gone_at: datetime


def gone(missed: Collection[str], missed_before: Mapping[str, datetime | None], at: datetime) -> frozenset[str]:
    """Those of the copies missed now that were missed long enough before.

    Args:
        missed: By the look of this moment.
        missed_before: Copy -> when it was first missed since it was last listed; None: it was not.
        at: Of this look, by the storage's clock.
    """
    return frozenset(
        one for one in missed if (before := missed_before.get(one)) is not None and at - before >= SECOND_LOOK
    )
