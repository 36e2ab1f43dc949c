"""How often the server read a table from end to end."""

from __future__ import annotations

import time

from tests.support.postgres.company import execute


def scans_of_users(database: str) -> int:
    """How often the table of users was read from end to end; sessions that ended have told it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        [(others,)] = execute(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        if not others:
            break
        time.sleep(0.01)
    [(scans,)] = execute(database, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'users'")
    return int(scans)
