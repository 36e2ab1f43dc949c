"""The OpenAPI document shows every body; and what a call that is not of its form is told."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.support.api import ApiHarness, once

from expunge_orchestrator.api import schemas
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.auth.principals import Role

JSON = "application/json"


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
            assert made.model_dump(mode="json", by_alias=True, exclude_unset=True).keys() == example.keys(), name
            if name.endswith(("Told", "Page")) or name in {"IssuedKey", "PlacedHold"}:
                assert example.keys() == schema["properties"].keys(), name
    assert looked_at > 20


def test_what_is_located_looks_like_that(api: ApiHarness) -> None:
    client = api.installation.calltrack.company.clients[0].id
    sought = {"controller": f"client:{client}", "identifiers": {"caller_id": "1"}}
    told = api.client.post("/v1/locate", json=sought, headers=api.key(Role.OPERATOR)).json()
    example: dict[str, Any] = examples.LOCATION
    for real, shown in ((told, example), (told["people"][0], example["people"][0])):
        assert set(real) == set(shown)
    assert set(told["notLookedInto"]) == set(example["notLookedInto"])


def test_what_is_wrong_is_named(api: ApiHarness) -> None:
    """The members that the document has; what the caller made up is not repeated."""
    wish = {"controller": "", "identifiers": {"caller_id": ["ann@mail.example"]}, "evidence": {"checkedAt": "x"}}
    answer = api.client.post(
        "/v1/requests", json={**wish, "ann@mail.example": 1}, headers=once(api.key(Role.REQUESTER))
    )
    assert answer.status_code == 422
    assert {one["at"] for one in answer.json()["errors"]} == {
        "body.controller",
        "body.identifiers.*",
        "body.evidence.kind",
        "body.evidence.checkedAt",
        "body.*",
    }
    assert "ann@" not in answer.text
