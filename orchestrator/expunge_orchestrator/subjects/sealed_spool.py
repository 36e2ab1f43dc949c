"""Sealed spool: a long list, kept on disk while it is worked with, so that it takes no memory.

The disk sees none of it in the clear: it is sealed under a key that this process alone has, and forgets. The file has
no name (O_TMPFILE), and is gone with the process however that ends.
"""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from expunge_orchestrator import scratch_files

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1024 * 1024
"""Bytes that are sealed at a time; a list of fewer never leaves memory."""

_TAG, _NONCE = 16, 12


def _go_on() -> None:
    """No pause."""


class SealedSpool:
    """Bytes that are written once, and read from the beginning as often as need be.

    Args:
        pauses: Called where a reader opens it; what it gives is called by that reader's thread every few kilobytes.
    """

    def __init__(self, pauses: Callable[[], Callable[[], None]] = lambda: _go_on) -> None:
        self._pauses = pauses
        with scratch_files.usable():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as whoever reads it
        weakref.finalize(self, self._file.close)
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=256))
        self._blocks = 0
        self._rest = bytearray()

    def write(self, piece: bytes) -> None:
        """Add a piece, of any size."""
        self._rest += piece
        while len(self._rest) >= BLOCK:
            sealed = self._cipher.encrypt(self._nonce(self._blocks), bytes(self._rest[:BLOCK]), None)
            with scratch_files.usable():
                self._file.seek(0, os.SEEK_END)
                self._file.write(sealed)
            del self._rest[:BLOCK]
            self._blocks += 1

    def blocks(self) -> Iterator[bytes]:
        """All of it, in order."""
        for number in range(self._blocks):
            with scratch_files.usable():
                self._file.seek(number * (BLOCK + _TAG))
                sealed = self._file.read(BLOCK + _TAG)
            yield self._cipher.decrypt(self._nonce(number), sealed, None)
        yield bytes(self._rest)

    def opened(self) -> BinaryIO:
        """All of it, to be read as a file is."""
        return io.BufferedReader(_Reader(self.blocks(), self._pauses()))

    @staticmethod
    def _nonce(number: int) -> bytes:
        return number.to_bytes(_NONCE)  # never twice: the key seals one list


class _Reader(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes], pause: Callable[[], None]) -> None:
        self._blocks, self._left, self._pause = blocks, memoryview(b""), pause

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer, /) -> int:
        self._pause()
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        room = memoryview(into).cast("B")
        number = min(len(room), len(self._left))
        room[:number], self._left = self._left[:number], self._left[number:]
        return number
