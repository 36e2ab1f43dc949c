"""Tools that others wrote accept a receipt, and refuse it where something else is put in its place.

Each looks at one part: the signature, the canonical form, the person's digest, the log, the published form. Those of
PyPI and npm are installed by hashes into a directory of their own (`tools/`). cosign and Chromium have tests of theirs.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from tests.support.receipt_schemas import schema

from expunge_reports import dsse, export, keys, opening, statement, statement_payload, trust
from expunge_reports.log import leaf, signed_note
from expunge_reports.log.transparency_log import LogWriter

TOOLS = Path(__file__).parent / "tools"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Toolbox:
    """Where the tools of PyPI and npm are."""

    python: Path
    node: Path


@pytest.fixture(scope="session")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    home = tmp_path_factory.mktemp("tools")
    python = home / "python"
    run([sys.executable, "-m", "venv", str(python)])
    needed = str(TOOLS / "requirements.txt")
    run([str(python / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", needed])
    node = home / "node"
    node.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TOOLS / name, node / name)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], node)
    return Toolbox(python / "bin" / "python", node)


def run(command: Sequence[str], directory: Path | None = None) -> None:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not installed: make interop")
    subprocess.run(command, cwd=directory, check=True, timeout=300)


def accepts(*command: str, cwd: Path | None = None) -> bool:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not installed: make interop")
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=60).returncode == 0


def write(directory: Path) -> Path:
    """One signed and logged statement, and what belongs to it."""
    directory.mkdir()
    key, log_key = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    series = statement.new_series()
    mine = [opening.make(b"\x07" * 32, series, "email/1", one) for one in ("ada@example.com", "ada@example.org")]
    given = max(mine, key=opening.digest)  # that its digest is not the first one must not matter
    payload = statement_payload.build(
        series=series,
        seq=0,
        prev=None,
        event="accepted",
        issued_at=datetime.now(UTC),
        body={"controller": "client:42", "receivedAt": "2026-11-24T09:00:00Z", "context": [], "of": "Ärzte, 日本"},
        subjects=[opening.digest(one) for one in mine],
        still_open=statement.Open(1),
    )
    signed = dsse.sign(payload, key)
    leaves = [leaf.of_payload(statement.new_series(), 0, b"%d" % number).to_bytes() for number in range(300)]
    own = leaf.of_payload(series, 0, payload).to_bytes()
    with LogWriter.create(directory / "log", "receipts.example.org", log_key) as writer:
        writer.append(leaves)
        index = writer.append([own])
        writer.append(leaves[:7])
        proof, note = writer.log.proof(index), writer.log.checkpoint
    held = trust.single_key(
        "Example GmbH",
        key.public_key(),
        datetime(2026, 1, 1, tzinfo=UTC),
        signed_note.log_key("receipts.example.org", log_key.public_key()),
    )
    for name, data in {
        "receipt.json": export.build(series, [(signed, proof)]),
        "trust.json": trust.encode(held),
        "payload.json": payload,
        "pae.bin": dsse.pae(dsse.PAYLOAD_TYPE, payload),
        "sig.der": dsse.parse(signed).signature,
        "env.dsse.json": signed,
        "pub.pem": keys.public_pem(key.public_key()).encode(),
        "opening.json": given,
        "leaf.json": own,
        "receipt.tlog-proof": proof.encode(),
        "checkpoint": note.encode(),
        "log.vkey": signed_note.log_key("receipts.example.org", log_key.public_key()).vkey.encode(),
        "schema.json": json.dumps(schema("statement")).encode(),
        "SHA256SUMS": "".join(f"{one}  opening.json\n" for one in sorted(map(opening.digest, mine))).encode(),
    }.items():
        (directory / name).write_bytes(data)
    return directory


ALTERED: dict[str, tuple[bytes, bytes]] = {
    "payload.json": (b'"event":"accepted"', b'"event": "purged"'),
    "pae.bin": (b"accepted", b"rejected"),
    "opening.json": (b"ada@", b"eve@"),
    "leaf.json": (b'"seq":0', b'"seq":1'),
    "checkpoint": (b"\n308\n", b"\n309\n"),
}


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("interop") / "good")


@pytest.fixture(scope="session")
def altered(good: Path) -> Path:
    """The same with something else in each of its parts."""
    copy = good.parent / "altered"
    shutil.copytree(good, copy)
    for name, (old, new) in ALTERED.items():
        data = (copy / name).read_bytes()
        assert old in data
        (copy / name).write_bytes(data.replace(old, new))
    envelope = json.loads((copy / "env.dsse.json").read_bytes())
    envelope["payload"] = base64.b64encode((copy / "payload.json").read_bytes()).decode()
    (copy / "env.dsse.json").write_text(json.dumps(envelope))
    return copy


def openssl(here: Path) -> bool:
    signed = ("-signature", str(here / "sig.der"), str(here / "pae.bin"))
    return accepts("openssl", "dgst", "-sha256", "-verify", str(here / "pub.pem"), *signed)


def java(here: Path) -> bool:
    return accepts("java", str(TOOLS / "Verify.java"), str(here))


def sha256sum(here: Path) -> bool:
    return accepts("bash", "-c", "sha256sum --check SHA256SUMS | grep -x 'opening.json: OK'", cwd=here)


def shasum(here: Path) -> bool:
    return accepts("bash", "-c", "shasum -a 256 -c SHA256SUMS | grep -x 'opening.json: OK'", cwd=here)


def gpg(here: Path) -> bool:
    digest = "gpg --homedir . --print-md sha256 opening.json | tr -d ' \\n' | cut -d: -f2 | tr A-F a-f"
    command = f"{digest} | grep -qf- SHA256SUMS"
    return accepts("bash", "-c", command, cwd=here)


def jq(here: Path) -> bool:
    return accepts("bash", "-c", "jq -cS . payload.json | tr -d '\\n' | cmp - payload.json", cwd=here)


def securesystemslib(here: Path) -> bool:
    pem = (here / "pub.pem").read_text()
    envelope = json.loads((here / "env.dsse.json").read_bytes())
    keyid = envelope["signatures"][0]["keyid"]
    key = SSlibKey(keyid, "ecdsa", "ecdsa-sha2-nistp256", {"public": pem})
    try:
        return list(OtherEnvelope.from_dict(envelope).verify([key], 1)) == [keyid]
    except VerificationError:
        return False


def canonical_rfc8785(here: Path) -> bool:
    data = (here / "payload.json").read_bytes()
    return rfc8785.dumps(json.loads(data)) == data


def schema_rs(here: Path) -> bool:
    validator = jsonschema_rs.validator_for(json.loads((here / "schema.json").read_bytes()))
    return validator.is_valid(json.loads((here / "payload.json").read_bytes()))


HERE: dict[str, Callable[[Path], bool]] = {
    "openssl": openssl,
    "java": java,
    "sha256sum": sha256sum,
    "shasum": shasum,
    "gpg": gpg,
    "jq": jq,
    "securesystemslib": securesystemslib,
    "rfc8785": canonical_rfc8785,
    "jsonschema-rs": schema_rs,
}
PYPI = ("ecdsa", "pycryptodome", "jcs", "in-toto-attestation", "jsonschema", "fastjsonschema", "tlog-scales")
NPM = ("node:crypto", "@noble/curves", "elliptic", "tweetnacl", "canonicalize", "ajv")


@pytest.mark.parametrize("tool", HERE)
def test_a_tool_of_the_system_or_of_the_tests(good: Path, altered: Path, tool: str) -> None:
    assert (HERE[tool](good), HERE[tool](altered)) == (True, False)


@pytest.mark.parametrize("tool", PYPI)
def test_a_tool_of_pypi(good: Path, altered: Path, toolbox: Toolbox, tool: str) -> None:
    command = (str(toolbox.python), str(TOOLS / "verify_with.py"), tool)
    assert (accepts(*command, str(good)), accepts(*command, str(altered))) == (True, False)


@pytest.mark.parametrize("tool", NPM)
def test_a_tool_of_npm(good: Path, altered: Path, toolbox: Toolbox, tool: str) -> None:
    command = ("node", str(TOOLS / "verify.mjs"), tool)
    told = [accepts(*command, str(one), cwd=toolbox.node) for one in (good, altered)]
    assert told == [True, False]


def test_the_documented_commands_make_these_files(good: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "receipts.md").read_text()
    block = text[text.index("    # in a directory with receipt.json") : text.index("\n`DIRECTORY` below")]
    given = ("receipt.json", "trust.json", "opening.json")
    for name in given:
        shutil.copy(good / name, tmp_path / name)
    subprocess.run(["bash", "-euc", block], cwd=tmp_path, check=True, env={**os.environ, "REPOSITORY": str(ROOT)})
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    there = {name: (good / name).read_bytes() for name in made}
    assert made.keys() >= {*ALTERED, "log.vkey", "receipt.tlog-proof", "pub.pem", "sig.der", "SHA256SUMS"}
    assert json.loads(made.pop("env.dsse.json")) == json.loads(there.pop("env.dsse.json"))
    assert json.loads(made.pop("schema.json")) == json.loads(there.pop("schema.json"))
    assert made == there
    assert all(tool(tmp_path) for tool in (sha256sum, openssl, jq))


def test_there_are_twenty_and_more() -> None:
    assert len({*HERE, *PYPI, *NPM, "cosign", "chromium"}) >= 20
