"""Merkle trees (RFC 6962 section 2.1, RFC 9162 section 2.1): roots, proofs and their verification. Pure.

A tree is seen through `node(level, index)`: the hash of the perfect subtree over the leaves
`index * 2**level .. (index + 1) * 2**level`. Who stores those hashes, and how, is the caller's business.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from expunge_reports.errors import ProofError

NodeLookup: TypeAlias = Callable[[int, int], bytes]

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the root over the given subtree hashes, left to right.

    All but the last must be roots of equally large perfect subtrees; the last may cover fewer leaves.
    """
    if not hashes:
        return EMPTY_ROOT
    layer = list(hashes)
    while len(layer) > 1:
        above = [node_hash(layer[i], layer[i + 1]) for i in range(0, len(layer) - 1, 2)]
        if len(layer) % 2:
            above.append(layer[-1])
        layer = above
    return layer[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append and to know the root, O(log n) in size.

    Attributes:
        size: the number of leaves.
        peaks: roots of the perfect subtrees that make up the tree, largest first (one per 1 bit of `size`).
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, hashed_leaf: bytes) -> "Frontier":
        """Return the frontier with one more leaf hash (32 bytes)."""
        peaks = [*self.peaks, hashed_leaf]
        carry = self.size
        while carry & 1:
            right = peaks.pop()
            peaks.append(node_hash(peaks.pop(), right))
            carry >>= 1
        return Frontier(self.size + 1, tuple(peaks))

    def root(self) -> bytes:
        """Return the root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def root(size: int, node: NodeLookup) -> bytes:
    """Return the root of the first `size` leaves."""
    return EMPTY_ROOT if size == 0 else _range(0, size, node)


def inclusion_proof(index: int, size: int, node: NodeLookup) -> list[bytes]:
    """Return PATH(index, D[0:size]) of RFC 6962 section 2.1.1, leaf's sibling first.

    Raises:
        ProofError: `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise ProofError("the leaf is not in a tree of this size")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        split = low + _split(high - low)
        if index < split:
            path.append(_range(split, high, node))
            high = split
        else:
            path.append(_range(low, split, node))
            low = split
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeLookup) -> list[bytes]:
    """Return PROOF(old, D[0:new]) of RFC 6962 section 2.1.2; empty if the sizes are equal.

    Raises:
        ProofError: not 0 < old <= new (nothing is provable about an empty tree).
    """
    if not 0 < old <= new:
        raise ProofError("a consistency proof needs 0 < old size <= new size")
    path: list[bytes] = []
    low, high, known = 0, new, True
    while old != high:
        split = low + _split(high - low)
        if old <= split:
            path.append(_range(split, high, node))
            high = split
        else:
            path.append(_range(low, split, node))
            low, known = split, False
    if not known:
        path.append(_range(low, high, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Check an inclusion proof (RFC 9162 section 2.1.3.2).

    Args:
        leaf: the leaf hash, 32 bytes.
        index: zero-based position of the leaf.
        size: the tree size that `expected_root` belongs to.
        proof: the sibling hashes, leaf's sibling first.
        expected_root: 32 bytes.

    Raises:
        ProofError: a hash has the wrong length, the proof has the wrong number of hashes, or it leads elsewhere.
    """
    _check_lengths([leaf, expected_root, *proof])
    if not 0 <= index < size:
        raise ProofError("the leaf is not in a tree of this size")
    # Sizes first: below the point where the path joins the right edge each level gives one hash, above it each 1 bit.
    inner = (index ^ (size - 1)).bit_length()
    if len(proof) != inner + (index >> inner).bit_count():
        raise ProofError("the proof has the wrong number of hashes")
    found = leaf
    for level, sibling in enumerate(proof[:inner]):
        found = node_hash(sibling, found) if index >> level & 1 else node_hash(found, sibling)
    for sibling in proof[inner:]:
        found = node_hash(sibling, found)
    if found != expected_root:
        raise ProofError


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of `new` leaves extends the tree of `old` leaves (RFC 9162 section 2.1.4.2).

    Raises:
        ProofError: not 0 < old <= new, a hash of the wrong length, or a proof that does not lead to both roots.
    """
    _check_lengths([old_root, new_root, *proof])
    if not 0 < old <= new:
        raise ProofError("a consistency proof needs 0 < old size <= new size")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError
        return
    # As for inclusion of the old tree's last leaf, starting at the largest perfect subtree that ends with it. If that
    # subtree is the whole old tree, its root is known and left out of the proof.
    skipped = (old & -old).bit_length() - 1
    inner = ((old - 1) ^ (new - 1)).bit_length() - skipped
    position = (old - 1) >> skipped
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if len(path) != 1 + inner + (position >> inner).bit_count():
        raise ProofError("the proof has the wrong number of hashes")
    old_found = new_found = path[0]
    for level, sibling in enumerate(path[1 : 1 + inner]):
        if position >> level & 1:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
        else:
            new_found = node_hash(new_found, sibling)
    for sibling in path[1 + inner :]:
        old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
    if old_found != old_root or new_found != new_root:
        raise ProofError


def _split(width: int) -> int:
    """Return the largest power of two below `width` (> 1)."""
    return 1 << ((width - 1).bit_length() - 1)


def _range(low: int, high: int, node: NodeLookup) -> bytes:
    """Return MTH(D[low:high]); `low` is a multiple of the largest power of two that fits."""
    width = high - low
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, low >> level)
    split = low + _split(width)
    return node_hash(_range(low, split, node), _range(split, high, node))


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if any(len(found) != HASH_SIZE for found in hashes):
        raise ProofError("a hash is not 32 bytes long")
