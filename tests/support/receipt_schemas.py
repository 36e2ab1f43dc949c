"""The published JSON Schemas, and a receipt held against them by a validator that we did not write."""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs


@cache
def schema(name: str) -> dict[str, Any]:
    """A published schema: statement, document, export, opening, trust."""
    text = resources.files("expunge_reports").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _validator(name: str) -> Any:
    return jsonschema_rs.validator_for(schema(name))


def faults(name: str, value: object) -> list[str]:
    """What a schema finds wrong: places and messages."""
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in _validator(name).iter_errors(value)]


def assert_has_published_form(receipt: bytes) -> None:
    """The export, each of its statements and each document that they cite."""
    document = json.loads(receipt)
    assert faults("export", document) == []
    for row in document["statements"]:
        assert faults("statement", json.loads(base64.b64decode(row["envelope"]["payload"]))) == []
    for cited in document["shared"].values():
        assert faults("document", cited) == []
