"""The published JSON Schemas say what the code reads and writes; acceptance tests hold every receipt against them."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from typing import get_args, get_type_hints

import jsonschema_rs
import pytest
from tests.support.receipt_schemas import faults, schema

from expunge_reports import statement, trust
from expunge_reports.forms import bodies, shared_documents

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


FORMS = {
    "statement": {
        "body-accepted": bodies.Accepted,
        "body-extended": bodies.Body,
        "body-answer": bodies.Answer,
        "body-on-hold": bodies.OnHold,
        "body-re-erased": bodies.ReErased,
        "body-settled": bodies.Settled,
        "body-denied": bodies.Ended,
        "body-cancelled": bodies.Cancelled,
        "store": bodies.Store,
        "collection": bodies.Collection,
        "identifiers": bodies.Identifiers,
        "blindSearch": bodies.BlindSearch,
    },
    "document": {
        "plan": shared_documents.Plan,
        "copies": shared_documents.BackupCopies,
        "deadlines": shared_documents.Deadlines,
        "blind-search": shared_documents.SearchedStores,
        "copy": shared_documents.BackupCopy,
        "clock": shared_documents.Clock,
    },
}


@pytest.mark.parametrize(("name", "part"), [(name, part) for name, parts in FORMS.items() for part in parts])
def test_the_verifier_reads_each_member_that_a_schema_names(name, part):
    """What it reads has a type; what a form requires, the schema requires."""
    form = FORMS[name][part]
    named = {re.sub(r"_(\w)", lambda found: found[1].upper(), one.name): one for one in fields(form)}
    described = schema(name)["$defs"][part]
    assert set(described["properties"]) - {"context"} <= named.keys()
    required = {member for member, one in named.items() if one.default is MISSING and one.default_factory is MISSING}
    assert required - {"further"} <= set(described["required"])


def test_the_verifier_knows_the_words_that_the_schemas_allow():
    defs = schema("document")["$defs"]
    stores = defs["plan"]["properties"]["stores"]["items"]["properties"]
    words = {
        bodies.BlindSearch: [("searched", schema("statement")["$defs"]["blindSearch"]["properties"]["searched"])],
        shared_documents.BackupCopy: [("status", defs["copy"]["properties"]["status"])],
    }
    for form, members in words.items():
        for member, allowed in members:
            assert set(get_args(get_type_hints(form)[member])) == set(allowed["enum"])
    assert set(get_args(shared_documents.Action)) == set(stores["collections"]["additionalProperties"]["enum"])
