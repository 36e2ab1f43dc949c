"""Transparency log: append-only, in a directory whose copy any web server can publish (C2SP tlog-tiles).

A `Log` is a reader's view of one checkpoint. A `LogWriter` is the only process that appends. The order of writing makes
a crash harmless: entry bundles and tiles first, until all of them are on the disk, the signed checkpoint last. Before
the checkpoint is replaced nothing refers to the new files; the next append writes them again.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge_reports.errors import (
    ForeignLogError,
    LogCorruptError,
    LogError,
    NoteError,
    ProofError,
    UnknownNoteKeyError,
)
from expunge_reports.log import merkle, signed_note, tiles
from expunge_reports.log.durable_files import DurableDirectory, make_private
from expunge_reports.log.growing_tree import GrowingTree
from expunge_reports.log.proof_file import TlogProof

CHECKPOINT: Final = "checkpoint"


@dataclass(frozen=True, slots=True)
class Log:
    """The log as of one signed checkpoint; later appends do not change it.

    Attributes:
        checkpoint: the signed note.
        head: what it says: origin, size and root.
        tree: the tiles it is checked against.
    """

    checkpoint: str
    head: signed_note.Checkpoint
    tree: tiles.TiledTree

    @classmethod
    def open(cls, path: Path, key: signed_note.VerifierKey) -> Self:
        """Open a log for reading.

        Costs a few files whatever the size: the signature, and the root from the tiles of the right edge. `audit`
        looks at everything.

        Raises:
            LogError: there is no log at this path.
            ForeignLogError: the checkpoint bears no signature of `key`.
            LogCorruptError: the checkpoint is malformed, or the tiles lead to another root.
        """
        return cls._load(DurableDirectory(path), key)

    @classmethod
    def _load(cls, files: DurableDirectory, key: signed_note.VerifierKey) -> Self:
        data = files.read(CHECKPOINT, signed_note.MAX_NOTE)
        if data is None:
            raise LogError("there is no log here (no checkpoint)")
        try:
            text = data.decode()
            head = signed_note.verify_checkpoint(text, key)
        except UnknownNoteKeyError:
            raise ForeignLogError from None
        except (UnicodeDecodeError, NoteError):
            raise LogCorruptError("the log's checkpoint is malformed, or its signature does not verify") from None
        tree = tiles.TiledTree(files.read, head.size)
        if tiles.root_of_edge(tree.edge()) != head.root:
            raise LogCorruptError
        if tree.width(0, head.size // tiles.WIDTH):
            tree.bundle(head.size // tiles.WIDTH)
        return cls(text, head, tree)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.head.size

    def leaf_hash(self, index: int) -> bytes:
        """Return the hash of a leaf, as the tiles have it.

        Raises:
            LogError: the log has no such leaf.
        """
        self._check_index(index)
        return self.tree.node(0, index)

    def leaf(self, index: int) -> bytes:
        """Return the bytes of a leaf, checked against its hash.

        Raises:
            LogError: the log has no such leaf.
            LogCorruptError: its bytes do not have the hash in the tile.
        """
        self._check_index(index)
        return self.tree.bundle(index // tiles.WIDTH)[index % tiles.WIDTH]

    def leaves(self, start: int = 0) -> Iterable[bytes]:
        """Yield the leaves from `start` on, one bundle in memory at a time."""
        for bundle in range(start // tiles.WIDTH, -(-self.size // tiles.WIDTH)):
            yield from self.tree.bundle(bundle)[max(0, start - bundle * tiles.WIDTH) :]

    def proof(self, index: int) -> str:
        """Return the `.tlog-proof` text of a leaf against this checkpoint, verified before it is handed out.

        Raises:
            LogError: the log has no such leaf.
            LogCorruptError: the tiles do not prove it.
        """
        self._check_index(index)
        hashes = merkle.inclusion_proof(index, self.size, self.tree.node)
        try:
            merkle.verify_inclusion(self.leaf_hash(index), index, self.size, hashes, self.head.root)
        except ProofError:
            raise LogCorruptError from None
        return TlogProof(index, tuple(hashes), self.checkpoint).to_text()

    def proofs(self, indexes: Iterable[int]) -> list[str]:
        """Return the proofs of several leaves, all against this one checkpoint, as an export needs them."""
        return [self.proof(index) for index in indexes]

    def consistency(self, old_size: int) -> list[bytes]:
        """Return the proof that this log extends what it was at `old_size` leaves; witnesses ask for it.

        Raises:
            ProofError: not 0 < old_size <= size.
        """
        return merkle.consistency_proof(old_size, self.size, self.tree.node)

    def audit(self) -> None:
        """Read everything and check it: leaves against hashes, each tile against the one above, all against the root.

        Raises:
            LogCorruptError: something does not fit.
        """
        frontier = merkle.Frontier()
        for bundle in range(-(-self.size // tiles.WIDTH)):
            for leaf in self.tree.bundle(bundle):
                frontier = frontier.append(merkle.leaf_hash(leaf))
        if frontier.root() != self.head.root:
            raise LogCorruptError
        for level in range(1, self.tree.levels()):
            for index in range(self.size >> tiles.HEIGHT * level):
                below = tiles.split_hashes(self.tree.tile(level - 1, index))
                if merkle.root_of_hashes(below) != self.tree.node(tiles.HEIGHT * level, index):
                    raise LogCorruptError("a tile does not match the one above it")

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise LogError("the log has no such leaf")


class LogWriter:
    """The one process that appends. A context manager; leaving it gives the lock back.

    Memory holds the partial tiles of the right edge and one partial entry bundle, whatever the log's size.
    """

    def __init__(self, files: DurableDirectory, key: Ed25519PrivateKey, log: Log, lock: int) -> None:
        self._files = files
        self._key = key
        self._log = log
        self._lock: int | None = lock

    @classmethod
    def create(cls, path: Path, origin: str, key: Ed25519PrivateKey) -> Self:
        """Make a new, empty log and open it.

        Args:
            path: its directory, made if missing.
            origin: the log's name, a bare host name in lower case.
            key: signs the checkpoints.

        Raises:
            LogError: there is a log already, or the file system refuses.
            LogBusyError: another process is writing.
            NoteError: the origin is not a bare host name.
        """
        signed_note.log_key(origin, key.public_key())  # refuses a bad origin before anything is written
        try:
            make_private(path)
        except OSError as error:
            raise LogError(f"the log's directory cannot be made ({error.strerror})") from None
        files = DurableDirectory(path)
        lock = files.lock()
        try:
            _write_empty(files, origin, key)
        finally:
            os.close(lock)
        return cls.open(files, origin, key)

    @classmethod
    def open(cls, files: DurableDirectory | Path, origin: str, key: Ed25519PrivateKey) -> Self:
        """Open a log for appending.

        Raises:
            LogError: there is no log here.
            LogBusyError: another process is writing.
            LogCorruptError: as for `Log.open`.
            NoteError: the origin is not a bare host name.
        """
        verifier = signed_note.log_key(origin, key.public_key())
        durable = DurableDirectory(files) if isinstance(files, Path) else files
        lock = durable.lock()
        try:
            return cls(durable, key, Log.open(durable.root, verifier), lock)
        except BaseException:
            os.close(lock)
            raise

    @property
    def log(self) -> Log:
        """The log as of the last completed append."""
        return self._log

    def append(self, leaves: Iterable[bytes]) -> int:
        """Append leaves in order and return the index of the first.

        On return everything is on the disk under a new signed checkpoint. If it raises, or the process dies, the log
        has either its old or its new size; look at `size` after opening it again, and append again what is
        missing: the same leaves give the same tiles. No leaves: nothing is written.

        Raises:
            LogError: a leaf is too long, the writer is closed, or the file system refuses.
        """
        if self._lock is None:
            raise LogError("the log's writer is closed")
        first = self._log.size
        grown = GrowingTree.of(self._log.tree)
        filled: list[str] = []
        for leaf in leaves:
            filled += grown.add(leaf, self._files)
        if grown.size == first:
            return first
        grown.finish(self._files)
        self._files.settle(grown.placed)
        head = signed_note.Checkpoint(self._log.head.origin, grown.size, tiles.root_of_edge(grown.levels))
        signed = signed_note.sign_checkpoint(head, self._key)
        self._files.replace(CHECKPOINT, signed.encode())
        self._log = Log(signed, head, tiles.TiledTree(self._files.read, head.size))
        for path in filled:
            self._files.remove(f"{path}.p")  # the full tile or bundle is published now; tlog-tiles allows this
        return first

    def close(self) -> None:
        """Give the lock back; a no-op the second time."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write_empty(files: DurableDirectory, origin: str, key: Ed25519PrivateKey) -> None:
    # Tiles without a checkpoint are a log that lost its head, not a place for a new one.
    if files.read(CHECKPOINT, signed_note.MAX_NOTE) is not None or (files.root / "tile").exists():
        raise LogError("there is a log here already")
    empty = signed_note.Checkpoint(origin, 0, merkle.EMPTY_ROOT)
    files.replace(CHECKPOINT, signed_note.sign_checkpoint(empty, key).encode())
