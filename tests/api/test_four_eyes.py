"""An approver is never who asked: not with both roles, and not with another key or token of the same person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import ApiHarness, bearer, once, open_api
from tests.support.installation import CompanyStack
from tests.support.people import SeededPerson, make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import api_key, audit
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import approval

Headers = Mapping[str, str]
CLIENT = ("client:42",)


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    """Where the map lets nobody be erased without a second pair of eyes."""
    with open_api(calltrack, tmp_path) as made:
        workspace = made.installation.workspace
        limits = workspace.data_map.limits.model_copy(update={"people": 0})
        object.__setattr__(workspace, "data_map", workspace.data_map.model_copy(update={"limits": limits}))
        yield made


def both_roles(api: ApiHarness) -> tuple[Headers, Headers]:
    """One key that may ask and approve."""
    key = api.key(Role.REQUESTER, Role.APPROVER, controllers=CLIENT)
    return key, key


def two_keys(api: ApiHarness) -> tuple[Headers, Headers]:
    """A key that may ask, and one that may approve; both are one holder's."""
    asks = api.key(Role.REQUESTER, controllers=CLIENT)
    with reading(api.installation.workspace.ledger) as connection:
        holder = connection.execute(sa.select(api_key.c.actor)).scalar_one()
    return asks, api.key(Role.APPROVER, controllers=CLIENT, holder=holder)


def two_tokens(api: ApiHarness) -> tuple[Headers, Headers]:
    """Somebody of the staff who signed in as the one, and later as the other."""
    return api.staff("requester", subject="ann"), api.staff("approver", subject="ann")


def minted(api: ApiHarness, issuer: Headers, role: str, **said: object) -> dict[str, object]:
    wish = {"roles": [role], "controllers": list(CLIENT), **said}
    issued = api.client.post("/v1/api_keys", json=wish, headers=dict(issuer))
    assert issued.status_code == 201, issued.text
    return dict(issued.json())


def headers_of(issued: Mapping[str, object]) -> dict[str, str]:
    return bearer(str(issued["secret"]))


def key_of_its_issuer(api: ApiHarness) -> tuple[Headers, Headers]:
    """A system's key, and the token of the administrator who issued it and may approve."""
    ann = {"controllers": "client:42", "subject": "ann"}
    return headers_of(minted(api, api.staff("admin", **ann), "requester")), api.staff("approver", **ann)


def keys_of_one_chain(api: ApiHarness) -> tuple[Headers, Headers]:
    """An administrator's key issued another one's, and each of these one: for asking, and for approving."""
    first = api.key(Role.ADMIN, controllers=CLIENT)
    second = headers_of(minted(api, first, "admin"))
    asks, approves = minted(api, first, "requester"), minted(api, second, "approver")
    confirmed = api.client.post(f"/v1/api_keys/{approves['id']}/confirm", headers=api.key(Role.ADMIN))
    assert confirmed.status_code == 200, confirmed.text
    return headers_of(asks), headers_of(approves)


def key_of_somebody_said(api: ApiHarness) -> tuple[Headers, Headers]:
    """Who issues a key and says that it is another one's has it all the same."""
    ann = {"controllers": "client:42", "subject": "ann"}
    asks = minted(api, api.staff("admin", **ann), "requester", subject="us_0123456789abcdef")
    return headers_of(asks), api.staff("approver", **ann)


def asked_as_list(api: ApiHarness, ann: SeededPerson, asks: Headers) -> str:
    made = api.client.post(
        "/v1/batches", params={"controller": ann.controller}, content=ann.csv, headers=once(asks)
    ).json()
    return str(made["id"])


def asked_as_request(api: ApiHarness, ann: SeededPerson, asks: Headers) -> str:
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}
    uid = api.client.post("/v1/erasure_requests", json=wish, headers=once(asks)).json()["id"]
    api.work()
    return str(api.client.get(f"/v1/erasure_requests/{uid}", headers=asks).json()["batch_id"])


def approvals(api: ApiHarness) -> tuple[int, int]:
    """How many there are in the ledger, and in the audit trail."""
    with reading(api.installation.workspace.ledger) as connection:
        trail = sa.select(audit.c.action).where(audit.c.action == "batch.approve", audit.c.result == "done")
        return len(connection.scalars(sa.select(tables.approval.c.approver)).all()), len(
            connection.scalars(trail).all()
        )


@pytest.mark.parametrize("ask", [asked_as_list, asked_as_request])
@pytest.mark.parametrize(
    "somebody", [both_roles, two_keys, two_tokens, key_of_its_issuer, keys_of_one_chain, key_of_somebody_said]
)
def test_an_approver_is_never_who_asked(
    api: ApiHarness,
    inspector: StoreInspector,
    ask: Callable[[ApiHarness, SeededPerson, Headers], str],
    somebody: Callable[[ApiHarness], tuple[Headers, Headers]],
) -> None:
    asks, approves = somebody(api)
    ann = make_caller(inspector)
    had = ann.left(inspector)
    batch = ask(api, ann, asks)
    operator = api.key(Role.OPERATOR)
    plan = api.client.get(f"/v1/batches/{batch}/plan", headers=approves).json()
    assert plan["state"] == "awaiting-approval"
    body = {"digest": plan["digest"]}

    def post(verb: str, headers: Headers) -> Response:
        return api.client.post(f"/v1/batches/{batch}/{verb}", json=body, headers=dict(headers))

    refused = post("approve", approves)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "not-confirmed")
    assert refused.json()["detail"] == "Nothing was approved: whoever asked for it cannot approve it."
    assert approvals(api) == (0, 0)
    waits = post("start", operator)
    assert (waits.status_code, waits.json()["type"].rsplit("/", 1)[1]) == (409, "waits-for-somebody")
    api.work()
    assert ann.left(inspector) == had
    # Somebody else may, and then it goes on.
    approved = post("approve", api.key(Role.APPROVER, controllers=CLIENT))
    assert (approved.status_code, approved.json()["state"]) == (200, "planned")
    assert approvals(api) == (1, 1)
    assert post("start", operator).status_code == 202
    api.work()
    assert not any(ann.left(inspector).values())


def test_a_key_that_approves_is_issued_by_two(api: ApiHarness, inspector: StoreInspector) -> None:
    """One administrator's word is not enough, nor that of a key that they issued, nor of whom it is for."""
    ann, bob = (api.staff("admin", "requester", controllers="client:42", subject=one) for one in ("ann", "bob"))
    caller = make_caller(inspector)
    batch = asked_as_list(api, caller, ann)
    issued = minted(api, ann, "approver")
    plan = api.client.get(f"/v1/batches/{batch}/plan", headers=ann).json()

    def post(path: str, headers: Headers, **body: object) -> tuple[int, str]:
        answer = api.client.post(path, json=body or None, headers=dict(headers))
        told = answer.json()
        return answer.status_code, str(told.get("type", told.get("confirmed_at"))).rsplit("/", 1)[-1]

    approves = f"/v1/batches/{batch}/approve"
    assert post(approves, headers_of(issued), digest=plan["digest"]) == (403, "role-missing")
    confirms = f"/v1/api_keys/{issued['id']}/confirm"
    own = headers_of(minted(api, ann, "admin"))
    for nobody_else in (ann, own):
        assert post(confirms, nobody_else) == (409, "not-confirmed")
    assert post(confirms, api.key(Role.ADMIN, controllers=("client:43",)))[0] == 404
    assert post(approves, headers_of(issued), digest=plan["digest"]) == (403, "role-missing")
    assert post(confirms, bob)[0] == 200
    assert post(approves, headers_of(issued), digest=plan["digest"]) == (409, "not-confirmed")  # it is ann's still
    other = asked_as_list(api, make_caller(inspector), bob)
    digest = api.client.get(f"/v1/batches/{other}/plan", headers=bob).json()["digest"]
    assert post(f"/v1/batches/{other}/approve", headers_of(issued), digest=digest)[0] == 200


def test_a_confirmed_key_is_whom_it_is_for(api: ApiHarness, inspector: StoreInspector) -> None:
    """Two say that bob has it: what its issuer asks for, it approves; what bob asks for, it does not."""
    ann, bob = (
        api.staff("admin", "requester", "approver", controllers="client:42", subject=one) for one in ("ann", "bob")
    )
    asked = asked_as_list(api, make_caller(inspector), bob)
    with reading(api.installation.workspace.ledger) as connection:
        actor = connection.execute(sa.select(tables.batch.c.requested_by)).scalar_one()
    issued = minted(api, ann, "approver", subject=actor)
    confirm = f"/v1/api_keys/{issued['id']}/confirm"
    assert api.client.post(confirm, headers=bob).status_code == 409
    assert api.client.post(confirm, headers=api.key(Role.ADMIN)).status_code == 200
    anns = asked_as_list(api, make_caller(inspector), ann)
    for batch, status in ((asked, 409), (anns, 200)):
        digest = api.client.get(f"/v1/batches/{batch}/plan", headers=ann).json()["digest"]
        answer = api.client.post(f"/v1/batches/{batch}/approve", json={"digest": digest}, headers=headers_of(issued))
        assert answer.status_code == status


def test_what_an_approval_is_worth_is_asked_again_at_the_beginning(api: ApiHarness, inspector: StoreInspector) -> None:
    """By the rule by which it is given: one in the ledger by a person who asked is none."""
    ann = api.staff("admin", "requester", controllers="client:42", subject="ann")
    batch = asked_as_list(api, make_caller(inspector), ann)
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.batch).values(state=BatchState.PLANNED.value))
        planned = batch_by_uid(connection, batch)
        row = {"batch_id": planned.id, "digest": planned.plan_digest, "at": stamp(now()), "requester_persons": ["a"]}
        connection.execute(sa.insert(tables.approval).values(**row, approver="ak_1", persons=["a", "b"]))
        with pytest.raises(BatchBlockedError, match="waits for approval"):
            approval.require_approved(connection, planned)
        connection.execute(sa.insert(tables.approval).values(**row, approver="ak_2", persons=["b"]))
        approval.require_approved(connection, planned)


def approved_by_bob(api: ApiHarness, caller: SeededPerson, ann: Headers) -> tuple[str, str, str]:
    """A batch that ann asked for and a key of bob's approved, the digest of its plan, and the key's holder."""
    batch = asked_as_list(api, caller, ann)
    digest = str(api.client.get(f"/v1/batches/{batch}/plan", headers=ann).json()["digest"])
    bob = api.staff("admin", controllers="client:42", subject="bob")
    key = minted(api, bob, "approver")
    carol = api.staff("admin", controllers="client:42", subject="carol")
    assert api.client.post(f"/v1/api_keys/{key['id']}/confirm", headers=carol).status_code == 200
    approve = f"/v1/batches/{batch}/approve"
    assert api.client.post(approve, json={"digest": digest}, headers=headers_of(key)).status_code == 200
    return batch, digest, str(key["holder"])


def further_key_of_the_approver(api: ApiHarness, ann: Headers, holder: str) -> None:
    """Ann, who asked, is one of the persons behind the approver's keys from now on."""
    minted(api, ann, "auditor", holder=holder)


def further_key_of_who_asked(api: ApiHarness, ann: Headers, _holder: str) -> None:
    """The approver is one of the persons behind the keys with which it was asked."""
    with reading(api.installation.workspace.ledger) as connection:
        asked = connection.execute(sa.select(tables.batch.c.requested_by)).scalar_one()
    bob = api.staff("admin", controllers="client:42", subject="bob")
    minted(api, bob, "auditor", holder=asked)


@pytest.mark.parametrize("later", [further_key_of_the_approver, further_key_of_who_asked])
def test_a_key_issued_later_spoils_no_approval(
    api: ApiHarness, inspector: StoreInspector, later: Callable[[ApiHarness, Headers, str], None]
) -> None:
    """Who approved, and who asked, is by the keys as of the approval: one administrator voids no second person's."""
    staff = api.staff("admin", "requester", "operator", controllers="client:42", subject="ann")
    asks = staff if later is further_key_of_the_approver else headers_of(minted(api, staff, "requester"))
    caller = make_caller(inspector)
    batch, digest, holder = approved_by_bob(api, caller, asks)
    later(api, staff, holder)
    started = api.client.post(f"/v1/batches/{batch}/start", json={"digest": digest}, headers=dict(staff))
    assert started.status_code == 202, started.text
    api.work()
    assert not any(caller.left(inspector).values())


def test_a_batch_of_which_a_store_was_asked_to_erase_goes_on(api: ApiHarness, inspector: StoreInspector) -> None:
    """Whatever its approval is worth by now: what is begun is finished."""
    caller = make_caller(inspector)
    batch, digest, _ = approved(api, caller)
    operator = api.key(Role.OPERATOR)

    def post(verb: str) -> tuple[int, str]:
        answer = api.client.post(f"/v1/batches/{batch}/{verb}", json={"digest": digest}, headers=operator)
        return answer.status_code, answer.text

    assert post("start")[0] == 202
    assert post("pause")[0] == 200
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.delete(tables.approval))
    status, told = post("resume")
    assert (status, "Nothing was erased" in told, "touched" in told) == (409, True, False)
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.item).values(touched=True))
    assert post("resume")[0] == 200
    api.work()
    assert not any(caller.left(inspector).values())


def approved(api: ApiHarness, ann: SeededPerson) -> tuple[str, str, str]:
    """A batch that a key has approved, the digest of its plan, and the key's id."""
    batch = asked_as_list(api, ann, api.key(Role.REQUESTER, controllers=CLIENT))
    headers = api.key(Role.APPROVER, controllers=CLIENT)
    digest = str(api.client.get(f"/v1/batches/{batch}/plan", headers=headers).json()["digest"])
    done = api.client.post(f"/v1/batches/{batch}/approve", json={"digest": digest}, headers=headers)
    assert (done.status_code, done.json()["state"]) == (200, "planned")
    with reading(api.installation.workspace.ledger) as connection:
        newest = sa.select(api_key.c.uid).order_by(api_key.c.id.desc()).limit(1)
        return batch, digest, str(connection.execute(newest).scalar_one())


def revoke(api: ApiHarness, key: str) -> None:
    answer = api.client.post(f"/v1/api_keys/{key}/revoke", headers=api.key(Role.ADMIN))
    assert answer.status_code == 200, answer.text


def test_an_approval_ends_with_its_key(api: ApiHarness, inspector: StoreInspector) -> None:
    """Whoever revokes it says that it is not to be trusted: another approves, or nothing is begun."""
    ann = make_caller(inspector)
    had = ann.left(inspector)
    batch, digest, key = approved(api, ann)
    revoke(api, key)
    operator = api.key(Role.OPERATOR)

    def post(verb: str, headers: Headers) -> tuple[int, str]:
        answer = api.client.post(f"/v1/batches/{batch}/{verb}", json={"digest": digest}, headers=dict(headers))
        return answer.status_code, str(answer.json().get("state", answer.json().get("type"))).rsplit("/", 1)[-1]

    assert api.client.get(f"/v1/batches/{batch}", headers=operator).json()["state"] == "awaiting-approval"
    assert post("start", operator) == (409, "waits-for-somebody")
    api.work()
    assert ann.left(inspector) == had
    assert post("approve", api.key(Role.APPROVER, controllers=CLIENT)) == (200, "planned")
    assert post("start", operator)[0] == 202
    api.work()
    assert not any(ann.left(inspector).values())


def test_a_holder_approves_again_with_another_key(api: ApiHarness, inspector: StoreInspector) -> None:
    batch, digest, key = approved(api, make_caller(inspector))
    with reading(api.installation.workspace.ledger) as connection:
        holder = connection.execute(sa.select(api_key.c.actor).where(api_key.c.uid == key)).scalar_one()
    revoke(api, key)
    again = api.key(Role.APPROVER, controllers=CLIENT, holder=holder)
    answer = api.client.post(f"/v1/batches/{batch}/approve", json={"digest": digest}, headers=again)
    assert (answer.status_code, answer.json()["state"]) == (200, "planned")


def test_what_was_begun_on_a_revoked_approval_stops_before_it_erases(
    api: ApiHarness, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    had = ann.left(inspector)
    batch, digest, key = approved(api, ann)
    operator = api.key(Role.OPERATOR)
    start = f"/v1/batches/{batch}/start"
    assert api.client.post(start, json={"digest": digest}, headers=operator).status_code == 202
    revoke(api, key)
    assert api.client.get(f"/v1/batches/{batch}", headers=operator).json()["state"] == "paused"
    api.work()
    assert ann.left(inspector) == had
    refused = api.client.post(f"/v1/batches/{batch}/resume", headers=operator)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (409, "waits-for-somebody")
    assert "was revoked since. It can only be cancelled." in refused.json()["detail"]
    assert api.client.post(f"/v1/batches/{batch}/cancel", headers=operator).status_code in {200, 202}
    api.work()
    assert ann.left(inspector) == had


def test_what_has_erased_is_finished(api: ApiHarness, inspector: StoreInspector) -> None:
    """Half of a person would help nobody: of whom something is gone the rest goes."""
    ann = make_caller(inspector)
    batch, digest, key = approved(api, ann)
    operator = api.key(Role.OPERATOR)
    start = f"/v1/batches/{batch}/start"
    assert api.client.post(start, json={"digest": digest}, headers=operator).status_code == 202
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(tables.item).values(touched=True))
    revoke(api, key)
    api.work()
    assert not any(ann.left(inspector).values())


def test_a_key_that_was_revoked_meanwhile_approves_nothing(api: ApiHarness, inspector: StoreInspector) -> None:
    """The call was let in a moment before."""
    batch, digest, key = approved(api, make_caller(inspector))
    revoke(api, key)
    with api.installation.workspace.ledger.begin() as connection:
        found = batch_by_uid(connection, batch)
        with pytest.raises(NotConfirmedError, match="revoked"):
            approval.approve(connection, found, digest, "ak_somebody", key)
