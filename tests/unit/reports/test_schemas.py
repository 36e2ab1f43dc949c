"""The published JSON Schemas say what the code reads and writes; acceptance tests hold every receipt against them."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from tests.support.receipt_schemas import faults, schema

from expunge_reports import statement, trust

NAMES = ("statement", "document", "export", "opening", "trust")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema(name):
    assert jsonschema_rs.meta.is_valid(schema(name))
    assert schema(name)["$id"].startswith("https://expunge.dev/schemas/")


def test_they_name_the_events_and_the_predicate_of_the_code():
    predicate = schema("statement")["$defs"]["predicate"]
    assert set(predicate["properties"]["event"]["enum"]) == statement.EVENTS
    assert schema("statement")["properties"]["predicateType"]["const"] in statement.PREDICATES


def test_what_is_handed_out_has_the_form(finished):
    assert faults("export", json.loads(finished.export())) == []
    assert faults("trust", json.loads(trust.encode(finished.trust))) == []
    assert [faults("opening", json.loads(one)) for one in finished.openings] == [[], []]


def accepted(**changes: object) -> dict[str, object]:
    open_ = {"items": 1, "expectedBy": None, "copies": {"count": 0, "withoutDay": 0, "next": None, "last": None}}
    predicate = {
        "series": "er_" + "0f" * 16,
        "seq": 0,
        "prev": None,
        "event": "accepted",
        "issuedAt": "2026-11-24T10:00:00Z",
        "final": False,
        "open": open_,
        "body": {"controller": "client:42", "receivedAt": "2026-11-24T09:00:00Z", "context": []},
        **changes,
    }
    return {
        "_type": statement.STATEMENT_TYPE,
        "predicateType": statement.PREDICATE_TYPE,
        "subject": [{"name": "erasure-series:er_" + "0f" * 16, "digest": {"sha256": "a" * 64}}],
        "predicate": predicate,
    }


def line(**changes: object) -> dict[str, object]:
    return {"collection": "users", "outcome": "erased", "found": 3, "due": 0, "retained": 0, "newer": 0, **changes}


def answer(*lines: dict[str, object]) -> dict[str, object]:
    stores = [{"store": "main", "level": "deleted", "cutoff": None, "collections": list(lines)}]
    body = {
        "controller": "c",
        "outcome": "erased",
        "verifiedAt": "2026-11-24T10:00:00Z",
        "stores": stores,
        "context": [],
    }
    return accepted(seq=1, prev="sha256:" + "0" * 64, event="erased", body=body)


OF_PLANNING = {"controller": "c", "receivedAt": "2026-11-24T09:00:00Z", "receivedAtIs": "planning", "context": []}


@pytest.mark.parametrize(
    "value",
    [
        accepted(),
        accepted(body=OF_PLANNING),
        accepted(body=OF_PLANNING | {"receivedAtIs": "day"}),
        answer(line()),
        answer(line(retained=1, ground="law", until=None)),
    ],
)
def test_a_statement_of_the_form_is_taken(value):
    assert faults("statement", value) == []


@pytest.mark.parametrize(
    "value",
    [
        accepted(event="purged"),
        accepted(prev="sha256:" + "0" * 64),
        accepted(event="erased"),
        accepted(seq=1),
        accepted(seq=-1),
        accepted(issuedAt="2026-11-24"),
        accepted(issuedAt="9999-12-31T23:59:59Z"),
        accepted(open={"items": 1}),
        accepted(final=True),
        accepted(more=1),
        accepted(body={"controller": "client:42", "context": []}),
        accepted(body={"receivedAt": "2026-11-24T09:00:00Z", "context": []}),
        accepted(body=OF_PLANNING | {"receivedAtIs": "guessed"}),
        answer(line(found=-1)),
        answer(line(outcome="purged")),
        answer(line(outcome="failed")),
        answer(line(more=1)),
        answer(line(retained=1)),
        answer(line(retained=1, ground="", until=None)),
    ],
)
def test_a_statement_of_another_form_is_not(value):
    assert faults("statement", value) != []
