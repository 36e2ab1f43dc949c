"""An approver is never who asked: not with both roles, and not with another key or token of the same person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import Door, once, opened_door
from tests.support.installation import Town
from tests.support.people import Made, make_caller
from tests.support.store_inspector import Probe

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import api_key, audit

Headers = Mapping[str, str]
CLIENT = ("client:42",)


@pytest.fixture
def door(town: Town, tmp_path: Path) -> Iterator[Door]:
    """Where the map lets nobody be erased without a second pair of eyes."""
    with opened_door(town, tmp_path) as made:
        workspace = made.office.workspace
        limits = workspace.data_map.limits.model_copy(update={"people": 0})
        object.__setattr__(workspace, "data_map", workspace.data_map.model_copy(update={"limits": limits}))
        yield made


def both_roles(door: Door) -> tuple[Headers, Headers]:
    """One key that may ask and approve."""
    key = door.key(Role.REQUESTER, Role.APPROVER, controllers=CLIENT)
    return key, key


def two_keys(door: Door) -> tuple[Headers, Headers]:
    """A key that may ask, and one that may approve; both are one holder's."""
    asks = door.key(Role.REQUESTER, controllers=CLIENT)
    with reading(door.office.workspace.ledger) as connection:
        holder = connection.execute(sa.select(api_key.c.actor)).scalar_one()
    return asks, door.key(Role.APPROVER, controllers=CLIENT, holder=holder)


def two_tokens(door: Door) -> tuple[Headers, Headers]:
    """Somebody of the staff who signed in as the one, and later as the other."""
    return door.staff("requester", subject="ann"), door.staff("approver", subject="ann")


def asked_as_list(door: Door, ann: Made, asks: Headers) -> str:
    made = door.client.post(
        "/v1/batches", params={"controller": ann.controller}, content=ann.csv, headers=once(asks)
    ).json()
    return str(made["batch"])


def asked_as_request(door: Door, ann: Made, asks: Headers) -> str:
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    uid = door.client.post("/v1/requests", json=wish, headers=once(asks)).json()["id"]
    door.work()
    return str(door.client.get(f"/v1/requests/{uid}", headers=asks).json()["batch"])


def approvals(door: Door) -> tuple[int, int]:
    """How many there are in the ledger, and in the audit trail."""
    with reading(door.office.workspace.ledger) as connection:
        trail = sa.select(audit.c.action).where(audit.c.action == "batch.approve", audit.c.result == "done")
        return len(connection.scalars(sa.select(tables.approval.c.approver)).all()), len(
            connection.scalars(trail).all()
        )


@pytest.mark.parametrize("ask", [asked_as_list, asked_as_request])
@pytest.mark.parametrize("somebody", [both_roles, two_keys, two_tokens])
def test_an_approver_is_never_who_asked(
    door: Door,
    probe: Probe,
    ask: Callable[[Door, Made, Headers], str],
    somebody: Callable[[Door], tuple[Headers, Headers]],
) -> None:
    asks, approves = somebody(door)
    ann = make_caller(probe)
    had = ann.left(probe)
    batch = ask(door, ann, asks)
    operator = door.key(Role.OPERATOR)
    plan = door.client.get(f"/v1/batches/{batch}/plan", headers=approves).json()
    assert plan["state"] == "awaiting-approval"
    body = {"digest": plan["digest"]}

    def post(verb: str, headers: Headers) -> Response:
        return door.client.post(f"/v1/batches/{batch}/{verb}", json=body, headers=dict(headers))

    refused = post("approve", approves)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "not-confirmed")
    assert refused.json()["detail"] == "Nothing was approved: whoever asked for it cannot approve it."
    assert approvals(door) == (0, 0)
    waits = post("start", operator)
    assert (waits.status_code, waits.json()["type"].rsplit("/", 1)[1]) == (409, "waits-for-somebody")
    door.work()
    assert ann.left(probe) == had
    # Somebody else may, and then it goes on.
    approved = post("approve", door.key(Role.APPROVER, controllers=CLIENT))
    assert (approved.status_code, approved.json()["state"]) == (200, "planned")
    assert approvals(door) == (1, 1)
    assert post("start", operator).status_code == 202
    door.work()
    assert not any(ann.left(probe).values())
