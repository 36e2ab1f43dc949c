"""Disks that are full: real small file systems where they can be mounted, and files that may grow no further anywhere.

Mounting takes root. A limit on the size of files takes nothing, and what SQLite and the log meet is another error
(EFBIG for ENOSPC), so both are tried where both can be.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from expunge_demo.dev_servers.unprivileged_user import User

MEGABYTES = 24
BALLAST = "ballast"
PAGE = 4096

Fill = Callable[[int, int], None]
"""Leaves so many pages free; told the process at work too."""

LEDGER, LOG, BOTH, LIMIT = "ledger's disk", "log's disk", "both disks", "files' growth"


def sorts() -> tuple[str, ...]:
    """What can be full here."""
    return (LEDGER, LOG, BOTH, LIMIT) if mountable() else (LIMIT,)


@cache
def mountable() -> bool:
    """Whether this process may mount a file system."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as there:
        try:
            with small_disk(Path(there)):
                return True
        except subprocess.CalledProcessError:  # root in a container is not enough
            return False


@contextmanager
def small_disk(place: Path, megabytes: int = MEGABYTES, user: User | None = None) -> Iterator[None]:
    """A file system of its own at this place, for the `with` block; `user`: whose it is."""
    place.mkdir(exist_ok=True)
    options = f"size={megabytes}m" + ("" if user is None else f",mode=0700,uid={user.uid},gid={user.gid}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "expunge-test", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def cramped(sort: str, home: Path) -> Iterator[tuple[Fill, Callable[[], None]]]:
    """A home for an installation that can become full: yields what fills it and what makes room again."""
    full = {LEDGER: [home], LOG: [home / "log"], BOTH: [home, home / "log"], LIMIT: []}[sort]

    def fill(free: int, pid: int) -> None:
        for place in full:
            take_all(place / BALLAST, free)
        if sort == LIMIT:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (free * PAGE, resource.RLIM_INFINITY))

    def make_room() -> None:
        for place in full:
            (place / BALLAST).unlink()

    with ExitStack() as stack:
        if full:
            stack.enter_context(small_disk(home))
            stack.enter_context(small_disk(home / "log"))
        yield fill, make_room


def take_all(ballast: Path, free: int) -> None:
    """Take all room, then give so many pages back."""
    with ballast.open("wb", buffering=0) as file:
        for size in (256 * PAGE, PAGE):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
        file.truncate(max(0, file.tell() - free * PAGE))
