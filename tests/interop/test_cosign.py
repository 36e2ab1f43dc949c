"""Debian's cosign, which we did not write, accepts our envelope with the right opening and with no other."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from expunge_reports import dsse, keys, opening, statement, statement_payload

EPOCH = b"\x07" * 32


@dataclass
class Files:
    """What a data subject hands to an auditor, on disk."""

    directory: Path
    series: str

    def write(self, name: str, data: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(data)
        return path

    def cosign(self, blob: str, envelope: str = "env.dsse.json", key: str = "pub.pem") -> subprocess.CompletedProcess:
        found = shutil.which("cosign")
        if found is None:
            pytest.fail("cosign is not installed: apt-get install -y cosign (2.5 of Debian 13 or later)")
        return subprocess.run(
            [
                found,
                "verify-blob-attestation",
                "--key",
                str(self.directory / key),
                "--signature",
                str(self.directory / envelope),
                "--type",
                statement.PREDICATE_TYPE,
                "--insecure-ignore-tlog",
                str(self.directory / blob),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"HOME": str(self.directory), "PATH": "/usr/bin:/bin"},
        )


@pytest.fixture
def files(tmp_path):
    made = Files(tmp_path, statement.new_series())
    key = ec.generate_private_key(ec.SECP256R1())
    openings = [
        opening.make(EPOCH, made.series, "email/1", "ada@example.com"),
        opening.make(EPOCH, made.series, "phone/1", "+15550100"),
    ]
    payload = statement_payload.build(
        series=made.series,
        seq=0,
        prev=None,
        event="accepted",
        issued_at=datetime.now(UTC),
        body={"request": {"channel": "settings-page"}},
        subjects=[opening.digest(given) for given in openings],
    )
    made.write("email.json", openings[0])
    made.write("phone.json", openings[1])
    made.write("env.dsse.json", dsse.sign(payload, key))
    made.write("pub.pem", keys.public_pem(key.public_key()).encode())
    return made


def test_each_opening_of_the_person_verifies(files):
    for blob in ("email.json", "phone.json"):
        ran = files.cosign(blob)
        assert ran.returncode == 0, ran.stderr
        assert "Verified OK" in ran.stdout + ran.stderr


def test_another_persons_opening_is_refused(files):
    files.write("eve.json", opening.make(EPOCH, files.series, "email/1", "eve@example.com"))
    ran = files.cosign("eve.json")
    assert ran.returncode != 0
    assert "no matching subject digest found" in ran.stderr


def test_the_persons_opening_of_another_receipt_is_refused(files):
    files.write("other.json", opening.make(EPOCH, statement.new_series(), "email/1", "ada@example.com"))
    assert files.cosign("other.json").returncode != 0


def test_an_altered_payload_is_refused(files):
    envelope = json.loads((files.directory / "env.dsse.json").read_bytes())
    parsed = dsse.from_object(envelope)
    altered = dsse.Envelope(parsed.payload.replace(b"accepted", b"rejected"), parsed.keyid, parsed.signature)
    files.write("altered.json", json.dumps(altered.to_object()).encode())
    assert files.cosign("email.json", envelope="altered.json").returncode != 0


def test_another_key_is_refused(files):
    files.write("other.pem", keys.public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()).encode())
    assert files.cosign("email.json", key="other.pem").returncode != 0
