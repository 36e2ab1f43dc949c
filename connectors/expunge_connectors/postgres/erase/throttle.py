"""Throttle (AIMD backpressure): smaller transactions and pauses while the database's own sessions are blocked.

As senders in a crowded network do: much less at the first sign that others suffer, and back in smaller steps when there
is none. It never comes to a stand, so that every erasure ends, and however bad it is nothing of it is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import LockTimeoutError
from expunge_connectors.postgres.connection import APPLICATION, Connection, only_row

SMALLEST_SHARE = 1 / 64
FIRST_REST_SECONDS = 0.05
LONGEST_REST_SECONDS = 5.0
BEAT_SECONDS = 1.0

# Locks are visible to everybody, also those of other roles' sessions, of which pg_stat_activity hides the state.
_BLOCKED = """
SELECT count(DISTINCT l.pid)
  FROM pg_catalog.pg_locks l
 WHERE NOT l.granted AND pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid))
"""
# Whoever is in a transaction holds a lock on its own virtual id; sessions without a user are the server's own.
_BUSY = """
SELECT count(*)
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'virtualxid' AND l.granted AND a.usesysid IS NOT NULL AND a.application_name <> %s
"""


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What a transaction saw at its end.

    Attributes:
        blocked: Sessions that wait for a lock that it holds.
        busy: Other sessions of the server in a transaction; None: nobody asked.
        refused: It did not get a lock in time, while others may have waited for those that it had.
    """

    blocked: int = 0
    busy: int | None = None
    refused: bool = False

    def strained(self, busy_allowed: int | None) -> bool:
        """Others suffer, or soon will."""
        crowded = self.busy is not None and busy_allowed is not None and self.busy > busy_allowed
        return self.refused or self.blocked > 0 or crowded


@dataclass(frozen=True, slots=True)
class Throttle:
    """How the next transaction goes.

    Attributes:
        share: Of the rows and the time that the settings allow a transaction, above 0, at most 1.
        rest: Seconds before it.
    """

    share: float = 1.0
    rest: float = 0.0

    def after(self, *, strained: bool) -> Throttle:
        """A quarter and twice the rest where others suffer; otherwise twice and half the rest."""
        if strained:
            rest = min(max(2 * self.rest, FIRST_REST_SECONDS), LONGEST_REST_SECONDS)
            return Throttle(max(self.share / 4, SMALLEST_SHARE), rest)
        rest = self.rest / 2
        return Throttle(min(2 * self.share, 1.0), rest if rest >= FIRST_REST_SECONDS else 0.0)

    def rows(self, most: int) -> int:
        """How many rows it may touch: at least one."""
        return max(1, round(most * self.share))


class LoadMonitor:
    """How the users of one database fare while it is erased from, and the pace that follows from it.

    Kept from call to call: the next chunk begins as the last one ended. Safe for any number of threads: each reading
    replaces the whole pace.

    Args:
        busy_allowed: So many other sessions in a transaction are nothing to mind; None: nobody counts them.
        pause: How to sleep, in seconds.
    """

    def __init__(self, busy_allowed: int | None, pause: Callable[[float], None] = time.sleep) -> None:
        self._busy_allowed = busy_allowed
        self._pause = pause
        self._pace = Throttle()

    @property
    def pace(self) -> Throttle:
        """How the next transaction should go."""
        return self._pace

    @contextmanager
    def watched(self, connection: Connection) -> Iterator[None]:
        """Around the work of one transaction: at its end, while its locks are held, see who waits for them.

        Raises:
            LockTimeoutError: As the work raised it.
        """
        try:
            yield
        except LockTimeoutError:
            self._take(LoadSample(refused=True))
            raise
        self._take(self._sample(connection))

    def rest(self, beat: Heartbeat) -> None:
        """Between two transactions: let others have what they waited for, as long as the pace says."""
        left = self._pace.rest
        while left > 0:
            length = min(left, BEAT_SECONDS)
            self._pause(length)
            beat()
            left -= length

    def _sample(self, connection: Connection) -> LoadSample:
        (blocked,) = only_row(connection.execute(_BLOCKED))
        if self._busy_allowed is None:
            return LoadSample(blocked)
        (busy,) = only_row(connection.execute(_BUSY, (APPLICATION,)))
        return LoadSample(blocked, busy)

    def _take(self, sample: LoadSample) -> None:
        self._pace = self._pace.after(strained=sample.strained(self._busy_allowed))
