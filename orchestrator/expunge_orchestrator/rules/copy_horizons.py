"""Copy horizons: until which moment everything that was taken of a store is seen to be gone (ADR 33).

Of whom nothing was left before it, no copy holds anything any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

MARGIN: Final = timedelta(days=1)
"""Between the clocks of store, storage and operator, and from a copy's first byte until a listing shows it."""


def horizon(remaining: Iterable[datetime], listed: Iterable[datetime]) -> datetime | None:
    """The last moment of which nothing that was there is in a copy; None: there is neither a copy nor a listing.

    Args:
        remaining: When the reading of each copy began that is not seen to be gone, of the stores in question.
        listed: When each place with such copies was listed.
    """
    # A copy that begins at the very end of the margin counts: its second is not over.
    ends = [*(one - MARGIN - timedelta(seconds=1) for one in remaining), *(one - MARGIN for one in listed)]
    return min(ends, default=None)
