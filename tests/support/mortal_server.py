"""Kills a served process (SIGKILL) on either side of a commit of its ledger, or of an append to its log.

`armed` is the code that a process runs before it becomes the server (`ApiProcess.start`); production knows nothing of
it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from tests.support.api_process import ApiProcess, process_of
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_orchestrator.ledger.batches import Batch
from expunge_reports.log.transparency_log import LogWriter

_NOTES = ("INSERT INTO audit", "INSERT INTO step_log")
KILLED = -signal.SIGKILL
SECONDS = 120.0
LOG = "log"
"""Instead of a word of the ledger: the first append to the log."""


def armed(side: str, word: str) -> str:
    """The code that arms a process.

    Args:
        side: `before` or `after`.
        word: What the fatal transaction writes into the audit trail (`batch.end`) or the step log (`verify:main`), or
            `LOG`.
    """
    return f"from tests.support import mortal_server; mortal_server.arm({side!r}, {word!r})"


def arm(side: str, word: str) -> None:
    """Let this process die there."""
    if word == LOG:
        _arm_log(side)
        return
    create = sa.create_engine

    def wired(*arguments: Any, **options: Any) -> sa.Engine:
        ledger = create(*arguments, **options)
        _arm_ledger(ledger, side, word)
        return ledger

    sa.create_engine = wired


def _arm_ledger(ledger: sa.Engine, side: str, word: str) -> None:
    commit = ledger.dialect.do_commit

    def begun(connection: sa.Connection) -> None:
        connection.info["fatal"] = False

    def executed(connection: sa.Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(_NOTES) and word in repr(parameters):
            connection.info["fatal"] = True

    def committed(dbapi_connection: Any) -> None:
        fatal = dbapi_connection.info.get("fatal")
        if fatal and side == "before":
            die()
        commit(dbapi_connection)
        if fatal:
            die()

    event.listen(ledger, "begin", begun)
    event.listen(ledger, "after_cursor_execute", executed)
    ledger.dialect.do_commit = committed  # type: ignore[method-assign]


def _arm_log(side: str) -> None:
    append = LogWriter.append

    def appended(writer: LogWriter, leaves: Any) -> int:
        if side == "before":
            die()
        append(writer, leaves)
        die()
        raise AssertionError

    LogWriter.append = appended  # type: ignore[method-assign]


def die() -> None:
    """As by `kill -9`: nothing is undone, flushed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


# A server beside an installation -------------------------------------------------------------------------------------


@contextmanager
def beside(
    calltrack: CompanyStack, home: Path, fork_server: ForkServer, **overrides: Any
) -> Iterator[tuple[Installation, ApiProcess]]:
    """A fresh installation and its server, which is not started."""
    with fresh_installation(calltrack, home / "expunge", **overrides) as installation:
        data_map = str(installation.settings.data_map)
        server = process_of(installation, fork_server, home, API__TICK="PT0.1S", DATA_MAP=data_map)
        try:
            yield installation, server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.end(signal.SIGKILL)


def call(server: ApiProcess, verb: str, batch: Batch) -> int:
    """Say a verb; the status, 0 where nobody answered."""
    body = {} if verb in {"cancel", "pause", "resume", "retry"} else {"digest": batch.plan_digest}
    role = "approver" if verb == "approve" else "operator"
    return server.call("POST", f"/v1/batches/{batch.uid}/{verb}", server.key(role), **body).status


def state_of(server: ApiProcess, batch: Batch) -> str:
    answer = server.call("GET", f"/v1/batches/{batch.uid}", server.key("operator"))
    assert answer.status == 200, answer.body
    return str(json.loads(answer.body)["state"])


def dies(server: ApiProcess) -> bool:
    """It dies by itself."""
    assert server.process is not None
    return server.process.wait(SECONDS) == KILLED


def rests(server: ApiProcess, batch: Batch) -> str:
    """Its state, as soon as nothing of it can run any more."""
    deadline = time.monotonic() + SECONDS
    while (state := state_of(server, batch)) in {"executing", "settling", "cancelling"}:
        assert time.monotonic() < deadline, (state, server.log.read_text()[-2000:])
        time.sleep(0.05)
    return state
