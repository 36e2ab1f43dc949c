"""Key files: one secret per file, in a directory readable by its owner only.

Six keys with six roles: sign receipts, sign the log's head, derive openings, tag suppressions, tag look-ups, wrap the
keys that seal a request. None can be computed from another, so who has one has no other.
"""

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from expunge_reports.errors import KeyFileError
from expunge_reports.log.durable_files import make_private, without_waiting

RECEIPT_FILE: Final = "receipt-signing.pem"
LOG_FILE: Final = "log-signing.pem"
OPENING_FILE: Final = "opening.key"
SUPPRESSION_FILE: Final = "suppression.key"
LOOKUP_FILE: Final = "lookup.key"
WRAPPING_FILE: Final = "wrapping.key"

_SECRET_FILES: Final = (OPENING_FILE, SUPPRESSION_FILE, LOOKUP_FILE, WRAPPING_FILE)
FILES: Final = (RECEIPT_FILE, LOG_FILE, *_SECRET_FILES)
_SECRET_SIZE: Final = 32
_SECRET_TEXT: Final = re.compile(rb"[0-9a-f]{64}\n?")
_MAX_FILE: Final = 16 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one installation. None of them shows in `repr`.

    Attributes:
        receipt: signs statements (ECDSA P-256).
        log: signs checkpoints (Ed25519).
        opening: derives the nonces of openings, 32 bytes; one per epoch.
        suppression: tags suppression entries, 32 bytes.
        lookup: tags identifiers for look-ups, 32 bytes.
        wrapping: wraps the keys that seal a request's identifiers, 32 bytes.
    """

    receipt: ec.EllipticCurvePrivateKey = field(repr=False)
    log: ed25519.Ed25519PrivateKey = field(repr=False)
    opening: bytes = field(repr=False)
    suppression: bytes = field(repr=False)
    lookup: bytes = field(repr=False)
    wrapping: bytes = field(repr=False)


def generate(directory: Path) -> KeyRing:
    """Make six new keys in `directory` (created with mode 0700, files 0600) and return them.

    Raises:
        KeyFileError: the directory is open to others, a key file is already there (nothing is ever overwritten), or
            the file system refuses.
    """
    try:
        make_private(directory)
        _check_private(directory.stat(), "the keys directory")
        if any((directory / name).exists() for name in FILES):
            raise KeyFileError("the keys directory already holds keys; they are never overwritten")
        _write_new(directory / RECEIPT_FILE, _pem(ec.generate_private_key(ec.SECP256R1())))
        _write_new(directory / LOG_FILE, _pem(ed25519.Ed25519PrivateKey.generate()))
        for name in _SECRET_FILES:
            _write_new(directory / name, secrets.token_hex(_SECRET_SIZE).encode() + b"\n")
        _sync_directory(directory)
    except OSError as error:
        raise KeyFileError(f"the keys could not be written ({error.strerror})") from None
    return load(directory)


def load(directory: Path) -> KeyRing:
    """Read the six keys of a directory.

    Raises:
        KeyFileError: a file is missing, no regular file, readable by group or others, another user's, or not a key of
            its kind.
    """
    try:
        _check_private(directory.stat(), "the keys directory")
    except OSError as error:
        raise KeyFileError(f"the keys directory cannot be read ({error.strerror})") from None
    receipt = _load_pem(directory / RECEIPT_FILE)
    if not isinstance(receipt, ec.EllipticCurvePrivateKey) or not isinstance(receipt.curve, ec.SECP256R1):
        raise KeyFileError(f"{RECEIPT_FILE} is not a P-256 private key")
    log = _load_pem(directory / LOG_FILE)
    if not isinstance(log, ed25519.Ed25519PrivateKey):
        raise KeyFileError(f"{LOG_FILE} is not an Ed25519 private key")
    return KeyRing(receipt, log, *(_load_secret(directory / name) for name in _SECRET_FILES))


def open_to_others(found: os.stat_result) -> bool:
    """Whether anybody but its owner has rights on a file or directory: then what is in it is no secret."""
    return bool(found.st_mode & _OTHERS)


def public_pem(public: ec.EllipticCurvePublicKey) -> str:
    """Return a public key as PEM, the form that cosign and openssl read."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_pem(path: Path) -> object:
    data = _read_private(path)
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise KeyFileError(f"{path.name} is not an unencrypted PEM private key") from None


def _load_secret(path: Path) -> bytes:
    data = _read_private(path)
    if not _SECRET_TEXT.fullmatch(data):
        raise KeyFileError(f"{path.name} is not 64 hexadecimal digits")
    return bytes.fromhex(data.decode())


def _read_private(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=without_waiting) as file:
            # Checked on what was opened, so that the name cannot be pointed elsewhere in between.
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyFileError(f"{path.name} is no regular file")
            _check_private(found, path.name)
            return file.read(_MAX_FILE)
    except OSError as error:
        raise KeyFileError(f"{path.name} cannot be read ({error.strerror})") from None


def _check_private(found: os.stat_result, what: str) -> None:
    if open_to_others(found):
        raise KeyFileError(f"{what} is open to group or others; take their rights away (chmod go=)")
    if found.st_uid not in {os.geteuid(), 0}:
        raise KeyFileError(f"{what} belongs to another user, who could sign in our name (chown {os.geteuid()})")


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
