"""Work breaks: a thread that works on a long list rests as long as it worked, so that other calls are answered.

All threads of a process share one interpreter. A thread that always has work takes every second turn of it, and each
step of every other call waits for that turn: beside a list of 60 MiB calls took four times as long as by themselves.
"""

from __future__ import annotations

import time

WORK = 0.005
"""Seconds of processor time after which a break is due."""


class WorkBreaks:
    """Breaks of the thread that makes this. Time in which it waits, for a store say, is no work."""

    def __init__(self) -> None:
        self._since = time.thread_time()

    def take(self) -> None:
        """Take a break, if one is due."""
        worked = time.thread_time() - self._since
        if worked >= WORK:
            time.sleep(worked)
            self._since = time.thread_time()
