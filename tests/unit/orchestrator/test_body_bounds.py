"""A body that is wrong in thousands of places is refused for a few: each error takes time and memory, and is told."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from expunge_orchestrator.api.opendsr.schemas import SubjectRequest
from expunge_orchestrator.api.routes import ROUTERS

MANY = 3000
FEW = 50


def bodies() -> list[type[BaseModel]]:
    """Of all operations."""
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
    found = {one.body_field.field_info.annotation for one in routes if one.body_field is not None}
    models = {one for one in found if isinstance(one, type) and issubclass(one, BaseModel)}
    assert len(models) > 5
    return sorted(models | {SubjectRequest}, key=lambda one: one.__name__)


OBJECT = {str(number): 1 for number in range(MANY)}
FLOODS: dict[str, Any] = {
    "numbers": [1] * MANY,
    "texts": [""] * MANY,
    "lists": [[]] * MANY,
    "objects": [{}] * MANY,
    "an object": OBJECT,
    "names": {"a" * (number % 60 + 1) + str(number): "x" for number in range(MANY)},
    "an object in a list": [OBJECT],
}


def errors_of(body: type[BaseModel], given: object) -> int:
    try:
        body.model_validate(given)
    except ValidationError as error:
        return error.error_count()
    return 0


@pytest.mark.parametrize("body", bodies())
@pytest.mark.parametrize("flood", FLOODS)
def test_of_many_errors_few_are_made(body: type[BaseModel], flood: str) -> None:
    """Wherever they stand."""
    assert errors_of(body, FLOODS[flood]) <= FEW
    for name in body.model_fields:
        assert errors_of(body, {name: FLOODS[flood]}) <= FEW, name
