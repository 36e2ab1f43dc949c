"""The tampering corpus: one receipt, and more than 250 ways to alter what was handed out. None passes; each is named.

`test_verifier` flips every byte; here each case is something that a person would do on purpose.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from expunge_reports import canonical, dsse, export, opening, statement
from expunge_reports.log import proof_file, signed_note
from expunge_reports.verify.verdict import Reason

Document = dict[str, Any]
Change = Callable[[Document], object]
STRANGER = ec.generate_private_key(ec.SECP256R1())
OTHER_LOG = ed25519.Ed25519PrivateKey.generate()


def payload(number: int, *path: str, to: object) -> Change:
    """Another value in what a statement says, written canonically again; the signature stays."""

    def change(document: Document) -> None:
        envelope = document["statements"][number]["envelope"]
        said = json.loads(base64.b64decode(envelope["payload"]))
        inner = said
        for step in path[:-1]:
            inner = inner[int(step) if isinstance(inner, list) else step]
        inner[path[-1]] = to
        envelope["payload"] = base64.b64encode(canonical.encode(said)).decode()

    return change


def signature(number: int, alter: Callable[[bytes], bytes]) -> Change:
    def change(document: Document) -> None:
        one = document["statements"][number]["envelope"]["signatures"][0]
        one["sig"] = base64.b64encode(alter(base64.b64decode(one["sig"]))).decode()

    return change


def swapped_halves(data: bytes) -> bytes:
    r, s = utils.decode_dss_signature(data)
    return utils.encode_dss_signature(s, r)


def zero(_: bytes) -> bytes:
    return utils.encode_dss_signature(0, 0)


def resigned(number: int, *, under_trusted_id: bool) -> Change:
    def change(document: Document) -> None:
        envelope = document["statements"][number]["envelope"]
        trusted = envelope["signatures"][0]["keyid"]
        envelope["signatures"] = json.loads(dsse.sign(base64.b64decode(envelope["payload"]), STRANGER))["signatures"]
        if under_trusted_id:
            envelope["signatures"][0]["keyid"] = trusted

    return change


def envelope(number: int, alter: Change) -> Change:
    return lambda document: alter(document["statements"][number]["envelope"])


def proof(number: int, alter: Callable[[proof_file.TlogProof], proof_file.TlogProof]) -> Change:
    def change(document: Document) -> None:
        row = document["statements"][number]
        row["proof"] = alter(proof_file.parse(row["proof"])).to_text()

    return change


def proof_text(number: int, old: str, new: str) -> Change:
    def change(document: Document) -> None:
        row = document["statements"][number]
        assert old in row["proof"]
        row["proof"] = row["proof"].replace(old, new, 1)

    return change


def checkpoints(alter: Callable[[str], str]) -> Change:
    """The same change in the checkpoint of every proof."""

    def change(document: Document) -> None:
        for row in document["statements"]:
            head, _, note = row["proof"].partition("\n\n")
            row["proof"] = f"{head}\n\n{alter(note)}"

    return change


def signed_by_other_log(note: str) -> str:
    head = note.partition("\n\n")[0] + "\n"
    return signed_note.sign(head, head.partition("\n")[0], OTHER_LOG)


def order(*numbers: int) -> Change:
    return lambda document: document.update(statements=[document["statements"][number] for number in numbers])


def shared(number: int, alter: Change) -> Change:
    return lambda document: alter(document["shared"][sorted(document["shared"])[number]])


def renamed_digest(document: Document) -> None:
    digest = min(document["shared"])
    document["shared"]["0" * 64] = document["shared"].pop(digest)


def added(document: Document) -> None:
    more = {"kind": "note"}
    document["shared"][export.document_digest(more).removeprefix("sha256:")] = more


def swapped_documents(document: Document) -> None:
    first, second, *_ = sorted(document["shared"])
    held = document["shared"]
    held[first], held[second] = held[second], held[first]


def everywhere(name: str, reason: Reason, make: Callable[[int], Change]) -> dict[str, tuple[Reason, Change]]:
    """The same in each of the three statements."""
    return {f"{name}, statement {number}": (reason, make(number)) for number in range(3)}


PREDICATE = {
    "another series": ("series", "er_" + "0" * 32),
    "another number": ("seq", 7),
    "another predecessor": ("prev", "sha256:" + "0" * 64),
    "another event": ("event", "erased"),
    "another time": ("issuedAt", "2026-11-20T00:00:00Z"),
    "another end": ("final", "yes"),
    "nothing open": ("open", {"items": 0}),
    "an empty body": ("body", {}),
    "another body": ("body", {"outcome": "erased", "context": []}),
    "a member more": ("more", 1),
}
SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda data: data[:-1],
    "with a byte more": lambda data: data + b"\0",
    "all zero": zero,
    "with its halves swapped": swapped_halves,
    "with its first byte changed": lambda data: b"\x31" + data[1:],
    "with its last byte changed": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "with a byte of r changed": lambda data: data[:10] + bytes([data[10] ^ 1]) + data[11:],
    "raw and not DER": lambda data: b"".join(one.to_bytes(32) for one in utils.decode_dss_signature(data)),
}
PROOFS: dict[str, Callable[[proof_file.TlogProof], proof_file.TlogProof]] = {
    "the place before": lambda one: replace(one, index=one.index - 1),
    "the place after": lambda one: replace(one, index=one.index + 1),
    "the first place": lambda one: replace(one, index=0),
    "a place beyond the log": lambda one: replace(one, index=10**9),
    "no hashes": lambda one: replace(one, hashes=()),
    "a hash less": lambda one: replace(one, hashes=one.hashes[:-1]),
    "a hash more": lambda one: replace(one, hashes=(*one.hashes, bytes(32))),
    "hashes in another order": lambda one: replace(one, hashes=one.hashes[::-1]),
    "the first hash changed": lambda one: replace(one, hashes=(bytes(32), *one.hashes[1:])),
    "the last hash changed": lambda one: replace(one, hashes=(*one.hashes[:-1], bytes(32))),
    "a hash cut short": lambda one: replace(one, hashes=(one.hashes[0][:31], *one.hashes[1:])),
}
PROOF_TEXTS = {
    "another version": ("tlog-proof@v1", "tlog-proof@v2"),
    "no index": ("\nindex ", "\nplace "),
    "an index with a zero before it": ("\nindex ", "\nindex 0"),
    "a negative index": ("\nindex ", "\nindex -"),
    "an unknown line": ("\nindex ", "\nmore AAAA\nindex "),
    "extra data that are none": ("\nindex ", "\nextra %\nindex "),
}
ENVELOPES: dict[str, Change] = {
    "another payload type": lambda one: one.update(payloadType="application/json"),
    "no payload type": lambda one: one.pop("payloadType"),
    "no signature": lambda one: one.update(signatures=[]),
    "two signatures": lambda one: one["signatures"].append(one["signatures"][0]),
    "a member more": lambda one: one.update(more=1),
    "a certificate": lambda one: one["signatures"][0].update(cert="x"),
    "no payload": lambda one: one.update(payload=None),
    "a payload that is no base64": lambda one: one.update(payload="%"),
    "a signature that is no base64": lambda one: one["signatures"][0].update(sig="%"),
}
CHECKPOINTS: dict[str, tuple[Reason, Callable[[str], str]]] = {
    "a larger log": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("\n303\n", "\n304\n")),
    "a smaller log": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("\n303\n", "\n302\n")),
    "an empty log": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("\n303\n", "\n0\n")),
    "another root": (
        Reason.CHECKPOINT_INVALID,
        lambda note: "\n".join([*note.split("\n")[:2], base64.b64encode(bytes(32)).decode(), *note.split("\n")[3:]]),
    ),
    "another origin": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("receipts.example.org", "a.example", 1)),
    "another name on the signature": (
        Reason.UNKNOWN_LOG,
        lambda note: note.replace("\N{EM DASH} receipts.example.org", "\N{EM DASH} a.example"),
    ),
    "another log's key": (Reason.UNKNOWN_LOG, signed_by_other_log),
    "no signature": (Reason.CHECKPOINT_INVALID, lambda note: note.partition("\n\n")[0] + "\n"),
    "a line that is no signature": (Reason.CHECKPOINT_INVALID, lambda note: note + "signed: yes\n"),
    "no newline at the end": (Reason.CHECKPOINT_INVALID, lambda note: note.removesuffix("\n")),
    "an extension line": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("\n\n", "\nmore\n\n", 1)),
    "a control character": (Reason.CHECKPOINT_INVALID, lambda note: note.replace("\n303\n", "\n303\t\n")),
    "a thousand signatures": (Reason.CHECKPOINT_INVALID, lambda note: note + "\N{EM DASH} a.example AAAAAAA=\n" * 1000),
    "nothing": (Reason.CHECKPOINT_INVALID, lambda _: ""),
}
ORDERS: dict[tuple[int, ...], Reason] = {
    **dict.fromkeys([one for one in itertools.permutations(range(3)) if one != (0, 1, 2)], Reason.STATEMENTS_REORDERED),
    (1, 2): Reason.STATEMENT_DROPPED,
    (0, 2): Reason.STATEMENT_DROPPED,
    (2,): Reason.STATEMENT_DROPPED,
    (1,): Reason.STATEMENT_DROPPED,
    (2, 0): Reason.STATEMENT_DROPPED,
    (0, 0, 1, 2): Reason.CHAIN_BROKEN,
    (0, 1, 1, 2): Reason.CHAIN_BROKEN,
    (0, 1, 2, 2): Reason.CHAIN_BROKEN,
    (0, 1, 2, 0): Reason.CHAIN_BROKEN,
    (): Reason.MALFORMED,
}
SHARED: dict[str, tuple[Reason, Change]] = {
    **{
        f"document {number}: {name}": (Reason.SHARED_DOCUMENT_ALTERED, shared(number, change))
        for number in range(2)
        for name, change in {
            "another kind": lambda one: one.update(kind="other"),
            "a member more": lambda one: one.update(more=1),
            "emptied": lambda one: one.clear(),
        }.items()
    },
    "under another digest": (Reason.SHARED_DOCUMENT_ALTERED, renamed_digest),
    "swapped": (Reason.SHARED_DOCUMENT_ALTERED, swapped_documents),
    "one missing": (Reason.SHARED_DOCUMENT_MISSING, lambda one: one["shared"].popitem()),
    "all missing": (Reason.SHARED_DOCUMENT_MISSING, lambda one: one["shared"].clear()),
    "one more": (Reason.SHARED_DOCUMENT_UNCITED, added),
    "no object": (Reason.MALFORMED, lambda one: one.update(shared=[])),
}
EXPORTS: dict[str, tuple[Reason, Change]] = {
    "another format": (Reason.MALFORMED, lambda one: one.update(format="expunge-export/2")),
    "no format": (Reason.MALFORMED, lambda one: one.pop("format")),
    "a member more": (Reason.MALFORMED, lambda one: one.update(more=1)),
    "no series": (Reason.MALFORMED, lambda one: one.pop("series")),
    "another series": (Reason.CHAIN_BROKEN, lambda one: one.update(series=statement.new_series())),
    "a number for a series": (Reason.MALFORMED, lambda one: one.update(series=1)),
    "a text for statements": (Reason.MALFORMED, lambda one: one.update(statements="x")),
    "an entry without proof": (Reason.MALFORMED, lambda one: one["statements"][1].pop("proof")),
    "an entry without envelope": (Reason.MALFORMED, lambda one: one["statements"][1].pop("envelope")),
    "an entry with a member more": (Reason.MALFORMED, lambda one: one["statements"][1].update(more=1)),
    "a number for a proof": (Reason.MALFORMED, lambda one: one["statements"][1].update(proof=1)),
}
CASES: dict[str, tuple[Reason, Change]] = {
    **{
        name: case
        for what, (at, to) in PREDICATE.items()
        for name, case in everywhere(
            f"payload: {what}",
            Reason.PAYLOAD_ALTERED,
            lambda number, at=at, to=to: payload(number, "predicate", at, to=to),  # type: ignore[misc]
        ).items()
    },
    **everywhere("payload: another subject", Reason.PAYLOAD_ALTERED, lambda number: payload(number, "subject", to=[])),
    **everywhere("payload: another type", Reason.PAYLOAD_ALTERED, lambda number: payload(number, "_type", to="x")),
    **everywhere(
        "payload: another predicate type",
        Reason.PAYLOAD_ALTERED,
        lambda number: payload(number, "predicateType", to="x"),
    ),
    **{
        name: case
        for what, alter in SIGNATURES.items()
        for name, case in everywhere(
            f"signature {what}",
            Reason.SIGNATURE_INVALID,
            lambda number, alter=alter: signature(number, alter),  # type: ignore[misc]
        ).items()
    },
    **everywhere("signed by a stranger", Reason.UNKNOWN_KEY, lambda number: resigned(number, under_trusted_id=False)),
    **everywhere(
        "signed by a stranger under the trusted key's id",
        Reason.SIGNATURE_INVALID,
        lambda number: resigned(number, under_trusted_id=True),
    ),
    **everywhere(
        "an unknown key id",
        Reason.UNKNOWN_KEY,
        lambda number: envelope(number, lambda one: one["signatures"][0].update(keyid="0" * 64)),
    ),
    **everywhere(
        "an empty key id",
        Reason.UNKNOWN_KEY,
        lambda number: envelope(number, lambda one: one["signatures"][0].update(keyid="")),
    ),
    **everywhere(
        "the signature of another statement",
        Reason.SIGNATURE_INVALID,
        lambda number: (
            lambda document: document["statements"][number]["envelope"].update(
                signatures=document["statements"][(number + 1) % 3]["envelope"]["signatures"]
            )
        ),
    ),
    **everywhere(
        "the proof of another statement",
        Reason.PROOF_INVALID,
        lambda number: (
            lambda document: document["statements"][number].update(
                proof=document["statements"][(number + 1) % 3]["proof"]
            )
        ),
    ),
    **{
        name: case
        for what, proven in PROOFS.items()
        for name, case in everywhere(
            f"proof: {what}",
            Reason.PROOF_INVALID,
            lambda number, proven=proven: proof(number, proven),  # type: ignore[misc]
        ).items()
    },
    **{
        name: case
        for what, (old, new) in PROOF_TEXTS.items()
        for name, case in everywhere(
            f"proof: {what}",
            Reason.PROOF_INVALID,
            lambda number, old=old, new=new: proof_text(number, old, new),  # type: ignore[misc]
        ).items()
    },
    **{
        name: case
        for what, changed in ENVELOPES.items()
        for name, case in everywhere(
            f"envelope: {what}",
            Reason.MALFORMED,
            lambda number, changed=changed: envelope(number, changed),  # type: ignore[misc]
        ).items()
    },
    **{
        f"checkpoint of one: {what}": (Reason.CHECKPOINTS_DIFFER, proof_text(2, old, new))
        for what, (old, new) in {
            "a larger log": ("\n303\n", "\n304\n"),
            "another origin": ("\n\nreceipts.example.org", "\n\na.example"),
        }.items()
    },
    **{f"checkpoint: {what}": (reason, checkpoints(alter)) for what, (reason, alter) in CHECKPOINTS.items()},
    **{f"statements {numbers}": (reason, order(*numbers)) for numbers, reason in ORDERS.items()},
    **{f"shared documents: {what}": case for what, case in SHARED.items()},
    **{f"export: {what}": case for what, case in EXPORTS.items()},
}
BYTES: dict[str, tuple[Reason, Callable[[bytes], bytes]]] = {
    "nothing": (Reason.MALFORMED, lambda _: b""),
    "a saved page": (Reason.MALFORMED, lambda _: b"<html>not found</html>"),
    "a list": (Reason.MALFORMED, lambda data: b"[" + data + b"]"),
    "cut in the middle": (Reason.MALFORMED, lambda data: data[: len(data) // 2]),
    "without its last byte": (Reason.MALFORMED, lambda data: data[:-1]),
    "two in one": (Reason.SEVERAL_DOCUMENTS, lambda data: data + data),
    "two in two lines": (Reason.SEVERAL_DOCUMENTS, lambda data: data + b"\n" + data),
    "text behind it": (Reason.MALFORMED, lambda data: data + b"signed: yes"),
    "a space before it": (Reason.NOT_CANONICAL, lambda data: b" " + data),
    "two newlines behind it": (Reason.NOT_CANONICAL, lambda data: data + b"\n\n"),
    "a byte order mark": (Reason.MALFORMED, lambda data: b"\xef\xbb\xbf" + data),
    "another encoding": (Reason.MALFORMED, lambda data: data.decode().encode("utf-16")),
    "laid out for reading": (Reason.NOT_CANONICAL, lambda data: json.dumps(json.loads(data), indent=2).encode()),
    "members in another order": (
        Reason.NOT_CANONICAL,
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode(),
    ),
    "escapes that are not needed": (Reason.NOT_CANONICAL, lambda data: data.replace(b'"format"', b'"\\u0066ormat"', 1)),
    "a member twice": (Reason.MALFORMED, lambda data: b'{"format":"expunge-export/1",' + data[1:]),
    "a float": (Reason.MALFORMED, lambda data: b'{"a":1.5,' + data[1:]),
    "not a number": (Reason.MALFORMED, lambda data: b'{"a":NaN,' + data[1:]),
    "an integer beyond all": (Reason.MALFORMED, lambda data: b'{"a":' + b"9" * 4000 + b"," + data[1:]),
    "nested without end": (Reason.MALFORMED, lambda data: b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"," + data[1:]),
    "a lone surrogate": (Reason.MALFORMED, lambda data: b'{"a":"\\ud800",' + data[1:]),
}


@pytest.fixture
def handed_out(finished):
    data = finished.export()
    assert finished.verify(data, *finished.openings).authentic
    return data


@pytest.mark.parametrize("name", CASES)
def test_what_was_altered_is_refused_for_its_own_reason(finished, handed_out, name):
    reason, change = CASES[name]
    document = json.loads(handed_out)
    change(document)
    altered = canonical.encode(document)
    assert altered != handed_out
    verdict = finished.verify(altered, *finished.openings)
    assert (verdict.reason, verdict.status, verdict.statements) == (reason, "invalid", ())


@pytest.mark.parametrize("name", BYTES)
def test_another_file_is_refused_for_its_own_reason(finished, handed_out, name):
    reason, change = BYTES[name]
    verdict = finished.verify(change(handed_out), *finished.openings)
    assert (verdict.reason, verdict.status, verdict.statements) == (reason, "invalid", ())


OPENINGS: dict[str, Callable[[Any], bytes]] = {
    "another address": lambda one: opening.make(one.epoch, one.series, "email/1", "eve@example.com"),
    "another normaliser": lambda one: opening.make(one.epoch, one.series, "email/2", "ada@example.com"),
    "another kind": lambda one: opening.make(one.epoch, one.series, "phone/1", "ada@example.com"),
    "another receipt": lambda one: opening.make(one.epoch, statement.new_series(), "email/1", "ada@example.com"),
    "another epoch": lambda one: opening.make(b"\x08" * 32, one.series, "email/1", "ada@example.com"),
    "nothing": lambda _: b"",
    "an empty object": lambda _: b"{}",
    "laid out for reading": lambda one: json.dumps(json.loads(one.openings[0]), indent=2).encode(),
    "a space behind it": lambda one: one.openings[0] + b" ",
    "two in one": lambda one: one.openings[0] + one.openings[1],
    "the receipt itself": lambda one: one.export(),
    "another nonce": lambda one: canonical.encode(json.loads(one.openings[0]) | {"nonce": "0" * 64}),
    "a member more": lambda one: canonical.encode(json.loads(one.openings[0]) | {"more": 1}),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_another_opening_is_refused(finished, handed_out, name):
    verdict = finished.verify(handed_out, finished.openings[1], OPENINGS[name](finished))
    assert (verdict.reason, verdict.statements) == (Reason.OPENING_MISMATCH, ())


def test_the_corpus_is_large_and_its_reasons_are_many():
    assert len(CASES) + len(BYTES) + len(OPENINGS) >= 250
    assert len({reason for reason, _ in [*CASES.values(), *BYTES.values()]}) >= 14
