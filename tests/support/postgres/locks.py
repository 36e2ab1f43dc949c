"""Sessions that wait for one another's locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


@contextmanager
def erasing_that_waits(url: str, erase: Callable[[], object]) -> Iterator[None]:
    """An erasing in a thread, which waits for another session's lock: the block is what happens meanwhile.

    It has to let go of the lock; the erasing has ended when it is over.
    """
    erasing = threading.Thread(target=erase, daemon=True)
    erasing.start()
    wait_until_blocked(url)
    yield
    erasing.join(60)
    assert not erasing.is_alive()
