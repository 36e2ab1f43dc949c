"""Ledger file: whether the file of a SQLite ledger is still the one that was opened.

Who replaces or removes it takes the name away, and not the file that is open: what is written there is read by nobody
any more, and gone with the process.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from expunge_orchestrator.errors import LedgerReplacedError

_LOG = logging.getLogger("expunge.ledger")


@dataclass(slots=True)
class LedgerFile:
    """A file by its device and inode, as they were when it was opened."""

    path: Path
    _opened: tuple[int, int] = field(init=False)
    _told: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        there = self.path.stat()
        self._opened = there.st_dev, there.st_ino

    def require_opened(self) -> None:
        """Make sure that the path leads to the file that was opened. The log is told once until it does again.

        Raises:
            LedgerReplacedError: It leads to another one, or to none.
        """
        try:
            there = self.path.stat()
            same = (there.st_dev, there.st_ino) == self._opened
        except OSError:
            same = False
        if same:
            self._told = False
            return
        if not self._told:
            self._told = True
            _LOG.error("the ledger's file was replaced or removed under the running process: nothing is written")
        raise LedgerReplacedError(
            remedy="Stop every process of this installation, put the right file in its place, and start again."
        )
