"""C2SP tlog-tiles layout (c2sp.org/tlog-tiles): paths of hashes and leaves, and reading a tree from them.

A tile holds up to 256 hashes of one level; each hash of level L covers 256**L leaves. Entry bundles hold the leaf bytes
themselves, each behind its length in two bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from expunge_reports.errors import LogCorruptError, LogError
from expunge_reports.log import merkle

WIDTH: Final = 256
HEIGHT: Final = 8
MAX_LEAF: Final = 2**16 - 1

_CACHED_TILES: Final = 256

Read: TypeAlias = Callable[[str, int], bytes | None]
"""Returns the bytes of a path below the log's directory, or None if there is none; refuses more than so many."""

_TILE_SIZE: Final = WIDTH * merkle.HASH_SIZE
_BUNDLE_SIZE: Final = WIDTH * (2 + MAX_LEAF)


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile; a width below 256 means a partial one."""
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Return the path of an entry bundle; a width below 256 means a partial one."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


def encode_bundle(leaves: Iterable[bytes]) -> bytes:
    """Return an entry bundle.

    Raises:
        LogError: a leaf has more than 65535 bytes.
    """
    parts: list[bytes] = []
    for leaf in leaves:
        if len(leaf) > MAX_LEAF:
            raise LogError("a leaf is longer than 65535 bytes")
        parts += [len(leaf).to_bytes(2), leaf]
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """Return the leaves of an entry bundle.

    Raises:
        LogCorruptError: its lengths do not add up.
    """
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2])
        if at + 2 > len(data) or end > len(data):
            raise LogCorruptError("an entry bundle is cut short")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves


@dataclass(frozen=True, slots=True)
class TiledTree:
    """A tree of a fixed size, read from tiles on demand. At most 256 tiles (2 MiB) and the last bundle are kept.

    Attributes:
        read: access to the log's files.
        size: the number of leaves; what lies beyond in the files is never looked at.
    """

    read: Read
    size: int
    _cache: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)
    _bundles: dict[int, list[bytes]] = field(default_factory=dict, repr=False)

    def levels(self) -> int:
        """Return how many levels of tiles the tree has."""
        levels = 0
        while self.size >> HEIGHT * levels:
            levels += 1
        return levels

    def width(self, level: int, index: int) -> int:
        """Return how many hashes of a tile belong to the tree, 0 to 256."""
        return max(0, min(WIDTH, (self.size >> HEIGHT * level) - index * WIDTH))

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, 32 bytes each.

        Raises:
            LogCorruptError: the tile is missing or too short.
        """
        cached = self._cache.get((level, index))
        if cached is not None:
            return cached
        width = self.width(level, index)
        # A partial tile may have been deleted once its full one exists (a reader of an older checkpoint sees this).
        data = self.read(tile_path(level, index, width), _TILE_SIZE) or self.read(tile_path(level, index), _TILE_SIZE)
        size = width * merkle.HASH_SIZE
        if data is None or width == 0 or len(data) < size:
            raise LogCorruptError("a tile is missing or too short")
        if len(self._cache) >= _CACHED_TILES:
            self._cache.clear()
        self._cache[level, index] = data[:size]
        return data[:size]

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a perfect subtree (see `merkle`)."""
        inside = level % HEIGHT
        first = index << inside
        tile, at = divmod(first, WIDTH)
        hashes = split_hashes(self.tile(level // HEIGHT, tile)[at * merkle.HASH_SIZE :])
        return merkle.root_of_hashes(hashes[: 1 << inside])

    def edge(self) -> list[list[bytes]]:
        """Return the hashes of the rightmost partial tile of each level; an empty list where there is none."""
        found: list[list[bytes]] = []
        for level in range(self.levels()):
            index = (self.size >> HEIGHT * level) // WIDTH
            found.append(split_hashes(self.tile(level, index)) if self.width(level, index) else [])
        return found

    def bundle(self, index: int) -> list[bytes]:
        """Return the leaves of an entry bundle, checked against the tile of their hashes.

        Raises:
            LogCorruptError: the bundle is missing, or a leaf does not have the hash in the tile.
        """
        cached = self._bundles.get(index)
        if cached is not None:
            return cached
        width = self.width(0, index)
        data = self.read(bundle_path(index, width), _BUNDLE_SIZE) or self.read(bundle_path(index), _BUNDLE_SIZE)
        if data is None:
            raise LogCorruptError("an entry bundle is missing")
        leaves = decode_bundle(data)[:width]
        if [merkle.leaf_hash(leaf) for leaf in leaves] != split_hashes(self.tile(0, index)):
            raise LogCorruptError("an entry bundle does not match its tile")
        self._bundles.clear()
        self._bundles[index] = leaves
        return leaves


def root_of_edge(edge: Iterable[list[bytes]]) -> bytes:
    """Return the tree's root from the partial tiles of each level, lowest level first."""
    below: list[bytes] = []
    for hashes in edge:
        # What lies right of this level's hashes, taken together, covers fewer leaves than one of them does.
        together = [*hashes, *below]
        below = [merkle.root_of_hashes(together)] if together else []
    return below[0] if below else merkle.EMPTY_ROOT


def split_hashes(data: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [data[at : at + merkle.HASH_SIZE] for at in range(0, len(data), merkle.HASH_SIZE)]


def _number(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
