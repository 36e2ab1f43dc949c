"""Durable files: written beside, fsynced, renamed into place, and the directories fsynced too.

Many files are placed first and settled together: the file system then writes its journal once, and not for each.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from expunge_reports.errors import LogBusyError, LogCorruptError, LogError

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

    def read(self, path: str, most: int) -> bytes | None:
        """Return a file's bytes, or None if there is no such file; `most`: so many it has at most.

        Raises:
            LogError: the file is there and cannot be read, or is no regular file: a pipe keeps its reader waiting.
            LogCorruptError: it has more bytes; they are not read.
        """
        try:
            with open(self.root / path, "rb", opener=without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise LogError("a file of the log is no regular file")
                data = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogError(f"a file of the log cannot be read ({error.strerror})") from None
        if len(data) > most:
            raise LogCorruptError("a file of the log is larger than it can be")
        return data

    def place(self, path: str, data: bytes) -> None:
        """Put a file where it belongs, in one step for readers; a power cut may lose it until it is settled.

        Raises:
            LogError: the file system refuses.
        """
        try:
            self._place(path, data)
        except OSError as error:
            raise _refused(error) from None

    def settle(self, paths: Collection[str]) -> None:
        """See to it that placed files are on the disk, and the directories that lead to them.

        Raises:
            LogError: the file system refuses.
        """
        directories = {parent for path in paths for parent in Path(path).parents}
        try:
            for path in paths:
                _flush(self.root / path)
                self.after("flushed")
            for directory in sorted(directories, key=lambda one: len(one.parts), reverse=True):
                _flush(self.root / directory)
                self.after("directory flushed")
        except OSError as error:
            raise _refused(error) from None

    def replace(self, path: str, data: bytes) -> None:
        """Replace a file in one atomic step; on return the new bytes are on the disk, and before that the old ones.

        Raises:
            LogError: the file system refuses; the old file, if any, is untouched.
        """
        scratch = self.root / _SCRATCH
        try:
            self._write(scratch, data)
            _flush(scratch)
            self.after("flushed")
            scratch.replace(self.root / path)
            self.after("renamed")
            _flush(self.root)
            self.after("directory flushed")
        except OSError as error:
            raise _refused(error) from None

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
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogError(f"the log cannot be locked ({error.strerror})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LogBusyError from None
        return descriptor

    def _place(self, path: str, data: bytes) -> None:
        target = self.root / path
        if not target.parent.is_dir():
            make_private(target.parent)
            self.after("directory made")
        self._write(self.root / _SCRATCH, data)
        (self.root / _SCRATCH).replace(target)
        self.after("renamed")

    def _write(self, scratch: Path, data: bytes) -> None:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        self.after("written")


def make_private(directory: Path) -> None:
    """Make a directory and those above it, each for nobody but the user: `mkdir` leaves those above to the umask."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def without_waiting(path: str, flags: int) -> int:
    """An opener: of a pipe that nobody writes into as well."""
    return os.open(path, flags | os.O_NONBLOCK)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(error: OSError) -> LogError:
    return LogError(f"the log cannot be written ({error.strerror})")
