"""A made-up person whose values are left behind somewhere, and how they may be written there."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.patterns import Kind, SearchedValue
from expunge_connectors.blind_search.report import Standing, StoreReport
from expunge_connectors.contract import SearchesBlind, no_beat

EMAIL, PHONE, USER_NAME = "nora.left@mail.example", "+4917655501234", "nora_left_77"
NORA = (
    SearchedValue(1, Kind.EMAIL, EMAIL),
    SearchedValue(1, Kind.PHONE, PHONE),
    SearchedValue(1, Kind.TOKEN, USER_NAME),
)

# Ways to write Nora's values: name -> text.
WRITTEN: Mapping[str, str] = {
    "free text": f"please write to {EMAIL}, thanks",
    "other letters": "Mail: NORA.Left@Mail.Example.",
    "in angle brackets": f"Nora <{EMAIL}>",
    "URL": f"https://x.example/?q=1&next=%2Fa%3Fmail%3D{quote(EMAIL, safe='')}",
    "URL in URL": f"https://x.example/?next={quote(f'/a?mail={quote(EMAIL, safe=str())}', safe='')}",
    "JSON escapes": r'{"mail": "nora.left\u0040mail.example"}',
    "line break in JSON": rf'{{"note": "hello\n{EMAIL}\nbye"}}',
    "HTML": "<a>nora.left&#64;mail.example</a>",
    "base64": base64.b64encode(f"xy {EMAIL} z".encode()).decode(),
    "base64 in lines": base64.encodebytes(f"{'x' * 50} {EMAIL} {'y' * 50}".encode()).decode().strip(),
    "base64 of other letters": base64.b64encode(b"Nora.LEFT@mail.example").decode(),
    "JSON in base64": base64.urlsafe_b64encode(json.dumps({"sub": 7, "email": EMAIL}).encode()).decode().rstrip("="),
    "phone in JSON in base64": base64.b64encode(json.dumps({"tel": "0176 / 555 01 234"}).encode()).decode(),
    "phone in base64": base64.b64encode(PHONE.encode()).decode(),
    "quoted-printable": "=?utf-8?q?nora.left=40mail.example?=",
    "hex": f"x{EMAIL.encode().hex()}",
    "phone with spaces": "call +49 (0)176 555-01234 after six",
    "phone as dialled at home": "0176/555 01234",
    "phone with 00": "004917655501234",
    "phone without anything": "17655501234",
    "phone with spaces of another kind": "+49\u00a0176\u00a055501234",
    "user name": "seen by Nora_Left_77 at noon",
    "user name in base64": base64.b64encode(f"{USER_NAME}:secret".encode()).decode(),
}
# What is somebody else's, or no value at all.
OTHERS: Mapping[str, str] = {
    "a longer local part": f"elea{EMAIL}",
    "another local part": f"x-{EMAIL}",
    "a subdomain's": "nora.left@mail.example.org",
    "a longer domain": "nora.left@mail.examples",
    "a name in a longer word": f"{USER_NAME}7",
    "a name behind a word": f"ele{USER_NAME}",
    "a name as somebody's address": f"{USER_NAME}@other.example",
    "one digit more": "+49176555012345",
    "one digit before": "117655501234",
    "another country": "+4417655501234",
    "a fraction": "0.17655501234",
    "an instant": "17655501234.5",
    "a fragment of hex": f"{'ab' * 8}17655501234ff",
    "an address in base64": base64.b64encode(b"elea" + EMAIL.encode()).decode(),
}
BYTES: Mapping[str, bytes] = {
    "UTF-16": f"to {EMAIL}".encode("utf-16-le"),
    "UTF-16 the other way round": f"to {EMAIL}".encode("utf-16-be"),
    "gzip": gzip.compress(json.dumps({"mail": EMAIL}).encode()),
    "plain bytes": b"\x00\xff\x01" + EMAIL.encode() + b"\xfe",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One place of a report, in short."""

    name: str
    standing: Standing
    collection: str | None
    records: int


def searched(store: object, *values: SearchedValue, seconds: float | None = None) -> StoreReport:
    """Search a store for Nora, or for other values, as fast as it goes."""
    assert isinstance(store, SearchesBlind)
    return store.search_blind(Matcher(values or NORA), Effort(seconds), no_beat)


def places(report: StoreReport) -> list[Found]:
    """Where something was found."""
    return [Found(one.place.name, one.place.standing, one.place.collection, one.records) for one in report.findings]
