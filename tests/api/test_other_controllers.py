"""An account holder who is also known to clients: their own deletion leaves that alone, and says whom to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.api import ApiHarness, bearer, once, open_api
from tests.support.installation import CompanyStack
from tests.support.notifications import deliver, letters_of
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.store_inspector import Contents, StoreInspector, changed, inspector

__all__ = ["inspector"]

# Written out by hand: what is read from the map, or from the code, would be wrong together with it.
TABLES = ("callers", "calls", "call_notes", "leads", "lead_answers", "recordings", "transcripts")
KEYS = (b"cache:caller:", b"client:")
BUCKET = "bucket calltrack-recordings"
ASK = "ask the client"


def of_clients(contents: Contents) -> Contents:
    """All that belongs to clients: whole rows, whole keys, versions of objects."""
    keys = frozenset(part for part in contents["keys"] if part[0].startswith(KEYS))
    return {"keys": keys, BUCKET: contents[BUCKET], **{f"table {one}": contents[f"table {one}"] for one in TABLES}}


def known_to_clients(inspector: StoreInspector, holder: SeededPerson) -> list[SeededPerson]:
    """Records of two clients with the same phone, and the e-mail address of the account where one stands there."""
    callers = [make_caller(inspector, holder.phone, one.id) for one in inspector.calltrack.company.clients[:2]]
    for caller in callers:
        inspector.sql("UPDATE leads SET email = %s WHERE caller_id = %s", holder.email, caller.id)
    return callers


def status_of(api: ApiHarness, holder: SeededPerson, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The request as it is told to the person, over every way to it."""
    (listed,) = api.client.get("/v1/me/erasure_requests", headers=api.person(user_id=holder.id)).json()
    one = api.client.get(f"/v1/me/erasure_requests/{made['id']}", headers=api.person(user_id=holder.id)).json()
    followed = api.client.get("/v1/follow_up/erasure_request", headers=bearer(made["follow_up_token"])).json()
    assert one["state"] in {"erased", "partially-erased"}, one
    return [listed, one, followed]


@pytest.mark.parametrize("scope", ["account", "information"])
def test_the_clients_records_stay_and_everything_says_whom_to_ask(
    calltrack: CompanyStack, tmp_path: Path, inspector: StoreInspector, scope: str
) -> None:
    box = tmp_path / "letters"
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        holder = make_holder(inspector)
        callers = known_to_clients(inspector, holder)
        before = inspector.contents()
        assert all(of_clients(before).values()), "there is something of clients everywhere"
        wish = {"scope": scope, "waive_grace": True}
        who = api.claims(user_id=holder.id, email=holder.email, phone=holder.phone)
        token = bearer(api.app.sign({**who, "contact": holder.email}))
        made = api.client.post("/v1/me/erasure_requests", json=wish, headers=once(token)).json()
        deliver(api)
        api.work()
        for answer in (made, *status_of(api, holder, made)):
            assert ASK in answer["not_covered"], answer["state"]
        after = inspector.contents()
        assert changed(of_clients(before), of_clients(after)) == {}
        assert all(all(caller.left(inspector).values()) for caller in callers)
        left = {place for place, number in holder.left(inspector).items() if number}
        assert not left if scope == "account" else "main.users" in left and "main.messages" not in left, left
        receipt = api.client.get(f"/v1/me/erasure_requests/{made['id']}/receipt", headers=api.person(user_id=holder.id))
        assert receipt.status_code == 200
        assert holder.phone not in receipt.text
        assert not [one for one in TABLES if f'"{one}"' in receipt.text and one != "recordings"]  # a store's name, too
        deliver(api)
    told = letters_of(box)
    assert len(told) == 2, "accepted, erased"
    assert all(ASK in " ".join(letter.split()) for letter in told)
