"""The trust file: read strictly, because everything else rests on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from expunge_reports import keys, trust
from expunge_reports.errors import TrustError
from expunge_reports.log import signed_note

RECEIPT = ec.generate_private_key(ec.SECP256R1()).public_key()
LOG = signed_note.log_key("receipts.example.org", ed25519.Ed25519PrivateKey.generate().public_key())
WITNESS = signed_note.VerifierKey("w.example", signed_note.WITNESS_KEY, bytes(range(32)))
GOOD = trust.single_key("Example GmbH", RECEIPT, datetime(2026, 1, 1, tzinfo=UTC), LOG)


def test_a_trust_file_is_read_back():
    for given in (
        GOOD,
        replace(GOOD, witnesses=(WITNESS,), quorum=1),
        replace(
            GOOD,
            receipt_keys={
                keyid: replace(key, valid_until=datetime(2027, 1, 1, tzinfo=UTC))
                for keyid, key in GOOD.receipt_keys.items()
            },
        ),
    ):
        assert trust.parse(trust.encode(given)) == given


def test_its_layout_is_the_documented_one():
    document = json.loads(trust.encode(GOOD))
    ((keyid, _),) = GOOD.receipt_keys.items()
    assert document == {
        "format": "expunge-trust/1",
        "operator": "Example GmbH",
        "receiptKeys": [
            {"keyid": keyid, "publicKeyPem": keys.public_pem(RECEIPT), "validFrom": "2026-01-01T00:00:00Z"}
        ],
        "log": {"origin": "receipts.example.org", "vkey": LOG.vkey},
        "witnesses": [],
        "quorum": 0,
    }


UNPRINTABLE = ("a\x9b31mb.example", "a\u202eb.example", "a\x1b[31mb", "a" * 254)
"""Names that would reach a terminal as they are."""


def named(key: signed_note.VerifierKey, name: str) -> str:
    return replace(key, name=name).vkey


P384 = keys.public_pem(ec.generate_private_key(ec.SECP384R1()).public_key())


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(format="expunge-trust/2"),
        lambda found: found.update(operator=" "),
        lambda found: found.update(operator="a\x1b[2Jb"),
        lambda found: found.update(operator="a" * 254),
        lambda found: found.update(extra=1),
        lambda found: found.pop("quorum"),
        lambda found: found.update(quorum=1),
        lambda found: found.update(quorum=-1),
        lambda found: found.update(quorum=True),
        lambda found: found["receiptKeys"].append(found["receiptKeys"][0]),
        lambda found: found["receiptKeys"][0].update(keyid="0" * 64),
        lambda found: found["receiptKeys"][0].update(publicKeyPem="nonsense"),
        lambda found: found["receiptKeys"][0].update(publicKeyPem=P384),
        lambda found: found["receiptKeys"][0].update(validFrom="2026-01-01T00:00:00"),
        lambda found: found["receiptKeys"][0].update(validFrom="soon"),
        lambda found: found["log"].update(origin="other.example"),
        lambda found: found["log"].update(vkey=WITNESS.vkey),
        lambda found: found["log"].update(vkey="\ud800" + LOG.vkey, origin="\ud800receipts.example.org"),
        lambda found: found["receiptKeys"][0].update(publicKeyPem="\ud800"),
        *(lambda found, name=name: found["log"].update(origin=name, vkey=named(LOG, name)) for name in UNPRINTABLE),
        *(lambda found, name=name: found.update(witnesses=[{"vkey": named(WITNESS, name)}]) for name in UNPRINTABLE),
        lambda found: found.update(witnesses=[{"vkey": LOG.vkey}]),
        lambda found: found.update(witnesses=[{"vkey": WITNESS.vkey}] * 2),
        lambda found: found.update(witnesses=[{"vkey": replace(WITNESS, public=LOG.public).vkey}], quorum=1),
        lambda found: found.update(witnesses=[{"vkey": WITNESS.vkey}, {"vkey": replace(WITNESS, name="v").vkey}]),
    ],
)
def test_a_contradiction_is_refused(change):
    document = json.loads(trust.encode(GOOD))
    change(document)
    with pytest.raises(TrustError):
        trust.parse(json.dumps(document).encode())


def test_text_that_is_no_json_is_refused():
    for data in (b"", b"{", b'{"format":1,"format":1}', b"\xff"):
        with pytest.raises(TrustError):
            trust.parse(data)
