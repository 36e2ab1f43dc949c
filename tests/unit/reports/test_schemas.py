"""The published JSON Schemas say what the code reads and writes; acceptance tests hold every receipt against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import jsonschema_rs
import pytest
from tests.support.receipt_schemas import faults, schema

from expunge_reports import statement, trust
from expunge_reports.forms import bodies, form_reader, shared_documents
from expunge_reports.forms.form_reader import Digest, Interval, Members, Names
from expunge_reports.forms.stated_time import Day, Period, Time

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
    ("statement", "body-accepted"): bodies.Accepted,
    ("statement", "body-extended"): bodies.Body,
    ("statement", "body-answer"): bodies.Answer,
    ("statement", "body-on-hold"): bodies.OnHold,
    ("statement", "body-re-erased"): bodies.ReErased,
    ("statement", "body-settled"): bodies.Settled,
    ("statement", "body-denied"): bodies.Ended,
    ("statement", "body-cancelled"): bodies.Cancelled,
    ("statement", "body-sweep-begun"): bodies.SweepBegun,
    ("statement", "body-kept-gone"): bodies.KeptGone,
    ("statement", "body-closed"): bodies.Closed,
    ("statement", "body-swept"): bodies.Swept,
    **{("document", kind): form for kind, form in shared_documents.DOCUMENTS.items()},
}
JUDGED_BY_RULES = {"kind", "outcome", "level"}
"""Of their words a reader decides by the kind, or a contradiction has a better reason than another form."""

KINDS = {str: "string", int: "integer", bool: "boolean", Members: "object", Time: "time", Day: "day"}
KINDS |= {Names: "names", Interval: "interval", Digest: "digest", Period: "period"}


def test_there_is_a_form_for_each_body_that_a_schema_describes():
    described = {("statement", name) for name in schema("statement")["$defs"] if name.startswith("body-")}
    described |= {("document", one["if"]["properties"]["kind"]["const"]) for one in schema("document")["allOf"]}
    assert described == FORMS.keys()


@pytest.mark.parametrize(("name", "part"), FORMS)
def test_schema_and_form_have_the_same_members(name, part):
    """Whatever a schema refuses as absent, null, of another kind or another word, the verifier refuses."""
    assert of_form(FORMS[name, part]) == of_schema(schema(name), {"$ref": f"#/$defs/{part}"})


def of_schema(whole: dict[str, Any], node: dict[str, Any]) -> Any:
    """A value as a schema has it: members with whether they are required, a list of values, words, or a kind."""
    node = whole["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if "anyOf" in node:
        (other,) = (one for one in node["anyOf"] if one != {"type": "null"})
        return ("or null", of_schema(whole, other))
    if "properties" in node:
        required = node.get("required", [])
        members = {name: of_schema(whole, one) for name, one in node["properties"].items()}
        return {name: (name in required, _unjudged(name, one)) for name, one in members.items() if name != "context"}
    if "items" in node:
        inner, few, most = of_schema(whole, node["items"]), node.get("minItems", 0), node.get("maxItems")
        kind = {("string", 1, None): "names", ("time", 2, 2): "interval"}.get((str(inner), few, most))
        return kind or [inner]
    if "additionalProperties" in node:
        return {"*": of_schema(whole, node["additionalProperties"])}
    words = node.get("enum") or [node[one] for one in ("const",) if one in node]
    pattern = node.get("pattern", "")
    kinds = {"^sha256": "digest", "^P": "period", r"^\d{4}-": "time" if "T" in pattern else "day"}
    return set(words) or next((one for begun, one in kinds.items() if pattern.startswith(begun)), node["type"])


def of_form(hint: Any) -> Any:
    """The same of a form."""
    if hint in KINDS:
        return KINDS[hint]
    if get_origin(hint) in {Union, UnionType}:
        return ("or null", of_form(get_args(hint)[0]))
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    if get_origin(hint) is tuple:
        return [of_form(get_args(hint)[0])]
    if get_origin(hint) is Mapping:
        return {"*": of_form(get_args(hint)[1])}
    return {
        one.name: (one.required, _unjudged(one.name, of_form(one.type))) for one in form_reader.members(hint).values()
    }


def _unjudged(name: str, value: Any) -> Any:
    return "word" if name in JUDGED_BY_RULES else value
