"""Sessions that wait for one another's locks."""

from __future__ import annotations

import time

import pytest
from tests.support.postgres.company import execute


def wait_until_blocked(url: str, sessions: int = 1) -> None:
    """Until so many sessions of the database wait for another one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        [(waiting,)] = execute(
            url,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0",
        )
        if waiting >= sessions:
            return
        time.sleep(0.01)
    pytest.fail("nobody waits for anybody")
