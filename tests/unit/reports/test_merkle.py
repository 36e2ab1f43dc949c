"""RFC 6962 trees: the well-known vectors, a literal transcription of the RFC as oracle, and tampered proofs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_reports.errors import ProofError
from expunge_reports.log import merkle

# The test tree of the Certificate Transparency code bases.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:  # noqa: FBT001 - the RFC's b
    """SUBPROOF of RFC 6962 section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def node_of(leaves: list[bytes]):
    def node(level: int, index: int) -> bytes:
        assert (index + 1) << level <= len(leaves)
        return mth(leaves[index << level : (index + 1) << level])

    return node


def numbered(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


def test_the_known_roots():
    frontier = merkle.Frontier()
    assert frontier.root() == merkle.root(0, node_of([])) == hashlib.sha256(b"").digest()
    for size, root in enumerate(ROOTS, 1):
        frontier = frontier.append(merkle.leaf_hash(LEAVES[size - 1]))
        assert frontier.root() == root
        assert len(frontier.peaks) == size.bit_count()
        assert merkle.root(size, node_of(LEAVES)) == root
        assert merkle.root_of_hashes([merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]) == root


def test_the_known_proofs():
    assert [found.hex()[:8] for found in merkle.consistency_proof(6, 8, node_of(LEAVES))] == [
        "0ebc5d34",
        "ca854ea1",
        "d37ee418",
    ]
    assert [found.hex()[:8] for found in merkle.consistency_proof(2, 5, node_of(LEAVES))] == ["5f083f0a", "bc1a0643"]
    assert merkle.inclusion_proof(2, 3, node_of(LEAVES)) == [ROOTS[1]]


@pytest.mark.parametrize("size", [*range(1, 35), 64, 65])
def test_every_inclusion_proof_is_the_rfcs_and_verifies(size):
    leaves = numbered(size)
    root = mth(leaves)
    for index in range(size):
        found = merkle.inclusion_proof(index, size, node_of(leaves))
        assert found == path(index, leaves)
        merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, size, found, root)


@pytest.mark.parametrize("new", [*range(1, 35), 64, 65])
def test_every_consistency_proof_is_the_rfcs_and_verifies(new):
    leaves = numbered(new)
    for old in range(1, new + 1):
        found = merkle.consistency_proof(old, new, node_of(leaves))
        assert found == subproof(old, leaves, True)
        merkle.verify_consistency(old, new, found, mth(leaves[:old]), mth(leaves))


@given(st.data())
def test_a_tampered_inclusion_proof_fails(data):
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = numbered(size)
    good = merkle.inclusion_proof(index, size, node_of(leaves))
    leaf, root = merkle.leaf_hash(leaves[index]), mth(leaves)
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = [bytes([item[0] ^ 1]) + item[1:] if place == at else item for place, item in enumerate(good)]
    other = data.draw(st.integers(-1, size + 1).filter(lambda found: found != index))
    for tampered in (
        (leaf, index, size, flipped, root),
        (leaf, index, size, good[:-1], root),
        (leaf, index, size, [*good, root], root),
        (leaf, index, size, [leaf, *good], root),
        (leaf, other, size, good, root),
        (merkle.leaf_hash(b"other"), index, size, good, root),
        (leaf, index, size, good, merkle.leaf_hash(root)),
        (leaf, index, size, good, root + b"\x00"),
        (leaf[:-1], index, size, good, root),
        (b"", index, size, good, root),
        (leaf, index, size, [item + b"\x00" for item in good], root),
        (leaf, 0, 0, [], root),
    ):
        with pytest.raises(ProofError):
            merkle.verify_inclusion(*tampered)


@given(st.data())
def test_a_tampered_consistency_proof_fails(data):
    new = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, new - 1))
    leaves = numbered(new)
    good = merkle.consistency_proof(old, new, node_of(leaves))
    old_root, new_root = mth(leaves[:old]), mth(leaves)
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = [bytes([item[0] ^ 1]) + item[1:] if place == at else item for place, item in enumerate(good)]
    for tampered in (
        (old, new, flipped, old_root, new_root),
        (old, new, good[:-1], old_root, new_root),
        (old, new, [*good, new_root], old_root, new_root),
        (old, new, [], old_root, new_root),
        (old, new, good, new_root, old_root),
        (old, new, good, old_root, merkle.leaf_hash(new_root)),
        (new, old, good, old_root, new_root),
        (0, new, [], merkle.EMPTY_ROOT, new_root),
        (old, new, good, old_root[:-1], new_root),
        (new, new, [], old_root, new_root),
        (new, new, [new_root], new_root, new_root),
    ):
        with pytest.raises(ProofError):
            merkle.verify_consistency(*tampered)


def test_a_proof_that_would_hash_up_but_claims_another_size_fails():
    two = numbered(2)
    root, leaf = mth(two), merkle.leaf_hash(two[0])
    merkle.verify_inclusion(leaf, 0, 2, [merkle.leaf_hash(two[1])], root)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(leaf, 0, 4, [merkle.leaf_hash(two[1])], root)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(b"short", 0, 1, [], b"short")
    with pytest.raises(ProofError):
        merkle.verify_consistency(1, 1, [], b"short", b"short")
    with pytest.raises(ProofError):
        merkle.verify_consistency(1, 4, [merkle.leaf_hash(two[1])], leaf, root)


def test_no_proof_is_made_about_what_is_not_there():
    for make, arguments in (
        (merkle.inclusion_proof, (3, 3)),
        (merkle.inclusion_proof, (-1, 3)),
        (merkle.consistency_proof, (0, 3)),
        (merkle.consistency_proof, (4, 3)),
    ):
        with pytest.raises(ProofError):
            make(*arguments, node_of(numbered(3)))
