"""Kills a served process (SIGKILL) on either side of a commit of its ledger, or of an append to its log.

`armed` is the code that a process runs before it becomes the server (`ApiProcess.start`); production knows nothing of
it.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from expunge_reports.log.append_only_log import LogWriter

_NOTES = ("INSERT INTO audit", "INSERT INTO step_log")
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
