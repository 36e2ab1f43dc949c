"""Key files are private, are never overwritten, and never show."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from expunge_reports import dsse, keys
from expunge_reports.errors import KeyFileError

FILES = [
    keys.RECEIPT_FILE,
    keys.LOG_FILE,
    keys.OPENING_FILE,
    keys.SUPPRESSION_FILE,
    keys.LOOKUP_FILE,
    keys.WRAPPING_FILE,
]
SECRETS = FILES[2:]


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "deep" / "keys"
    keys.generate(made)
    return made


def test_generated_keys_are_private_and_distinct(directory):
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert sorted(path.name for path in directory.iterdir()) == sorted(FILES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    ring = keys.load(directory)
    held = [ring.opening, ring.suppression, ring.lookup, ring.wrapping]
    assert [len(secret) for secret in held] == [32] * 4
    assert len(set(held)) == 4


def test_modes_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        keys.generate(tmp_path / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / keys.WRAPPING_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_loading_gives_the_same_keys(directory):
    first, second = keys.load(directory), keys.load(directory)
    assert first.wrapping == second.wrapping
    assert dsse.key_id(first.receipt.public_key()) == dsse.key_id(second.receipt.public_key())
    pem = keys.public_pem(first.receipt.public_key()).encode()
    assert serialization.load_pem_public_key(pem) == first.receipt.public_key()


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten(directory, name):
    kept = (directory / name).read_bytes()
    for other in FILES:
        if other != name:
            (directory / other).unlink()
    with pytest.raises(KeyFileError):
        keys.generate(directory)
    assert (directory / name).read_bytes() == kept
    assert [path.name for path in directory.iterdir()] == [name]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644])
def test_a_file_open_to_others_is_refused(directory, name, mode):
    (directory / name).chmod(mode)
    with pytest.raises(KeyFileError, match=name):
        keys.load(directory)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701])
def test_a_directory_open_to_others_is_refused(directory, tmp_path, mode):
    directory.chmod(mode)
    with pytest.raises(KeyFileError):
        keys.load(directory)
    other = tmp_path / "other"
    other.mkdir()
    other.chmod(mode)
    with pytest.raises(KeyFileError):
        keys.generate(other)
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_damaged_file_is_named_and_not_quoted(directory, name):
    path = directory / name
    data = path.read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"secret" + data[20:], b"00" * 31, b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(KeyFileError, match=name) as caught:
            keys.load(directory)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
    path.unlink()
    with pytest.raises(KeyFileError, match=name):
        keys.load(directory)


def test_a_key_of_the_wrong_kind_is_refused(directory):
    receipt, log = directory / keys.RECEIPT_FILE, directory / keys.LOG_FILE
    data = receipt.read_bytes(), log.read_bytes()
    receipt.write_bytes(data[1])
    with pytest.raises(KeyFileError):
        keys.load(directory)
    receipt.write_bytes(
        ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(KeyFileError):
        keys.load(directory)
    receipt.write_bytes(data[0])
    log.write_bytes(data[0])
    with pytest.raises(KeyFileError):
        keys.load(directory)


def test_no_key_shows_in_repr(directory):
    assert repr(keys.load(directory)) == "KeyRing()"


def test_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises(KeyFileError):
        keys.load(tmp_path / "nothing")


@pytest.mark.parametrize("what", ["directory", keys.WRAPPING_FILE, keys.RECEIPT_FILE])
def test_keys_of_another_user_are_refused(directory, monkeypatch, what):
    """Root can read them, and the one who wrote them would sign in our name."""
    theirs = (directory if what == "directory" else directory / what).stat()
    true_stat, true_fstat = Path.stat, os.fstat

    def owned_by_another(found):
        return os.stat_result((*found[:4], found.st_uid + 1000, *found[5:])) if found.st_ino == theirs.st_ino else found

    monkeypatch.setattr(Path, "stat", lambda path, **options: owned_by_another(true_stat(path, **options)))
    monkeypatch.setattr(os, "fstat", lambda descriptor: owned_by_another(true_fstat(descriptor)))
    with pytest.raises(KeyFileError, match="belongs to another user"):
        keys.load(directory)
