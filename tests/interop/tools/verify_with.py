"""`verify_with.py TOOL DIRECTORY` in an environment of requirements.txt: ends 0 if the tool accepts what lies there."""

import hashlib
import json
import sys
from importlib import import_module as load
from pathlib import Path


def _ecdsa(here: Path) -> object:
    ecdsa, util = load("ecdsa"), load("ecdsa.util")
    key = ecdsa.VerifyingKey.from_pem((here / "pub.pem").read_text())
    return key.verify(
        (here / "sig.der").read_bytes(), (here / "pae.bin").read_bytes(), hashlib.sha256, util.sigdecode_der
    )


def _pycryptodome(here: Path) -> object:
    key = load("Crypto.PublicKey.ECC").import_key((here / "pub.pem").read_text())
    load("Crypto.Signature.DSS").new(key, "fips-186-3", encoding="der").verify(
        load("Crypto.Hash.SHA256").new((here / "pae.bin").read_bytes()), (here / "sig.der").read_bytes()
    )
    return True


def _jcs(here: Path) -> object:
    data = (here / "payload.json").read_bytes()
    return load("jcs").canonicalize(json.loads(data)) == data


def _in_toto_attestation(here: Path) -> object:
    empty = load("in_toto_attestation.v1.statement_pb2").Statement()
    parsed = load("google.protobuf.json_format").Parse((here / "payload.json").read_bytes(), empty)
    load("in_toto_attestation.v1.statement").Statement.copy_from_pb(parsed).validate()
    digest = hashlib.sha256((here / "opening.json").read_bytes()).hexdigest()
    return digest in {one.digest["sha256"] for one in parsed.subject}


def _jsonschema(here: Path) -> object:
    schema = json.loads((here / "schema.json").read_bytes())
    return load("jsonschema").Draft202012Validator(schema).is_valid(json.loads((here / "payload.json").read_bytes()))


def _fastjsonschema(here: Path) -> object:
    schema = json.loads((here / "schema.json").read_bytes())
    return load("fastjsonschema").compile(schema)(json.loads((here / "payload.json").read_bytes()))


def _tlog_scales(here: Path) -> object:
    tiles, tlog, utils = (load(f"tlog_scales.{name}") for name in ("tiles", "tlog", "utils"))
    head, _, note = (here / "receipt.tlog-proof").read_text().partition("\n\n")
    _, index, *hashes = head.split("\n")
    checkpoint = tlog.Checkpoint.from_text(note)
    checkpoint.verify(load("tlog_scales.signing").Vkey.from_string((here / "log.vkey").read_text()))
    proof = tlog.InclusionProof(int(index.split(" ")[1]), checkpoint.size, [utils.b64dec(one) for one in hashes])
    proof.check(tiles.leaf_hash((here / "leaf.json").read_bytes()), checkpoint.root_hash)
    return True


TOOLS = {
    "ecdsa": _ecdsa,
    "pycryptodome": _pycryptodome,
    "jcs": _jcs,
    "in-toto-attestation": _in_toto_attestation,
    "jsonschema": _jsonschema,
    "fastjsonschema": _fastjsonschema,
    "tlog-scales": _tlog_scales,
}

if __name__ == "__main__":
    sys.exit(0 if TOOLS[sys.argv[1]](Path(sys.argv[2])) else 1)
