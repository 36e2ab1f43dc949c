"""C2SP signed notes, checkpoints and proof files, against the specification's own examples."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from expunge_reports.errors import NoteError, ProofError
from expunge_reports.log import merkle, proof_file, signed_note

# The example of c2sp.org/signed-note.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "\N{EM DASH} example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The test key of golang.org/x/mod/sumdb/note, whose signature is deterministic.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    f"{GO_TEXT}\n\N{EM DASH} PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "receipts.example.org"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
VERIFIER = signed_note.log_key(ORIGIN, KEY.public_key())
HEAD = signed_note.Checkpoint(ORIGIN, 7, bytes(range(32)))


def test_the_example_of_the_specification_verifies():
    assert signed_note.verify(EXAMPLE, signed_note.parse_vkey(EXAMPLE_KEY)) == "This is an example message.\n"


def test_the_go_vector_verifies_and_is_reproduced():
    assert signed_note.verify(GO_NOTE, signed_note.parse_vkey(GO_KEY)) == GO_TEXT
    assert signed_note.sign(GO_TEXT, "PeterNeumann", Ed25519PrivateKey.from_private_bytes(GO_SEED)) == GO_NOTE


@pytest.mark.parametrize("vkey", [EXAMPLE_KEY, GO_KEY])
def test_a_verifier_key_is_read_and_written(vkey):
    assert signed_note.parse_vkey(vkey).vkey == vkey


def test_no_mangled_verifier_key_is_read():
    for start in range(len(GO_KEY)):
        for end in range(start, len(GO_KEY)):
            if start or end < len(GO_KEY) - 1:
                with pytest.raises(NoteError):
                    signed_note.parse_vkey(GO_KEY[start:end])
    for at in range(len(GO_KEY)):
        mangled = GO_KEY[:at] + chr(ord(GO_KEY[at]) + 1) + GO_KEY[at + 1 :]
        with pytest.raises(NoteError):
            signed_note.parse_vkey(mangled)


P = 2**255 - 19


def doubled(point):
    """Edwards25519 (RFC 8032, 5.1.4), in affine coordinates."""
    x, y = point
    both = -121665 * pow(121666, -1, P) * x * x * y * y
    return (2 * x * y * pow(1 + both, -1, P)) % P, ((y * y + x * x) * pow(1 - both, -1, P)) % P


def points_of_small_order():
    """Every point that eight times itself is nothing: eight of them."""
    d = -121665 * pow(121666, -1, P) % P
    found = set()
    for y in (0, 1, P - 1, *(int.from_bytes(bytes.fromhex(one), "little") % 2**255 for one in ORDER_8)):
        square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        root = pow(square, (P + 3) // 8, P)
        x = root if root * root % P == square else root * pow(2, (P - 1) // 4, P) % P
        found |= {(x, y), (-x % P, y)}
    return found


ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)


def test_a_key_of_small_order_is_no_key():
    """Anybody can sign for it (RFC 8032, 5.1.7; Chalkias and others, "Taming the many EdDSAs")."""
    points = points_of_small_order()
    assert len(points) == 8
    encodings = set()
    for point in points:
        assert doubled(doubled(doubled(point))) == (0, 1)
        sign = point[0] & 1
        for y in {point[1], point[1] + P} & set(range(2**255 - 19, 2**255)) | {point[1]}:
            encodings |= {(y | side << 255).to_bytes(32, "little") for side in {sign, 0, 1}}
    assert len(encodings) == 14
    for material in encodings:
        for kind in (signed_note.LOG_KEY, signed_note.WITNESS_KEY):
            with pytest.raises(NoteError, match="small order"):
                signed_note.parse_vkey(signed_note.VerifierKey("witness.example", kind, material).vkey)


def test_one_flipped_bit_in_a_note_is_noticed():
    data = signed_note.sign_checkpoint(HEAD, KEY).encode()
    assert signed_note.verify_checkpoint(data.decode(), VERIFIER) == HEAD
    for position in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(NoteError):
            signed_note.verify_checkpoint(flipped.decode("utf-8", "surrogateescape"), VERIFIER)


def test_lines_by_unknown_keys_are_ignored_and_one_known_bad_line_spoils_the_note():
    signed = signed_note.sign_checkpoint(HEAD, KEY)
    stranger = Ed25519PrivateKey.generate()
    both = signed_note.cosign(signed, "witness.example", stranger, 1795500000)
    assert signed_note.verify_checkpoint(both, VERIFIER) == HEAD
    # Same name and key id, other signature.
    forged = base64.b64encode(VERIFIER.key_id + stranger.sign(HEAD.to_text().encode())).decode()
    with pytest.raises(NoteError):
        signed_note.verify(f"{signed}\N{EM DASH} {ORIGIN} {forged}\n", VERIFIER)
    with pytest.raises(NoteError):
        signed_note.verify(signed, signed_note.log_key(ORIGIN, stranger.public_key()))


def test_a_cosignature_tells_its_time_and_binds_it():
    witness = Ed25519PrivateKey.generate()
    key = signed_note.VerifierKey(
        "witness.example/w1", signed_note.WITNESS_KEY, witness.public_key().public_bytes_raw()
    )
    signed = signed_note.sign_checkpoint(HEAD, KEY)
    assert signed_note.witness_times(signed, key) == []
    cosigned = signed_note.cosign(signed, key.name, witness, 1795500000)
    assert signed_note.witness_times(cosigned, key) == [1795500000]
    assert signed_note.parse_vkey(key.vkey) == key
    line = cosigned.rstrip("\n").rpartition(" ")[2]
    signature = bytearray(base64.b64decode(line))
    signature[11] ^= 1
    with pytest.raises(NoteError):
        signed_note.witness_times(cosigned.replace(line, base64.b64encode(signature).decode()), key)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\n{'A' * 43}=\n",
        f"{ORIGIN}\n-7\n{'A' * 43}=\n",
        f"{ORIGIN}\n\u0667\n{'A' * 43}=\n",
        f"{ORIGIN}\n7\nAAAA\n",
        f"{ORIGIN}\n7\n{'A' * 43}=\nextension\n",
        f"other.example\n7\n{'A' * 43}=\n",
        f"{ORIGIN}\n7\n{'A' * 42}B=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text):
    with pytest.raises(NoteError):
        signed_note.verify_checkpoint(signed_note.sign(text, ORIGIN, KEY), VERIFIER)


@pytest.mark.parametrize(
    "origin", ["", "a/b", "A.example", "a b", "a+b", "https://a", ".a", "a.", "-a", "a..b", "a\n", "x" * 254]
)
def test_an_origin_is_a_bare_host_name(origin):
    with pytest.raises(NoteError):
        signed_note.log_key(origin, KEY.public_key())


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", "nul\x00\n", ""])
def test_what_could_not_be_read_back_is_not_signed(text):
    with pytest.raises(NoteError):
        signed_note.sign(text, ORIGIN, KEY)
    with pytest.raises(NoteError):
        signed_note.sign("fine\n", "a name", KEY)


@given(st.integers(0, 2**50), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_proof_file_is_read_back(index, hashes):
    written = proof_file.TlogProof(index, tuple(hashes), signed_note.sign_checkpoint(HEAD, KEY))
    assert proof_file.parse(written.to_text()) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 00\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex -1\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex \u0661\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0 \n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nother AAAA\nindex 0\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nextra AAAA\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\n!\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "AAAA\n" * 64 + "\ncheckpoint",
    ],
)
def test_a_malformed_proof_file_is_refused(text):
    with pytest.raises(ProofError):
        proof_file.parse(text)


def test_extra_data_of_a_proof_file_is_read_and_dropped():
    """The format allows the line; nothing authenticates it, so nothing is done with it."""
    plain = proof_file.TlogProof(7, (bytes(32),), signed_note.sign_checkpoint(HEAD, KEY))
    with_extra = plain.to_text().replace("\nindex ", "\nextra YWdlLXYxLjIuMQ==\nindex ", 1)
    assert proof_file.parse(with_extra) == plain


@pytest.mark.parametrize(("lines", "size"), [(16, 4900), (99, 100)])
def test_a_note_may_have_as_many_and_as_long_lines_as_the_format_has(lines, size):
    """c2sp.org/signed-note: at least 16 signatures, post-quantum ones of nearly 5 kB among them."""
    signed = signed_note.sign_checkpoint(HEAD, KEY)
    others = [
        f"\N{EM DASH} pq{number}.example {base64.b64encode(bytes([number]) * size).decode()}\n"
        for number in range(lines)
    ]
    assert signed_note.verify_checkpoint(signed + "".join(others), VERIFIER) == HEAD
    with pytest.raises(NoteError):
        signed_note.verify_checkpoint(signed + "".join(others) * 30, VERIFIER)


def test_a_proof_of_one_leaf_has_no_hashes():
    found = proof_file.parse(proof_file.TlogProof(0, (), signed_note.sign_checkpoint(HEAD, KEY)).to_text())
    merkle.verify_inclusion(merkle.leaf_hash(b"x"), found.index, 1, found.hashes, merkle.leaf_hash(b"x"))
