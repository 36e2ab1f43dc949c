"""The matrix: role x call x own, another's, nobody's. What is expected is written out here, not read from the code."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from httpx2 import Response
from starlette.routing import Route
from tests.support.api import open_api
from tests.support.api_permissions import EVERYBODY, MAY, ROLES, STAFF, WHOLE, Cells
from tests.support.installation import CompanyStack
from tests.support.opendsr import certificate_in

from expunge_orchestrator.ledger.request_tables import api_key

TYPED = {f"/{name}" for name in ("role-missing", "controllers-missing", "credential-missing", "not-found")}


@pytest.fixture(scope="module")
def cells(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    home = tmp_path_factory.mktemp("matrix")
    with open_api(
        calltrack,
        home,
        api={"opendsr": certificate_in(home), "calls_per_minute": 100000, "calls_per_minute_unknown": 100000},
    ) as api:
        yield Cells(api)


def routes_of(app: FastAPI | APIRouter, before: str = "") -> Iterator[str]:
    """Every call that is answered, documented or not."""
    for route in app.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if isinstance(inner, FastAPI | APIRouter):
            yield from routes_of(inner, before + getattr(route, "path", ""))
            continue
        assert isinstance(route, Route), "a kind of route that this test does not know"
        for method in (route.methods or set()) - {"HEAD"}:
            yield f"{method} {before}{route.path.replace(':path', '')}"


def test_every_call_is_in_the_matrix(cells: Cells) -> None:
    app = cells.api.client.app
    assert isinstance(app, FastAPI)
    found = set(routes_of(app)) - {"GET /opendsr/v2/openapi.json"}
    assert found == set(MAY)
    documented = {f"{method.upper()} {path}" for path, routes in app.openapi()["paths"].items() for method in routes}
    assert documented <= set(MAY)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("how", ["key", "token"])
def test_own(cells: Cells, role: str, how: str) -> None:
    """Whoever may is let through to what is theirs; anybody else is told so, and nothing of it."""
    wrong = {}
    for name, may in MAY.items():
        if how == "token" and role in {"nobody", "person", "follower"}:
            continue  # their credential is of one kind
        answer = cells.call(name, cells.mine, cells.credential(role, how))
        told = slug(answer)
        if may == EVERYBODY or role in may.split():
            expected = "controllers-missing" if name in WHOLE else "let through"
            got = told if told in {one[1:] for one in TYPED} else "let through"
        else:
            expected = "credential-missing" if role == "nobody" else "role-missing"
            got = told
        if got != expected or answer.status_code >= 500:
            wrong[name] = (answer.status_code, got, expected)
    assert not wrong


def test_anothers_is_as_nobodys(cells: Cells) -> None:
    """What is another client's or person's is answered exactly as what is not there (law 2), whoever asks."""
    wrong = {}
    for role, how in [*((role, "key") for role in ROLES), *((role, "token") for role in STAFF)]:
        for name, may in MAY.items():
            if "{" not in name or "{tile}" in name:
                continue
            theirs = cells.call(name, cells.other, cells.credential(role, how))
            nobodys = cells.call(name, cells.nobody, cells.credential(role, how))
            allowed = 404 if role in may.split() else 401 if role == "nobody" else 403
            if (theirs.status_code, theirs.content) != (nobodys.status_code, nobodys.content):
                wrong[role, how, name] = (theirs.text, nobodys.text)
            elif theirs.status_code != allowed or {*theirs.headers} != {*nobodys.headers}:
                wrong[role, how, name] = (theirs.text, str(allowed))
    assert not wrong


@pytest.mark.parametrize("role", STAFF)
@pytest.mark.parametrize("how", ["key", "token"])
def test_for_another_client_nothing_is_made_or_told(cells: Cells, role: str, how: str) -> None:
    """Calls that name a controller in their body, or list."""
    wrong = {}
    for name in ("POST /v1/erasure_requests", "POST /v1/batches", "POST /v1/legal_holds", "POST /v1/locate",
                 "POST /v1/api_keys", "POST /opendsr/v2/requests"):  # fmt: skip
        answer = cells.call(name, cells.other, cells.credential(role, how))
        if answer.status_code != (404 if role in MAY[name].split() else 403):
            wrong[name] = (answer.status_code, answer.text)
    told = {cells.other.request, cells.other.batch, cells.other.hold, cells.other.key, cells.other.own_request}
    told |= {cells.other.fresh_request, cells.other.controller, cells.other.subject_request}
    for name in (
        "GET /v1/erasure_requests",
        "GET /v1/batches",
        "GET /v1/legal_holds",
        "GET /v1/api_keys",
        "GET /v1/audit_log",
    ):
        answer = cells.call(name, cells.mine, cells.credential(role, how))
        if found := {one for one in told if f'"{one}"' in answer.text}:
            wrong[name] = (answer.status_code, str(len(found)))
    assert not wrong


@pytest.mark.parametrize("how", ["key", "token"])
def test_no_key_for_another_clients_holder(cells: Cells, how: str) -> None:
    """Nor for one who also speaks for others, and the answer is that of a holder who never was."""
    url, admin, every = "/v1/api_keys", cells.credential("admin", how), cells.credential("admin", "key for all")
    holders = {
        one["id"]: one["holder"] for one in cells.api.client.get(f"{url}?limit=200", headers=every).json()["items"]
    }

    def issue(holder: str, headers: Mapping[str, str] = admin) -> Response:
        wish = {"roles": ["auditor"], "controllers": [cells.mine.controller], "holder": holder}
        return cells.api.client.post(url, json=wish, headers=headers)

    nobodys = issue(f"ak_{secrets.token_hex(6)}")
    assert slug(nobodys) == "not-possible-now"
    for holder in (holders[cells.other.key], cells.holder):
        refused = issue(holder)
        assert (refused.status_code, refused.content, {*refused.headers}) == (409, nobodys.content, {*nobodys.headers})
    assert len(cells.api.client.get(f"{url}?limit=200", headers=every).json()["items"]) == len(holders)
    own = holders[cells.mine.key]
    assert (issue(own).status_code, issue(own).json()["holder"]) == (201, own)
    assert issue(holders[cells.other.key], every).json()["holder"] == holders[cells.other.key]


@pytest.mark.parametrize("how", ["key", "token"])
def test_a_key_for_a_controller_that_the_map_has_lost_is_nobodys_but_theirs_who_speak_for_all(
    cells: Cells, how: str
) -> None:
    url, admin, every = "/v1/api_keys", cells.credential("admin", how), cells.credential("admin", "key for all")
    wish = {"roles": ["auditor"], "controllers": [cells.other.controller]}
    uid = cells.api.client.post(url, json=wish, headers=every).json()["id"]
    with cells.api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(api_key).where(api_key.c.uid == uid).values(controllers=["gone:1"]))
    for headers, seen in ((admin, False), (every, True)):
        listed = cells.api.client.get(f"{url}?limit=200", headers=headers).json()["items"]
        assert (uid in {one["id"] for one in listed}) is seen
        assert (cells.api.client.post(f"{url}/{uid}/revoke", headers=headers).status_code == 200) is seen


@pytest.mark.parametrize("role", STAFF)
@pytest.mark.parametrize("how", ["key for all", "token for all"])
def test_who_speaks_for_all_reaches_all(cells: Cells, role: str, how: str) -> None:
    wrong = {}
    for name, may in MAY.items():
        if role not in may.split():
            continue
        answer = cells.call(name, cells.other, cells.credential(role, how))
        if answer.status_code >= 500 or f"/{slug(answer)}" in TYPED:
            wrong[name] = (answer.status_code, answer.text)
    assert not wrong


def test_two_roles_are_both(cells: Cells) -> None:
    both = cells.api.staff("approver", "auditor", controllers="*")
    assert cells.api.client.get("/v1/audit_log", headers=both).status_code == 200
    assert slug(cells.call("POST /v1/batches/{batch_id}/approve", cells.mine, both)) != "role-missing"
    assert slug(cells.call("POST /v1/batches/{batch_id}/start", cells.mine, both)) == "role-missing"
    none = cells.api.staff("king", controllers="*")
    assert slug(cells.api.client.get("/v1/erasure_requests", headers=none)) == "role-missing"


def slug(answer: Response) -> str:
    """The last word of a problem's type."""
    if answer.status_code < 400:
        return ""
    told = answer.json()
    if "error" in told:  # OpenDSR's form
        return str(told["error"]["errors"][0]["reason"])
    return str(told["type"]).rsplit("/", 1)[1]
