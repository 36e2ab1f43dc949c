"""GC thresholds: fewer passes of Python's garbage collector during long runs, and short ones in a service.

A chunk is thousands of small objects that live for one step, and few of them refer to each other in a circle. With
Python's defaults the collector walks over everything that was ever imported, every few hundred people: a quarter of the
processor's time.

Nothing is frozen for a while: what comes back from `gc.unfreeze` is old, and garbage among it is looked for only
after a quarter as many new objects grew old. A service whose worker runs every few seconds collected next to nothing.
What a service is built of is frozen once, and for good.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_SELDOM = (100_000, 20, 20)

_FULL_PASSES = 10
"""So many times as rarely a service looks through all that lives. Python itself does so when a quarter more grew old,
and of what is not frozen a quarter comes with some hundred connections."""


@dataclass(slots=True)
class _Thresholds:
    """Those of the process, for the collector is one for all threads.

    Attributes:
        users: Threads that are in a `with` block.
        usual: What they were before the first one entered.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    usual: tuple[int, int, int] = (0, 0, 0)


_PROCESS = _Thresholds()


def freeze_startup() -> None:
    """Take what is there now out of the collector's way, for good: to be called once, before a service takes calls.

    Modules, routes and models are hundreds of thousands of objects that stay until it ends. Each full pass over them
    stops every call for a fifth of a second. Over what comes later, two thousand connections say, it is a tenth of one:
    such passes become rare, those over what is young stay as they are.
    """
    gc.collect()
    gc.freeze()
    young, older, full = gc.get_threshold()
    gc.set_threshold(young, older, full * _FULL_PASSES)


@contextmanager
def reduced_gc() -> Iterator[None]:
    """Look for garbage less often, for the `with` block; in several threads at once until the last one leaves it."""
    with _PROCESS.lock:
        if not _PROCESS.users:
            _PROCESS.usual = gc.get_threshold()
            gc.set_threshold(*_SELDOM)
        _PROCESS.users += 1
    try:
        yield
    finally:
        with _PROCESS.lock:
            _PROCESS.users -= 1
            if not _PROCESS.users:
                gc.set_threshold(*_PROCESS.usual)
