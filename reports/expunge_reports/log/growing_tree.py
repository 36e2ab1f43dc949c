"""Growing tree: the tiled Merkle tree while leaves are appended, of which only the right edge is in memory.

`merkle.Frontier` is the edge of a bare tree; this one also places the files of whatever became full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from expunge_reports.log import merkle, tiles
from expunge_reports.log.durable_files import DurableDirectory


@dataclass(slots=True)
class GrowingTree:
    """The partial tile of each level and the partial bundle.

    Attributes:
        size: the number of leaves, the new ones included.
        levels: the hashes of each level's partial tile, lowest level first.
        bundle: the leaves of the partial bundle.
        changed: the levels that received a hash.
        placed: the files written so far, which a power cut may still lose.
    """

    size: int
    levels: list[list[bytes]]
    bundle: list[bytes]
    changed: set[int]
    placed: list[str]

    @classmethod
    def of(cls, tree: tiles.TiledTree) -> Self:
        """Read the edge of a published tree, which is itself left alone."""
        last = tree.size // tiles.WIDTH
        return cls(tree.size, tree.edge(), list(tree.bundle(last)) if tree.width(0, last) else [], set(), [])

    def add(self, leaf: bytes, files: DurableDirectory) -> Sequence[str]:
        """Add one leaf, placing whatever became full, and return the paths of that."""
        filled: list[str] = []
        self.bundle.append(leaf)
        self.size += 1
        if len(self.bundle) == tiles.WIDTH:
            filled.append(tiles.bundle_path(self.size // tiles.WIDTH - 1))
            files.place(filled[0], tiles.encode_bundle(self.bundle))
            self.bundle = []
        carried: bytes | None = merkle.leaf_hash(leaf)
        level = 0
        while carried is not None:
            if level == len(self.levels):
                self.levels.append([])
            hashes = self.levels[level]
            hashes.append(carried)
            self.changed.add(level)
            carried = None
            if len(hashes) == tiles.WIDTH:
                filled.append(tiles.tile_path(level, (self.size >> tiles.HEIGHT * level) // tiles.WIDTH - 1))
                files.place(filled[-1], b"".join(hashes))
                carried = merkle.root_of_hashes(hashes)
                self.levels[level] = []
                level += 1
        self.placed += filled
        return filled

    def finish(self, files: DurableDirectory) -> None:
        """Place the partial bundle and the partial tiles that changed."""
        if self.bundle:
            path = tiles.bundle_path(self.size // tiles.WIDTH, len(self.bundle))
            files.place(path, tiles.encode_bundle(self.bundle))
            self.placed.append(path)
        for level in sorted(self.changed):
            hashes = self.levels[level]
            if hashes:
                index = (self.size >> tiles.HEIGHT * level) // tiles.WIDTH
                path = tiles.tile_path(level, index, len(hashes))
                files.place(path, b"".join(hashes))
                self.placed.append(path)
