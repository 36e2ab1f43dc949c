"""A hold that may not be told: no answer to a client or a person, granted or refused, has a word of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response
from tests.support.api import ApiHarness, bearer, once, open_api
from tests.support.api_permissions import MAY
from tests.support.bulk_people import make_crowd, poisoned
from tests.support.installation import CompanyStack
from tests.support.opendsr import certificate_in
from tests.support.people import make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role

GROUND = "Court order 4 C 17/26"
CLIENT = ("client:42",)
CALLS = [
    (label, role)
    for label, roles in MAY.items()
    for role in ("person", "follower", "requester", "approver")
    if role in roles.split()
]
"""Everything that those may ask who may see no holds (ADR 12)."""


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    api = {"opendsr": certificate_in(tmp_path), "events_for": timedelta(seconds=1)}
    with open_api(calltrack, tmp_path, api=api) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody's request that a hold keeps, and how they and their client call."""

    api: ApiHarness
    person: int
    headers: dict[str, dict[str, str]]
    paths: dict[str, str]
    bodies: dict[str, Any]

    def send(self, label: str, role: str) -> Response:
        """A call about it, in a role."""
        method, path = label.replace("me/erasure_requests/{erasure_request_id}", "me/erasure_requests/{own}").split()
        headers = self.api.person(user_id=self.person) if role == "person" else self.headers[role]
        body = self.bodies.get(label)
        content = {"content": body} if isinstance(body, str) else {"json": body}
        query = {"controller": CLIENT[0]} if label == "POST /v1/batches" else None
        return self.api.client.request(
            method, path.format(**self.paths), params=query, headers=once(headers), **({} if body is None else content)
        )


@pytest.fixture
def held(api: ApiHarness, inspector: StoreInspector) -> Held:
    """A caller whom the client asked about in both forms, and an account holder; both are held, and it was begun."""
    ann, bob = make_caller(inspector), make_holder(inspector)
    operator = api.key(Role.OPERATOR)
    for people in ({"caller_id": str(ann.id)}, {"user_id": str(bob.id)}):
        wish = {"people": [people], "ground": GROUND, "undisclosed": True}
        assert api.client.post("/v1/legal_holds", json=wish, headers=operator).status_code == 201
    headers = {role: api.key(Role(role), controllers=CLIENT) for role in ("requester", "approver")}
    asked = {"controller": CLIENT[0], "identifiers": {"caller_id": str(ann.id)}}
    client = api.client.post("/v1/erasure_requests", json=asked, headers=once(headers["requester"])).json()
    own = api.client.post(
        "/v1/me/erasure_requests",
        json={"scope": "account", "waive_grace": True},
        headers=once(api.person(user_id=bob.id)),
    ).json()
    api.work()
    told = api.client.get(f"/v1/erasure_requests/{client['id']}", headers=operator).json()
    batch, uuid = told["batch_id"], str(uuid4())
    plan = api.client.get(f"/v1/batches/{batch}/plan", headers=operator).json()
    openings = {"identifiers": {"user_id": str(bob.id)}}
    request, person = "/v1/erasure_requests/{erasure_request_id}", "/v1/me/erasure_requests/{erasure_request_id}"
    return Held(
        api,
        bob.id,
        {**headers, "follower": bearer(own["follow_up_token"])},
        {"erasure_request_id": client["id"], "own": own["id"], "batch_id": batch, "subject_request_id": uuid},
        {
            "POST /v1/me/erasure_requests": {"scope": "account", "waive_grace": True},
            f"POST {person}/openings": openings,
            "POST /v1/follow_up/erasure_request/openings": openings,
            "POST /v1/erasure_requests": asked,
            f"POST {request}/openings": {"identifiers": asked["identifiers"]},
            f"POST {request}/extend": {"reason": "complexity"},
            "POST /v1/batches": ann.csv,
            "POST /v1/batches/{batch_id}/approve": {"digest": plan["digest"]},
            "POST /opendsr/v2/requests": {
                "regulation": "gdpr",
                "subject_request_id": uuid,
                "subject_request_type": "erasure",
                "submitted_time": api.at.isoformat(),
                "subject_identities": [
                    {
                        "identity_type": "controller_customer_id",
                        "identity_value": str(ann.id),
                        "identity_format": "raw",
                    }
                ],
            },
        },
    )


def words(answer: Response) -> str:
    """All that it says, signed statements included; without what it says to everybody."""
    try:
        said = [answer.text, *_enclosed(answer.json())]
    except ValueError:  # a page, or events
        said = [answer.text]
    return "\n".join(said).replace('"on_hold":0', "").replace("clients of this company hold", "").lower()


def _enclosed(value: object) -> Iterator[str]:
    """What stands in base64 in a document."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _enclosed(one)
    elif isinstance(value, str):
        with suppress(ValueError):
            yield b64decode(value, validate=True).decode()


def test_no_answer_has_a_word_of_it(held: Held) -> None:
    """Whatever is asked, in whatever role; then once more, when all that these calls made was begun as well."""
    said: dict[tuple[str, str], str] = {}
    for turn in ("first", "again"):
        for label, role in CALLS:
            answer = held.send(label, role)
            assert answer.status_code not in {400, 401, 403, 422, 429}, (label, role, answer.text)
            assert answer.status_code < 500, (label, role, answer.text)
            said[f"{turn} {label}", role] = words(answer)
        held.api.work()
    assert {one: text for one, text in said.items() if any(word in text for word in ("hold", "held", "4 c 17"))} == {}


def test_it_looks_like_work_in_hand(held: Held) -> None:
    """In the request and in its plan, in the batch and in its plan, and in the plan of who asks again for them."""
    for label in (
        "erasure_requests/{erasure_request_id}",
        "erasure_requests/{erasure_request_id}/plan",
        "batches/{batch_id}",
        "batches/{batch_id}/plan",
    ):
        for role in ("requester", "approver"):
            assert held.send(f"GET /v1/{label}", role).json()["state"] == "executing", (label, role)
    refused = held.send("POST /v1/batches/{batch_id}/approve", "approver").json()
    assert refused["detail"] == "This batch is executing: it waits for no approval."
    assert held.send("POST /v1/batches", "requester").json()["concurrent_batches"] == {held.paths["batch_id"]: 1}


def test_the_numbers_do_not_have_it(held: Held) -> None:
    """They are told to everybody."""
    numbers = held.api.client.get("/metrics").text
    assert 'expunge_batches{state="executing"} 2.0' in numbers
    assert 'expunge_batches{state="on-hold"}' not in numbers


def test_what_came_back_and_is_held_is_answered_all_the_same(api: ApiHarness, inspector: StoreInspector) -> None:
    """Shown as work in hand, it is neither due, nor extended, nor cancelled: as without the hold."""
    ann, client = make_caller(inspector), api.key(Role.REQUESTER, controllers=CLIENT)
    operator = api.key(Role.OPERATOR)
    asked = {"controller": CLIENT[0], "identifiers": {"caller_id": str(ann.id)}}
    made = api.client.post("/v1/erasure_requests", json=asked, headers=once(client)).json()
    at = f"/v1/erasure_requests/{made['id']}"
    api.work()

    def answers() -> tuple[int, list[tuple[int, str]]]:
        before = {"due_before": (api.at + timedelta(days=800)).isoformat()}
        listed = api.client.get("/v1/erasure_requests", params=before, headers=client).json()["items"]
        batch = api.client.get(at, headers=client).json()["batch_id"]
        refused = (
            api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=client),
            api.client.post(f"/v1/batches/{batch}/cancel", headers=api.key(Role.OPERATOR, controllers=CLIENT)),
        )
        return len(listed), [(one.status_code, one.json().get("type", "").rsplit("/", 1)[-1]) for one in refused]

    without = (0, [(409, "already-over"), (409, "waits-for-somebody")])
    assert answers() == without
    wish = {"people": [asked["identifiers"]], "ground": GROUND, "undisclosed": True}
    assert api.client.post("/v1/legal_holds", json=wish, headers=operator).status_code == 201
    with inspector.redis() as cache:
        cache.hset(f"cache:caller:{ann.id}", mapping={"phone": ann.phone})
    api.settle()
    assert api.client.get(at, headers=client).json()["state"] == "executing"
    assert answers() == without


def test_whoever_stops_or_retries_it_is_told_the_same(held: Held) -> None:
    """An operator of some controllers does not see every hold that concerns them; one who does asks for the holds."""
    operator, batch = held.api.key(Role.OPERATOR, controllers=CLIENT), held.paths["batch_id"]
    for path in (f"/v1/batches/{batch}", f"/v1/erasure_requests/{held.paths['erasure_request_id']}"):
        retried = held.api.client.post(f"{path}/retry", headers=operator)
        assert (retried.status_code, retried.json()["type"].rsplit("/", 1)[1]) == (409, "not-possible-now")
        assert retried.json()["detail"] == "This batch is executing: nothing of it can be taken up now."
    resumed = held.api.client.post(f"/v1/batches/{batch}/resume", headers=operator)
    assert (resumed.status_code, resumed.json()["detail"]) == (409, "This batch is executing, not paused.")
    assert held.api.client.get("/v1/legal_holds", headers=operator).json()["items"] == []
    assert len(held.api.client.get("/v1/legal_holds", headers=held.api.key(Role.OPERATOR)).json()["items"]) == 2


def test_one_that_may_be_told_gives_no_other_away(api: ApiHarness, inspector: StoreInspector) -> None:
    """Of a list: where a batch is told to be on hold, nobody of it is open."""
    ann, bob = make_caller(inspector), make_caller(inspector)
    operator = api.key(Role.OPERATOR)
    for one, undisclosed in ((ann, True), (bob, False)):
        wish = {"people": [{"caller_id": str(one.id)}], "ground": GROUND, "undisclosed": undisclosed}
        assert api.client.post("/v1/legal_holds", json=wish, headers=operator).status_code == 201
    text, query = f"{ann.csv}{bob.id}\n", {"controller": CLIENT[0]}
    made = api.client.post("/v1/batches", params=query, content=text, headers=once(operator)).json()
    at = f"/v1/batches/{made['id']}"
    assert api.client.post(f"{at}/start", json={"digest": made["digest"]}, headers=operator).status_code == 202
    api.work()
    told = api.client.get(at, headers=api.key(Role.REQUESTER, controllers=CLIENT)).json()
    assert (told["state"], told["outcomes"]) == ("executing", {"on-hold": 1, "open": 1})


def test_what_fails_beside_it_does_not_give_it_away(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    """A chunk whose turn has not come stands in no batch that has stopped: all of it looks like work in hand.

    What failed is seen as ever, and taken up by `retry`. A batch that is paused has such chunks by itself.
    """
    crowd = make_crowd(inspector, 3)
    with open_api(calltrack, tmp_path, chunk_size=1) as api:
        operator, reader = api.key(Role.OPERATOR), api.key(Role.REQUESTER, controllers=("calltrack",))
        wish = {"people": [{"user_id": str(crowd.ids[0])}], "ground": GROUND, "undisclosed": True}
        assert api.client.post("/v1/legal_holds", json=wish, headers=operator).status_code == 201
        query = {"controller": "calltrack"}
        made = api.client.post("/v1/batches", params=query, content=crowd.csv, headers=once(operator)).json()
        at = f"/v1/batches/{made['id']}"

        def told() -> tuple[str, dict[str, int], list[str]]:
            answer = api.client.get(at, headers=reader).json()
            assert api.client.get(f"{at}/plan", headers=reader).json()["state"] == answer["state"]
            return answer["state"], answer["outcomes"], sorted(one["state"] for one in answer["chunks"])

        with poisoned(inspector, [crowd.ids[1]]):
            api.client.post(f"{at}/start", json={"digest": made["digest"]}, headers=operator)
            api.work()
        stopped = ({"open": 1, "failed": 1, "erased": 1}, ["failed", "ready", "waiting"])
        assert told() == ("executing", *stopped)
        assert api.client.post(f"{at}/pause", headers=operator).json()["state"] == "paused"
        assert told() == ("paused", *stopped)
        assert api.client.post(f"{at}/resume", headers=operator).json()["state"] == "executing"
        assert told() == ("executing", *stopped)
        assert api.client.post(f"{at}/retry", headers=operator).status_code == 200
        api.work()
        assert told() == ("executing", {"open": 1, "erased": 2}, ["ready", "waiting", "waiting"])


def test_a_plan_never_says_plain_erased_of_what_was_not(api: ApiHarness, inspector: StoreInspector) -> None:
    """What the batch says of itself, its plan says too: here of somebody of whom something is retained."""
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"scope": "account", "waive_grace": True}
    made = api.client.post("/v1/me/erasure_requests", json=wish, headers=once(api.person(user_id=holder))).json()
    api.work()
    operator = api.key(Role.OPERATOR)
    at = f"/v1/erasure_requests/{made['id']}"
    told = api.client.get(at, headers=operator).json()
    assert told["state"] == "partially-erased"
    assert api.client.get(f"{at}/plan", headers=operator).json()["state"] == told["state"]
    late = api.client.post(f"/v1/batches/{told['batch_id']}/retry", headers=operator)
    assert late.json()["detail"] == "This batch is partially-erased: nothing of it can be taken up now."
