"""Clocks, memory and the machine."""

from __future__ import annotations

import os
import platform
import re
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
# Workers add to the same stages; a lock of each one's own would not travel between processes.
_ADDING = threading.Lock()


@dataclass(slots=True)
class Stages:
    """Seconds per named stage; a stage that occurs several times adds up."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Measure the `with` block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Add a measurement."""
        with _ADDING:
            self.seconds[name] += seconds
            self.calls[name] += 1

    @property
    def total(self) -> float:
        """All together."""
        return sum(self.seconds.values())


class Timed:
    """A connector, every call measured as `<name>.<verb>`. What it does not name it passes on unmeasured."""

    VERBS = frozenset({"inspect", "identity", "identity_at", "now", "resolve", "count", "erase", "verify", "copies"})

    def __init__(self, connector: Any, stages: Stages) -> None:
        self._connector = connector
        self._stages = stages

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connector, name)
        if name not in self.VERBS:
            return found

        def measured(*arguments: Any) -> Any:
            with self._stages.time(f"{self._connector.name}.{name}"):
                return found(*arguments)

        return measured


def median(rounds: Sequence[float]) -> float:
    """The middle of some rounds."""
    return statistics.median(rounds)


def spread(rounds: Sequence[float]) -> str:
    """Least and largest, so that noise is seen."""
    return f"{min(rounds):.3g}-{max(rounds):.3g}"


def elapsed(action: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@contextmanager
def peak_memory() -> Iterator[Callable[[], str]]:
    """Watch this process's resident memory; yields a function that tells "peak (rise)" in MB.

    The peak is set back first, so that earlier work does not count. Linux only; elsewhere it says so.
    """
    try:
        _RESET.write_text(_RESET_PEAK)
        before = _megabytes("VmRSS")
    except OSError:
        yield lambda: "not measured on this system"
        return
    yield lambda: f"{_megabytes('VmHWM'):.0f} MB (+{_megabytes('VmHWM') - before:.0f})"


def resident_megabytes() -> float:
    """The most memory this process ever had, in MB. Linux only."""
    return _megabytes("VmHWM")


def peak_of(process: int) -> Callable[[], float]:
    """Set back another process's peak of resident memory; returns what tells it, in MB. Linux only."""
    about = Path(f"/proc/{process}")
    (about / _RESET.name).write_text(_RESET_PEAK)
    return lambda: _megabytes("VmHWM", about / _STATUS.name)


def _megabytes(name: str, status: Path = _STATUS) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"no {name} in {status}")
    return int(found[1]) / 1024


def ruled(title: str, columns: Sequence[str]) -> Table:
    """A table with its numbers to the right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        made.add_column(name, justify="right" if index else "left")
    return made


def machine() -> str:
    """Where the figures come from, with what else was going on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return f"{platform.system()} {platform.machine()}, {usable} cores, Python {platform.python_version()}, load {load}"
