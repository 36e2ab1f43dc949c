"""The OpenAPI document: examples, names, webhooks, Idempotency-Key; and how a call of another form is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.support.api import ApiHarness, once

from expunge_orchestrator.api import schemas
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.notifications.events import Event

JSON = "application/json"
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def test_every_body_has_an_example(api: ApiHarness) -> None:
    """What is sent, and what is answered where all went well. Receipts are files with a page of their own."""
    document = api.client.get("/openapi.json").json()
    without = [
        label
        for label, content in bodies(document)
        if not label.endswith("/receipt 200") and not has_example(content, document["components"]["schemas"])
    ]
    assert without == []


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, routes in document["paths"].items():
        for method, operation in routes.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", content
            for status, answer in operation["responses"].items():
                if status.startswith("2") and JSON in answer.get("content", {}):
                    yield f"{method} {path} {status}", answer["content"][JSON]


def has_example(content: dict[str, Any], known: dict[str, Any]) -> bool:
    schema = content.get("schema", {})
    for one in schema.get("anyOf", [schema.get("items", schema)]):
        found = known[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
        if found.get("examples"):
            return True
    return "example" in content


def every_shape() -> dict[str, type[Schema]]:
    modules = [module for module in vars(schemas).values() if isinstance(module, ModuleType)]
    found = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    return {one.__name__: one for one in found if issubclass(one, Schema) and one is not Schema}


def test_examples_are_of_their_form() -> None:
    """And name every member that an answer has."""
    looked_at = 0
    for name, shape in every_shape().items():
        schema = shape.model_json_schema()
        for example in schema.get("examples", []):
            looked_at += 1
            made = shape.model_validate(example)
            assert made.model_dump(mode="json", exclude_unset=True).keys() == example.keys(), name
            if name.endswith("Page") or "id" in schema["properties"]:
                assert example.keys() == schema["properties"].keys(), name
    assert looked_at > 20


def test_names_are_of_one_case_and_fit_for_generated_clients(api: ApiHarness) -> None:
    document = api.client.get("/openapi.json").json()
    schemas_there = document["components"]["schemas"]
    operations = [one for path in document["paths"].values() for one in path.values()]
    parameters = [
        one["name"] for operation in operations for one in operation.get("parameters", ()) if one["in"] != "header"
    ]
    members = [name for schema in schemas_there.values() for name in schema.get("properties", ())]
    ids = [operation["operationId"] for operation in operations]
    assert [name for name in (*ids, *parameters, *members) if not SNAKE.fullmatch(name)] == []
    assert len(set(ids)) == len(ids)
    assert {"create_erasure_request", "list_erasure_requests", "get_erasure_request", "cancel_erasure_request"} < set(
        ids
    )
    assert {"ErasureRequest", "Batch", "Plan", "LegalHold", "ApiKey", "AuditEntry", "Problem"} < set(schemas_there)
    assert [name for name in schemas_there if name.startswith(("HTTP", "Body_")) or "-" in name] == []


def test_who_needs_no_credential_is_said(api: ApiHarness) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    free = {path for path, methods in paths.items() for one in methods.values() if "security" not in one}
    assert free == {"/healthz", "/readyz", "/metrics", "/v1/trust", "/v1/log/checkpoint", "/v1/log/{tile}"}


def test_every_event_is_a_webhook(api: ApiHarness) -> None:
    webhooks = api.client.get("/openapi.json").json()["webhooks"]
    assert set(webhooks) == {event.value for event in Event}
    for webhook in webhooks.values():
        body = webhook["post"]["requestBody"]["content"][JSON]["schema"]
        assert body == {"$ref": "#/components/schemas/Notification"}
        headers = {one["name"] for one in webhook["post"]["parameters"] if one["required"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_what_needs_an_idempotency_key_declares_it(api: ApiHarness) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    declared = {
        (path, one["required"])
        for path, methods in paths.items()
        for operation in methods.values()
        for one in operation.get("parameters", ())
        if one["name"] == "Idempotency-Key"
    }
    assert declared == {(path, True) for path in ("/v1/me/erasure_requests", "/v1/erasure_requests", "/v1/batches")}
    for path, _ in declared:
        for key, slug in ((None, "missing"), ("", "unusable"), ("x" * 201, "unusable"), ("\xe4", "unusable")):
            who = api.person(user_id=1) if "/me/" in path else api.key(Role.REQUESTER)
            headers = who if key is None else {**who, "Idempotency-Key": key.encode("latin-1")}
            answer = api.client.post(path, headers=headers)
            assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (400, f"idempotency-key-{slug}"), (
                path
            )


def test_what_is_located_looks_like_that(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    sought = {"controller": f"client:{client}", "identifiers": {"caller_id": "1"}}
    told = api.client.post("/v1/locate", json=sought, headers=api.key(Role.OPERATOR)).json()
    example: dict[str, Any] = examples.LOCATION
    for real, shown in ((told, example), (told["people"][0], example["people"][0])):
        assert set(real) == set(shown)
    assert set(told["not_searched"]) == set(example["not_searched"])


def test_what_is_wrong_is_named(api: ApiHarness) -> None:
    """The members that the document has; what the caller made up is not repeated."""
    wish = {"controller": "", "identifiers": {"caller_id": ["ann@mail.example"]}, "evidence": {"checked_at": "x"}}
    answer = api.client.post(
        "/v1/erasure_requests", json={**wish, "ann@mail.example": 1}, headers=once(api.key(Role.REQUESTER))
    )
    assert answer.status_code == 422
    assert {one["at"] for one in answer.json()["errors"]} == {
        "body.controller",
        "body.identifiers.*",
        "body.evidence.kind",
        "body.evidence.checked_at",
        "body.*",
    }
    assert "ann@" not in answer.text


def test_at_most_twenty_errors_are_told(api: ApiHarness) -> None:
    """Whoever reads them mends the first ones; thousands would be megabytes."""
    wrong = {f"Wrong {number}": "" for number in range(20)}
    for body in ({"controller": "client:42", "identifiers": wrong}, {"identifiers": dict.fromkeys(range(6000), 1)}):
        answer = api.client.post("/v1/erasure_requests", headers=once(api.key(Role.REQUESTER)), json=body)
        assert answer.status_code == 422
        assert 1 <= len(answer.json()["errors"]) <= 20
