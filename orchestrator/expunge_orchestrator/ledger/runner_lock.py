"""Runner lock: one process at a time runs the batches of a ledger (flock or Postgres advisory lock).

That two workers of it do not take one step is `execution.fencing`.

And one at a time searches its stores without the map, and one sweeps them by age, beside that.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from expunge_orchestrator.errors import LedgerBusyError

_RUNNER = 0x65787067  # "expg"
_SEARCH = 0x65787073  # "exps"
_SWEEP = 0x65787072  # "expr"


@contextmanager
def runner_lock(engine: sa.Engine) -> Iterator[Callable[[], None]]:
    """Hold the right to run batches of this ledger; the operating system or Postgres frees it on kill -9.

    Yields a check that raises when the right was lost (Postgres session gone).

    Raises:
        LedgerBusyError: Another process holds it.
    """
    with _alone(engine, "lock", _RUNNER) as still_ours:
        yield still_ours


@contextmanager
def search_lock(engine: sa.Engine) -> Iterator[None]:
    """Hold the right to search the stores for this ledger's people.

    Raises:
        LedgerBusyError: Another process holds it.
    """
    with _alone(engine, "search-lock", _SEARCH):
        yield


@contextmanager
def sweep_lock(engine: sa.Engine) -> Iterator[None]:
    """Hold the right to delete by age what this ledger's stores have.

    Whoever asks whether somebody does (`sweeping`) holds it for a moment, and refuses nobody by that.

    Raises:
        LedgerBusyError: Another process holds it, and did so for a second.
    """
    with ExitStack() as held:
        for attempt in Retrying(
            retry=retry_if_exception_type(LedgerBusyError),
            stop=stop_after_delay(1),
            wait=wait_fixed(0.05),
            reraise=True,
        ):
            with attempt:
                held.enter_context(_alone(engine, "sweep-lock", _SWEEP))
        yield


def sweeping(engine: sa.Engine) -> bool:
    """Some process deletes by age now."""
    try:
        with _alone(engine, "sweep-lock", _SWEEP):
            return False
    except LedgerBusyError:
        return True


@contextmanager
def _alone(engine: sa.Engine, suffix: str, number: int) -> Iterator[Callable[[], None]]:
    if engine.dialect.name == "sqlite":
        database = engine.url.database
        assert database is not None
        with os.fdopen(os.open(f"{database}.{suffix}", os.O_CREAT | os.O_RDWR, 0o600), "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LedgerBusyError(remedy="Wait for it: `expunge status` shows how far it is.") from None
            yield lambda: None
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number))):
            raise LedgerBusyError(remedy="Wait for it: `expunge status` shows how far it is.")
        try:
            yield lambda: _still_there(connection)
        finally:
            # The session goes back to the pool, and would take the lock along.
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))


def _still_there(connection: sa.Connection) -> None:
    connection.execute(sa.select(sa.literal(1)))
