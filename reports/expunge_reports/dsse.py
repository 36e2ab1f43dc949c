"""DSSE v1 envelopes (github.com/secure-systems-lab/dsse) with one ECDSA P-256 / SHA-256 signature in DER.

Of the two forms that each signature has, (r, s) and (r, n - s), the one with the low s is made. Both verify, here as
everywhere: a KMS makes either, and DSSE does not say which.

P-256 rather than Ed25519, because a cloud KMS signs a digest of any payload with it and Ed25519 only short messages.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from expunge_reports import canonical, json_fields
from expunge_reports.errors import MalformedError, SignatureError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (NIST SP 800-186, section 3.2.1.3): n."""

_ALGORITHM: Final = ec.ECDSA(hashes.SHA256())
_BEFORE_PAYLOAD: Final = b'{"payload":"'
_ENVELOPE: Final = (
    _BEFORE_PAYLOAD + b'%b","payloadType":"' + PAYLOAD_TYPE.encode() + b'","signatures":[{"keyid":"%b","sig":"%b"}]}'
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope: nothing in it is verified yet.

    Attributes:
        payload: the signed bytes.
        keyid: SHA-256 (hex) of the signing key's DER SubjectPublicKeyInfo; a hint, never a proof.
        signature: ECDSA signature, DER.
        payload_type: the media type, part of what is signed.
    """

    payload: bytes
    keyid: str
    signature: bytes
    payload_type: str = PAYLOAD_TYPE

    def to_object(self) -> dict[str, object]:
        """Return the envelope as plain JSON data."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}],
        }


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE v1: what is signed, and what the log's leaf is a digest of."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def pae_digest(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> str:
    """Return SHA-256 (hex) of the pre-authentication encoding."""
    return hashlib.sha256(pae(payload_type, payload)).hexdigest()


def key_id(public: ec.EllipticCurvePublicKey) -> str:
    """Return SHA-256 (hex) of the key's DER SubjectPublicKeyInfo."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


class Signer:
    """Signs many payloads with one key, whose id is computed once.

    Args:
        key: the receipt key.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self._keyid = key_id(key.public_key()).encode()

    def sign(self, payload: bytes) -> bytes:
        """Sign a payload and return the envelope as canonical JSON.

        ECDSA is randomised: signing twice gives two envelopes, both valid, with one leaf in the log.
        """
        signature = _low_s(self._key.sign(pae(PAYLOAD_TYPE, payload), _ALGORITHM))
        # The members in their canonical order; base64 and hexadecimal digits need no escapes in JSON.
        return _ENVELOPE % (base64.b64encode(payload), self._keyid, base64.b64encode(signature))


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Sign one payload (see `Signer.sign`)."""
    return Signer(key).sign(payload)


def parse(data: bytes) -> Envelope:
    """Parse an envelope from JSON bytes in any layout.

    Raises:
        MalformedError: as for `from_object`.
    """
    return from_object(canonical.parse(data))


def payload_of(data: bytes) -> bytes:
    """Return the payload of an envelope that `Signer` made, without looking at the rest of it.

    Raises:
        MalformedError: it is none.
    """
    end = data.find(b'"', len(_BEFORE_PAYLOAD))
    if not data.startswith(_BEFORE_PAYLOAD) or end < 0:
        raise MalformedError("the envelope is not one that was signed here")
    return json_fields.base64_bytes(data[len(_BEFORE_PAYLOAD) : end].decode(errors="replace"), "the payload")


def from_object(value: object) -> Envelope:
    """Read an envelope from parsed JSON.

    Raises:
        MalformedError: other members, another payload type, not exactly one signature, base64 that is not canonical.
    """
    members = json_fields.mapping(value, "the envelope", ("payload", "payloadType", "signatures"))
    json_fields.constant(members["payloadType"], PAYLOAD_TYPE, "the envelope's payload type")
    signatures = json_fields.sequence(members["signatures"], "the envelope's signatures")
    if len(signatures) != 1:
        raise MalformedError("the envelope does not hold exactly one signature")
    signature = json_fields.mapping(signatures[0], "the signature", ("keyid", "sig"))
    return Envelope(
        payload=json_fields.base64_bytes(json_fields.text(members["payload"], "the payload"), "the payload"),
        keyid=json_fields.text(signature["keyid"], "the key id"),
        signature=json_fields.base64_bytes(json_fields.text(signature["sig"], "the signature"), "the signature"),
    )


def has_high_s(signature: bytes) -> bool:
    """Tell whether a signature that verifies has the form that is not made here."""
    _, s = utils.decode_dss_signature(signature)
    return s > ORDER // 2


def _low_s(signature: bytes) -> bytes:
    r, s = utils.decode_dss_signature(signature)
    return signature if s <= ORDER // 2 else utils.encode_dss_signature(r, ORDER - s)


def verify(envelope: Envelope, public: ec.EllipticCurvePublicKey) -> None:
    """Check the envelope's signature.

    Raises:
        SignatureError: it was not made by this key over this payload and type.
    """
    signed = pae(envelope.payload_type, envelope.payload)
    try:
        public.verify(envelope.signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise SignatureError from None
