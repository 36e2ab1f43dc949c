"""A query parameter that an operation does not declare is refused, wherever it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import ApiHarness, once, open_api
from tests.support.installation import CompanyStack
from tests.support.opendsr import certificate_in

from expunge_orchestrator.auth.principals import Role

UNKNOWN = "zyqv"


def refusals(api: ApiHarness, prefix: str = "") -> dict[str, tuple[int, Any]]:
    """Operation -> what it answers to a parameter that nothing declares."""
    document = api.client.get(f"{prefix}/openapi.json").json()
    told = {}
    for path, operations in document["paths"].items():
        url = prefix + re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path)
        url = url.replace("/log/0", "/log/tile/0")
        for method in operations:
            answer = api.client.request(method, url, params={UNKNOWN: "1"})
            told[f"{method} {path}"] = (answer.status_code, answer.json())
    return told


def test_every_operation_names_it_and_those_that_it_knows(api: ApiHarness) -> None:
    document = api.client.get("/openapi.json").json()
    known = {
        f"{method} {path}": sorted(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    told = refusals(api)
    assert {label: status for label, (status, _) in told.items()} == dict.fromkeys(known, 400)
    assert {label: problem["known_parameters"] for label, (_, problem) in told.items()} == known
    assert {problem["parameter"] for _, problem in told.values()} == {"*"}
    assert known["get /v1/erasure_requests"] == ["cursor", "due_before", "limit", "state"]


def test_in_opendsr_too(calltrack: CompanyStack, tmp_path: Path) -> None:
    with open_api(calltrack, tmp_path, api={"opendsr": certificate_in(tmp_path)}) as api:
        told = refusals(api, "/opendsr/v2")
    assert len(told) == 5
    assert {(status, problem["error"]["errors"][0]["reason"]) for status, problem in told.values()} == {
        (400, "query-parameter-unknown")
    }


def test_a_known_one_beside_it_and_the_other_case_do_not_help(api: ApiHarness) -> None:
    operator = api.key(Role.OPERATOR)
    assert api.client.get("/v1/erasure_requests?limit=1&state=scheduled", headers=operator).status_code == 200
    for query in ("limit=1&status=scheduled", "Limit=1", "limit=1&dueBefore=2026-12-01", "=1", "limit=1&"):
        answer = api.client.get(f"/v1/erasure_requests?{query}", headers=operator)
        assert answer.status_code == (200 if query == "limit=1&" else 400), query


@pytest.mark.parametrize("name", ["ann@mail.example", "+49301234567", "ann.lee", "x" * 41, "4711", "Größe", "annlee"])
def test_an_unknown_name_is_not_repeated(api: ApiHarness, name: str) -> None:
    answer = api.client.get("/v1/erasure_requests", params={name: "1"}, headers=api.key(Role.OPERATOR))
    assert (answer.status_code, answer.json()["parameter"]) == (400, "*")
    assert name not in answer.text


def test_what_is_said_twice_is_refused_where_one_is_wanted(api: ApiHarness) -> None:
    """Whoever looks at a call before us may read the first one, and we the last: of another client, for instance."""
    operator = api.key(Role.OPERATOR)
    for query in ("limit=1&limit=2", "state=scheduled&limit=1&state=scheduled"):
        answer = api.client.get(f"/v1/erasure_requests?{query}", headers=operator)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "query-parameter-repeated")
        assert answer.json()["parameter"] == query.partition("=")[0]
    twice = "/v1/batches?controller=client:43&controller=client:42"
    assert api.client.post(twice, content="caller_id\n1\n", headers=once(operator)).status_code == 400
    listed = "/v1/batches?controller=client:42&data_type=calls&data_type=unknown"
    answer = api.client.post(listed, content="caller_id\n1\n", headers=once(operator))
    assert not answer.json()["type"].endswith("query-parameter-repeated"), "a list may be longer than one"
