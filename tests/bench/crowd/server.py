"""What the server itself used: CPU seconds of all its processes, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(connection: psycopg.Connection[tuple[Any, ...]]) -> float:
    """CPU seconds of the server since its start, processes that ended included. Linux, server on this machine."""
    postmaster = int(_stat(connection.info.backend_pid)[1])
    own = _stat(postmaster)
    ended = sum(map(int, own[13:15]))
    living = sum(sum(map(int, stat[11:13])) for stat in _all() if int(stat[1]) == postmaster)
    return (ended + sum(map(int, own[11:13])) + living) / _TICKS


def _all() -> list[list[str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append(_stat(int(entry.name)))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    return found


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on: state, ppid, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
