"""Ahead: the backup copies are listed while the stores are verified, for the conclusion that follows (ADR 13).

Both begin after the last erasing step of the round was committed, so the listing shows every copy that was made before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from expunge_connectors.contract import CopyListing

Listings = list[CopyListing]

GOOD_FOR = 10.0
"""Seconds. A verification that had to wait longer for a store ends with a listing of its own."""


class _Begun(NamedTuple):
    round: int
    at: float
    listings: Future[Listings]


class BackupListingPrefetch:
    """At most one listing that is under way, of one chunk on one drive."""

    def __init__(self) -> None:
        self._begun: _Begun | None = None

    def begin(self, round_: int, observe: Callable[[], Listings]) -> None:
        """Have the copies listed beside what follows in this round."""
        self.end()
        pool = ThreadPoolExecutor(1, thread_name_prefix="expunge-copies")
        self._begun = _Begun(round_, time.monotonic(), pool.submit(observe))
        pool.shutdown(wait=False)

    def listings(self, round_: int, observe: Callable[[], Listings]) -> Listings:
        """What was listed ahead in this round, or else is listed now.

        Raises:
            ConnectorError: A place cannot be listed.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            return observe()
        wait([begun.listings])
        if begun.round != round_ or time.monotonic() - begun.at > GOOD_FOR:
            return observe()
        return begun.listings.result()

    def end(self) -> None:
        """Wait for what nobody asked for: no request outlives the drive that made it."""
        begun, self._begun = self._begun, None
        if begun is not None:
            wait([begun.listings])
