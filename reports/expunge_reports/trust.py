"""Trust file: the public keys and log identity a verifier relies on, published apart from receipts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from expunge_reports import canonical, dsse, json_fields
from expunge_reports.errors import MalformedError, NoteError, TrustError
from expunge_reports.log import signed_note
from expunge_reports.unsafe_characters import UNSAFE

FORMAT: Final = "expunge-trust/1"
_LONGEST_NAME: Final = 253  # of a host


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A key that signs statements.

    Attributes:
        public: the P-256 public key.
        valid_from: statements issued before this time are not accepted from it.
        valid_until: nor those issued after this one; None while the key is in use.
    """

    public: ec.EllipticCurvePublicKey
    valid_from: datetime
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """A parsed trust file.

    Attributes:
        operator: the name that verdicts print.
        receipt_keys: by key id.
        log: the log's key; its name is the origin.
        witnesses: keys that cosign checkpoints.
        quorum: how many of them must have cosigned for a checkpoint to count as anchored; 0 means never.
    """

    operator: str
    receipt_keys: Mapping[str, ReceiptKey]
    log: signed_note.VerifierKey
    witnesses: tuple[signed_note.VerifierKey, ...] = ()
    quorum: int = 0


def encode(trust: Trust) -> bytes:
    """Return the trust file, laid out for reading."""
    document = {
        "format": FORMAT,
        "operator": trust.operator,
        "receiptKeys": [_encode_key(keyid, key) for keyid, key in trust.receipt_keys.items()],
        "log": {"origin": trust.log.name, "vkey": trust.log.vkey},
        "witnesses": [{"vkey": witness.vkey} for witness in trust.witnesses],
        "quorum": trust.quorum,
    }
    data = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    parse(data)  # what is written is held to the rules of what is read
    return data


def single_key(
    operator: str, receipt: ec.EllipticCurvePublicKey, valid_from: datetime, log: signed_note.VerifierKey
) -> Trust:
    """Return the trust of an installation with one receipt key and no witnesses yet."""
    return Trust(operator, {dsse.key_id(receipt): ReceiptKey(receipt, valid_from)}, log)


def parse(data: bytes) -> Trust:
    """Read a trust file.

    Raises:
        TrustError: malformed, a key id that is not its key's, a key that is not P-256, or a quorum that cannot be met.
    """
    try:
        return _parse(canonical.parse(data))
    except (MalformedError, NoteError) as error:
        raise TrustError(f"the trust file cannot be used: {error}") from None


def _parse(value: object) -> Trust:
    members = json_fields.mapping(value, "it", ("format", "operator", "receiptKeys", "log", "witnesses", "quorum"))
    json_fields.constant(members["format"], FORMAT, "its format")
    operator = json_fields.text(members["operator"], "the operator")
    _printable(operator, "the operator")
    keys: dict[str, ReceiptKey] = {}
    for item in json_fields.sequence(members["receiptKeys"], "receiptKeys"):
        keyid, key = _parse_key(item)
        if keyid in keys:
            raise MalformedError("receiptKeys lists a key twice")
        keys[keyid] = key
    log = json_fields.mapping(members["log"], "log", ("origin", "vkey"))
    log_key = _vkey(log["vkey"], signed_note.LOG_KEY)
    json_fields.constant(log["origin"], log_key.name, "the log's origin")
    witnesses = tuple(
        _vkey(json_fields.mapping(item, "a witness", ("vkey",))["vkey"], signed_note.WITNESS_KEY)
        for item in json_fields.sequence(members["witnesses"], "witnesses")
    )
    # By key, not by name: one key under two names is one witness.
    if len({witness.public for witness in witnesses}) != len(witnesses):
        raise MalformedError("witnesses lists a key twice")
    # A log that witnesses for itself proves nothing about itself.
    if any(witness.public == log_key.public for witness in witnesses):
        raise MalformedError("a witness has the log's own key")
    quorum = json_fields.count(members["quorum"], "quorum")
    if quorum > len(witnesses):
        raise MalformedError("the quorum exceeds the witnesses")
    return Trust(operator, keys, log_key, witnesses, quorum)


def _encode_key(keyid: str, key: ReceiptKey) -> dict[str, str]:
    pem = key.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    encoded = {"keyid": keyid, "publicKeyPem": pem.decode(), "validFrom": _format(key.valid_from)}
    if key.valid_until is not None:
        encoded["validUntil"] = _format(key.valid_until)
    return encoded


def _parse_key(value: object) -> tuple[str, ReceiptKey]:
    members = json_fields.mapping(value, "a receipt key", ("keyid", "publicKeyPem", "validFrom"), ("validUntil",))
    try:
        public = serialization.load_pem_public_key(json_fields.text(members["publicKeyPem"], "publicKeyPem").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedError("publicKeyPem is not a public key") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise MalformedError("publicKeyPem is not a P-256 key")
    keyid = dsse.key_id(public)
    json_fields.constant(members["keyid"], keyid, "a receipt key's id")
    until = members.get("validUntil")
    return keyid, ReceiptKey(public, _time(members["validFrom"]), None if until is None else _time(until))


def _vkey(value: object, kind: int) -> signed_note.VerifierKey:
    key = signed_note.parse_vkey(json_fields.text(value, "vkey"))
    if key.kind != kind:
        raise MalformedError("a verifier key is of the wrong kind")
    _printable(key.name, "a verifier key")  # verdicts print it
    return key


def _printable(name: str, whose: str) -> None:
    if not name.strip() or UNSAFE.search(name) or len(name) > _LONGEST_NAME:
        raise MalformedError(f"{whose} has no printable name of at most {_LONGEST_NAME} characters")


def _time(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(json_fields.text(value, "a time"))
    except ValueError:
        raise MalformedError("a time is not RFC 3339") from None
    if found.tzinfo is None:
        raise MalformedError("a time has no zone")
    return found


def _format(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
