"""Quiescence: waits for transactions that began before the cutoff, prepared ones too, to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from expunge_connectors.postgres.connection import Connection

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0

# Every transaction holds a lock on its own virtual id until it ends; that lock is visible to everybody, while the times
# of other users' sessions are not: a time that cannot be seen counts as old. Sessions without a user are the server's
# own (autovacuum): they write no rows of anybody.
_RUNNING = """
SELECT l.virtualxid
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'virtualxid' AND l.granted
   AND a.datname = pg_catalog.current_database()
   AND a.usesysid IS NOT NULL
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND (a.xact_start IS NULL OR a.xact_start < %s)
"""

_STILL_RUNNING = "SELECT virtualxid FROM pg_catalog.pg_locks WHERE locktype = 'virtualxid' AND virtualxid = ANY (%s)"

# When a prepared transaction began is recorded nowhere, so each one counts that is there now, or that one of the
# transactions waited for may have become meanwhile.
_PREPARED = "SELECT transaction::text FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()"


def await_quiescence(
    connection: Connection, cutoff: datetime, wait_seconds: float, pause: Callable[[float], None] = time.sleep
) -> int:
    """Wait until every transaction of this database that began before the cutoff has ended, prepared ones too.

    Args:
        connection: In autocommit mode and outside a transaction: inside one, the activity view stands still.
        cutoff: On the server's clock.
        wait_seconds: How long at most.
        pause: How to sleep, in seconds.
    """
    deadline = time.monotonic() + wait_seconds
    running = {row[0] for row in connection.execute(_RUNNING, (cutoff,)).fetchall()}
    prepared = _prepared(connection)
    length = FIRST_PAUSE_SECONDS
    while running or prepared:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return len(running) + len(prepared)
        pause(min(length, remaining))
        length = min(2 * length, LONGEST_PAUSE_SECONDS)
        were_running = bool(running)
        # In this order: one that is being prepared is seen in the second place if it is missed in the first.
        running &= {row[0] for row in connection.execute(_STILL_RUNNING, (sorted(running),)).fetchall()}
        now_prepared = _prepared(connection)
        prepared = now_prepared if were_running else prepared & now_prepared
    return 0


def _prepared(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute(_PREPARED).fetchall()}
