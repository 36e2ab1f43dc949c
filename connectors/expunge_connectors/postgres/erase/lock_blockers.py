"""Lock blockers: which application holds the lock that an erasing transaction did not get.

Seen while it waits, from a second connection, and only after it waited in vain once: in the ordinary case nobody looks.
Of the other session nothing is read but the name that it gave itself, never its statement (law 5).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from expunge_connectors.errors import ConnectorError, LockTimeoutError
from expunge_connectors.postgres.connection import Connection, Connections
from expunge_connectors.postgres.errors import translate

_EVERY_SECONDS = 0.02
# A prepared transaction has no session; the name of an application is everybody's to see.
_BLOCKERS = """
SELECT DISTINCT CASE WHEN b.pid = 0 THEN 'a prepared transaction'
                     ELSE coalesce(nullif(a.application_name, ''), a.backend_type, 'a session without a name') END
  FROM unnest(pg_catalog.pg_blocking_pids(%s)) AS b (pid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
"""
# Whoever gives an application a name may put anything there.
_PERSONAL = re.compile(r"@|\d{6}|[^\x20-\x7e]")


class LockBlockers:
    """The attempts of one transaction, and who kept them waiting.

    Args:
        store: Name of the store, for messages.
        connections: Where to ask.
    """

    def __init__(self, store: str, connections: Connections) -> None:
        self._store = store
        self._connections = connections
        self._refused = False

    @contextmanager
    def named(self, connection: Connection) -> Iterator[None]:
        """Around an attempt.

        Raises:
            LockTimeoutError: It did not get a lock; from the second time on the error says who has it.
        """
        seen: set[str] = set()
        stop = threading.Event()
        pid = connection.info.backend_pid
        watch = threading.Thread(target=self._watch, args=(pid, stop, seen), name="expunge-blockers", daemon=True)
        if self._refused:
            watch.start()
        try:
            yield
        except (LockTimeoutError, psycopg.errors.LockNotAvailable) as error:
            self._refused = True
            ours = translate(error, self._store) if isinstance(error, psycopg.Error) else error
            del error
            stop.set()
            raise _held(ours, seen) from None
        finally:
            stop.set()
            if watch.is_alive():
                watch.join()

    def _watch(self, pid: int, stop: threading.Event, seen: set[str]) -> None:
        try:
            with self._connections.lease() as connection:
                while not stop.wait(_EVERY_SECONDS):
                    if found := {str(name) for (name,) in connection.execute(_BLOCKERS, (pid,)).fetchall()}:
                        seen.clear()
                        seen.update(found)
        except (ConnectorError, psycopg.Error):
            return  # nobody can say


def _held(error: ConnectorError, names: set[str]) -> ConnectorError:
    """The error with the names."""
    if not names:
        return error
    shown = sorted("one whose name is not shown" if _PERSONAL.search(one) else one for one in names)
    return LockTimeoutError(
        f"{error} Held by: {', '.join(dict.fromkeys(shown))}.",
        remedy="It is tried again by itself. Or let that application end its transaction.",
    )
