"""Files that survive a power cut: written beside, flushed, renamed into place, and the directory flushed too."""

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from expunge_reports.errors import LogBusyError, LogError

_SCRATCH: Final = ".writing"
_LOCK: Final = ".lock"


def _no_hook(_: str) -> None:
    """Do nothing: the hook of a directory that nobody disturbs."""


@dataclass(frozen=True, slots=True)
class DurableDirectory:
    """A directory with one writer.

    Attributes:
        root: the directory.
        after: called after each single step with the step's name; fault injection kills the process here.
    """

    root: Path
    after: Callable[[str], None] = _no_hook

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None if there is no such file.

        Raises:
            LogError: the file is there and cannot be read.
        """
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogError(f"a file of the log cannot be read ({error.strerror})") from None

    def write(self, path: str, data: bytes) -> None:
        """Replace a file in one atomic step; on return the new bytes are on the disk.

        Raises:
            LogError: the file system refuses; the old file, if any, is untouched.
        """
        target = self.root / path
        scratch = self.root / _SCRATCH
        try:
            self._make_directories(target.parent)
            with scratch.open("wb") as file:
                file.write(data)
                self.after("written")
                file.flush()
                os.fsync(file.fileno())
            self.after("flushed")
            scratch.replace(target)
            self.after("renamed")
            _flush_directory(target.parent)
            self.after("directory flushed")
        except OSError as error:
            raise LogError(f"the log cannot be written ({error.strerror})") from None

    def remove(self, path: str) -> None:
        """Remove a directory of files that are no longer needed; a no-op if there is none."""
        shutil.rmtree(self.root / path, ignore_errors=True)
        self.after("removed")

    def lock(self) -> int:
        """Take the one writer's lock and return its descriptor; closing it, or dying, gives the lock back.

        Raises:
            LogBusyError: another process holds it.
            LogError: the file system refuses.
        """
        try:
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogError(f"the log cannot be locked ({error.strerror})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LogBusyError from None
        return descriptor

    def _make_directories(self, directory: Path) -> None:
        if directory == self.root or directory.is_dir():
            return
        self._make_directories(directory.parent)
        directory.mkdir(exist_ok=True)
        _flush_directory(directory.parent)
        self.after("directory made")


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
