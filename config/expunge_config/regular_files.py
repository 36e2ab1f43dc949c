"""Opens what the settings name: a regular file that not everybody writes, or a link to one, as Kubernetes mounts.

A pipe that nobody writes into keeps its reader waiting for ever, a device has no end, and both say something else when
they are read again, as some of these files are. What everybody may write is not to be obeyed: a data map says what is
erased, a set of keys who is believed. `expunge_reports.keys`, which stands alone, reads key files by the same
rule; a test holds both to it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularFileError(OSError):
    """It is a pipe, a device, a socket or a directory."""


class WritableByEverybodyError(OSError):
    """Everybody on the machine may write it."""


def opened(path: Path) -> BinaryIO:
    """Open a file to be read. What was opened is looked at, so that the name cannot be pointed elsewhere in between.

    Raises:
        OSError: It cannot be opened, is no regular file, or is everybody's to write.
    """
    return open(path, "rb", opener=_without_waiting)


def read(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        OSError: It cannot be read, is no regular file, or is everybody's to write.
    """
    with opened(path) as file:
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
        os.close(descriptor)
        raise WritableByEverybodyError if stat.S_ISREG(mode) else NotRegularFileError
    return descriptor
