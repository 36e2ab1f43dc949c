"""C2SP signed notes and checkpoints of the log (c2sp.org/signed-note, /tlog-checkpoint, /tlog-cosignature).

A note is text, an empty line, and signature lines `— name base64(key id || signature)`. Two kinds of Ed25519 key are
known: the log's own (type 0x01, signs the text) and a witness's (type 0x04, signs the text with a time before it).
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError, NoteError, UnknownNoteKeyError
from expunge_reports.log.merkle import HASH_SIZE

LOG_KEY: Final = 0x01
WITNESS_KEY: Final = 0x04
MAX_NOTE: Final = 256 * 1024  # signed-note asks for 16 lines at least, of up to nearly 5 kB each

_KEY_ID_SIZE: Final = 4
_TIME_SIZE: Final = 8
_MAX_SIGNATURES: Final = 100
# The y of the points that eight times themselves are nothing, also those that are not reduced (RFC 8032, 5.1.3). A
# signature that anybody makes verifies under such a key.
_FIELD: Final = 2**255 - 19
_ORDER_EIGHT: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER: Final = frozenset({0, 1, _FIELD - 1, _FIELD, _FIELD + 1, _ORDER_EIGHT, _FIELD - _ORDER_EIGHT})
_KEY_HEX: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key that signs notes under a name.

    Attributes:
        name: without white space or `+`.
        kind: `LOG_KEY` or `WITNESS_KEY`.
        public: the Ed25519 public key, 32 bytes.
    """

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before a signature: the start of SHA-256(name || newline || kind || key)."""
        hashed = hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public)
        return hashed.digest()[:_KEY_ID_SIZE]

    @property
    def vkey(self) -> str:
        """The key as text: `name+hex key id+base64(kind || key)`."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's signed head.

    Attributes:
        origin: the log's name.
        size: the number of leaves.
        root: the Merkle root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_vkey(vkey: str) -> VerifierKey:
    """Read a verifier key.

    Raises:
        NoteError: malformed, an unknown kind of key, a key id that does not belong to the key, or a key of small order.
    """
    try:
        name, key_hex, encoded = vkey.split("+", 2)
        material = json_fields.base64_bytes(encoded, "the verifier key")
    except (ValueError, MalformedError):
        raise NoteError("the verifier key is malformed") from None
    if not _is_name(name) or not _KEY_HEX.fullmatch(key_hex) or len(material) != 1 + HASH_SIZE:
        raise NoteError("the verifier key is malformed")
    key = VerifierKey(name, material[0], material[1:])
    if key.kind not in (LOG_KEY, WITNESS_KEY):
        raise NoteError("the verifier key is of an unknown kind")
    if key.key_id.hex() != key_hex:
        raise NoteError("the verifier key's id does not belong to the key")
    if int.from_bytes(key.public, "little") % 2**255 in _SMALL_ORDER:
        raise NoteError("the verifier key is a point of small order, for which anybody can sign")
    return key


def log_key(origin: str, public: Ed25519PublicKey) -> VerifierKey:
    """Return the verifier key of a log.

    Raises:
        NoteError: the origin is not a bare host name in lower case (Sigstore clients derive the name from a host).
    """
    if not _HOST.fullmatch(origin):
        raise NoteError("the log's origin is not a bare host name in lower case")
    return VerifierKey(origin, LOG_KEY, public.public_bytes_raw())


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """Return the signed note over `text` (which ends in a newline).

    Ed25519 is deterministic: the same text and key give the same note.

    Raises:
        NoteError: the text or the name could not be read back.
    """
    if not text.endswith("\n") or not _is_printable(text):
        raise NoteError("a note's text ends in a newline and holds no control characters")
    if not _is_name(name):
        raise NoteError("a key name has no white space and no plus sign")
    verifier = VerifierKey(name, LOG_KEY, key.public_key().public_bytes_raw())
    return f"{text}\n{_signature_line(verifier, key.sign(text.encode()))}"


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the checkpoint as a note signed by the log, whose key name is the origin."""
    return sign(checkpoint.to_text(), checkpoint.origin, key)


def cosign(note: str, name: str, key: Ed25519PrivateKey, time: int) -> str:
    """Return the note with a witness's line added: its statement that at `time` (POSIX seconds) this was the head."""
    text, _ = split(note)
    verifier = VerifierKey(name, WITNESS_KEY, key.public_key().public_bytes_raw())
    signature = key.sign(_cosigned(text, time))
    return note + _signature_line(verifier, time.to_bytes(_TIME_SIZE) + signature)


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a note's text and its signature lines as (key name, key id and signature). Nothing is verified.

    Raises:
        NoteError: the note is malformed or too large.
    """
    if len(note) > MAX_NOTE or not _is_printable(note):
        raise NoteError("the note is too large or holds characters that notes may not")
    text, separator, block = note.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise NoteError("the note has no signatures")
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise NoteError("the note has too many signatures")
    return text + "\n", [_parse_line(line) for line in lines]


def verify(note: str, key: VerifierKey) -> str:
    """Return the text of a note that `key` signed.

    Raises:
        UnknownNoteKeyError: no line is by this key.
        NoteError: malformed, or a line by this key has a signature that fails.
    """
    text, lines = split(note)
    found = [signature for name, signature in lines if _belongs(name, signature, key)]
    if not found:
        raise UnknownNoteKeyError
    for signature in found:
        _check(key, signature[_KEY_ID_SIZE:], text.encode())
    return text


def verify_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint signed by the log with this key.

    Raises:
        NoteError: as for `verify`; or the text is no checkpoint of this origin. Extension lines are refused: monitors
            cannot audit them, and this log writes none.
    """
    lines = verify(note, key).split("\n")
    try:
        origin, size, encoded, end = lines
        root = json_fields.base64_bytes(encoded, "the root hash")
    except (ValueError, MalformedError):
        raise NoteError("the checkpoint is malformed") from None
    if end or not _DECIMAL.fullmatch(size) or len(root) != HASH_SIZE:
        raise NoteError("the checkpoint is malformed")
    if origin != key.name:
        raise NoteError("the checkpoint is of another log")
    return Checkpoint(origin, int(size), root)


def witness_times(note: str, key: VerifierKey) -> list[int]:
    """Return the times (POSIX seconds) at which this witness cosigned the note, by its own clock.

    Raises:
        NoteError: a line bears the witness's name and key id, and its signature fails.
    """
    text, lines = split(note)
    times: list[int] = []
    for name, signature in lines:
        if _belongs(name, signature, key):
            time = int.from_bytes(signature[_KEY_ID_SIZE : _KEY_ID_SIZE + _TIME_SIZE])
            _check(key, signature[_KEY_ID_SIZE + _TIME_SIZE :], _cosigned(text, time))
            times.append(time)
    return times


def _signature_line(key: VerifierKey, signature: bytes) -> str:
    return f"\N{EM DASH} {key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def _parse_line(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        signature = json_fields.base64_bytes(encoded, "the signature")
    except MalformedError:
        raise NoteError("a signature line is malformed") from None
    if dash != "\N{EM DASH}" or not _is_name(name) or len(signature) <= _KEY_ID_SIZE:
        raise NoteError("a signature line is malformed")
    return name, signature


def _belongs(name: str, signature: bytes, key: VerifierKey) -> bool:
    return name == key.name and signature[:_KEY_ID_SIZE] == key.key_id


def _check(key: VerifierKey, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise NoteError("the note's signature does not verify") from None


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _is_printable(text: str) -> bool:
    # Surrogates have no UTF-8 form; they come of a caller that decoded with "surrogateescape".
    return all(letter == "\n" or " " <= letter < "\ud800" or letter > "\udfff" for letter in text)
