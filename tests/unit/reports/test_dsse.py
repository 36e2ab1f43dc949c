"""DSSE envelopes: the protocol's own vector, and securesystemslib as a second opinion."""

import base64
import copy
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from expunge_reports import canonical, dsse
from expunge_reports.errors import MalformedError, SignatureError

KEY = ec.generate_private_key(ec.SECP256R1())


def test_the_vector_of_the_dsse_protocol():
    public = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    ).public_key()
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    kind = "http://example.com/HelloWorld"
    assert dsse.pae(kind, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    dsse.verify(dsse.Envelope(b"hello world", "", signature, kind), public)
    with pytest.raises(SignatureError):
        dsse.verify(dsse.Envelope(b"hello worlD", "", signature, kind), public)


@given(st.binary(max_size=200))
def test_securesystemslib_accepts_what_we_sign(payload):
    data = dsse.sign(payload, KEY)
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keyid = dsse.key_id(KEY.public_key())
    oracle_key = SSlibKey(keyid, "ecdsa", "ecdsa-sha2-nistp256", {"public": pem.decode()})
    parsed = json.loads(data)
    oracle = OracleEnvelope.from_dict(copy.deepcopy(parsed))
    assert oracle.pae() == dsse.pae(dsse.PAYLOAD_TYPE, payload)
    assert list(oracle.verify([oracle_key], 1)) == [keyid]
    parsed["payload"] = base64.b64encode(payload + b"x").decode()
    with pytest.raises(VerificationError):
        OracleEnvelope.from_dict(parsed).verify([oracle_key], 1)


@given(st.binary(max_size=200))
def test_an_envelope_is_read_back(payload):
    signed = dsse.sign(payload, KEY)
    envelope = dsse.parse(signed)
    assert envelope.payload == payload
    assert signed == canonical.encode(envelope.to_object())
    assert dsse.payload_of(signed) == payload
    dsse.verify(envelope, KEY.public_key())
    with pytest.raises(SignatureError):
        dsse.verify(envelope, ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(payloadType="application/json"),
        lambda found: found.update(extra=1),
        lambda found: found.pop("payloadType"),
        lambda found: found.update(signatures=[]),
        lambda found: found["signatures"].append(found["signatures"][0]),
        lambda found: found["signatures"][0].pop("keyid"),
        lambda found: found["signatures"][0].update(cert="x"),
        lambda found: found.update(payload="!"),
        lambda found: found.update(payload="eA"),
        lambda found: found.update(payload="eB=="),
        lambda found: found.update(payload="eA==\n"),
        lambda found: found.update(payload=1),
    ],
)
def test_another_form_is_refused(change):
    found = json.loads(dsse.sign(b"x", KEY))
    change(found)
    with pytest.raises(MalformedError):
        dsse.from_object(found)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"payload":"eA==X', b'{"payload":"\xff"', b'{"payloadType":"x","payload":"eA=="}']
)
def test_no_payload_is_taken_from_anything_but_an_envelope_of_ours(data):
    with pytest.raises(MalformedError):
        dsse.payload_of(data)


def test_signing_again_changes_the_envelope_and_not_the_digest_that_is_logged():
    first, second = dsse.sign(b"x", KEY), dsse.sign(b"x", KEY)
    assert first != second
    assert dsse.pae_digest(dsse.parse(first).payload) == dsse.pae_digest(dsse.parse(second).payload)


def _other_form(signature: bytes) -> bytes:
    r, s = utils.decode_dss_signature(signature)
    return utils.encode_dss_signature(r, dsse.ORDER - s)


def test_every_signature_is_made_in_its_low_form():
    """(r, s) and (r, n - s) are both signatures of the same; only one of them is made, so that a twin stands out."""
    for number in range(100):
        envelope = dsse.parse(dsse.sign(b"%d" % number, KEY))
        assert not dsse.has_high_s(envelope.signature)
        dsse.verify(envelope, KEY.public_key())


def test_the_other_form_of_a_signature_is_told_and_verifies():
    envelope = dsse.parse(dsse.sign(b"x", KEY))
    twin = replace(envelope, signature=_other_form(envelope.signature))
    assert dsse.has_high_s(twin.signature)
    dsse.verify(twin, KEY.public_key())
