"""Opens what the settings name: a regular file, or a link to one, as Kubernetes mounts secrets.

A pipe that nobody writes into keeps its reader waiting for ever, a device has no end, and both say something else when
they are read again, as some of these files are. `expunge_reports.keys`, which stands alone, reads key files by the same
rule; a test holds both to it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularFileError(OSError):
    """It is a pipe, a device, a socket or a directory."""


def opened(path: Path) -> BinaryIO:
    """Open a file to be read. What was opened is looked at, so that the name cannot be pointed elsewhere in between.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    return open(path, "rb", opener=_without_waiting)


def read(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with opened(path) as file:
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFileError
    return descriptor
