"""The foreground: the database's own users, for whom an erasure makes room between its transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import LockTimeoutError
from expunge_connectors.postgres.connection import APPLICATION, Connection
from expunge_connectors.postgres.erase.throttle import LoadSample, Throttle

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
        (blocked,) = connection.execute(_BLOCKED).fetchone() or (0,)
        if self._busy_allowed is None:
            return LoadSample(blocked)
        (busy,) = connection.execute(_BUSY, (APPLICATION,)).fetchone() or (0,)
        return LoadSample(blocked, busy)

    def _take(self, sample: LoadSample) -> None:
        self._pace = self._pace.after(strained=sample.strained(self._busy_allowed))
