"""An account holder who is also known to clients: their own deletion leaves that alone, and says whom to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.api import Door, bearer, once, opened_door
from tests.support.installation import Town
from tests.support.notifications import deliver, letters_of
from tests.support.people import Made, make_caller, make_holder
from tests.support.store_inspector import Contents, Probe, changed, probe

__all__ = ["probe"]

# Written out by hand: what is read from the map, or from the code, would be wrong together with it.
TABLES = ("callers", "calls", "call_notes", "leads", "lead_answers", "recordings", "transcripts")
KEYS = (b"cache:caller:", b"client:")
BUCKET = "bucket calltrack-recordings"
ASK = "ask the client"


def of_clients(contents: Contents) -> Contents:
    """All that belongs to clients: whole rows, whole keys, versions of objects."""
    keys = frozenset(part for part in contents["keys"] if part[0].startswith(KEYS))
    return {"keys": keys, BUCKET: contents[BUCKET], **{f"table {one}": contents[f"table {one}"] for one in TABLES}}


def known_to_clients(probe: Probe, holder: Made) -> list[Made]:
    """Records of two clients with the same phone, and the e-mail address of the account where one stands there."""
    callers = [make_caller(probe, holder.phone, one.id) for one in probe.town.company.clients[:2]]
    for caller in callers:
        probe.sql("UPDATE leads SET email = %s WHERE caller_id = %s", holder.email, caller.id)
    return callers


def status_of(door: Door, holder: Made, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The request as it is told to the person, over every way to it."""
    (listed,) = door.client.get("/v1/me/erasure", headers=door.person(user_id=holder.id)).json()
    one = door.client.get(f"/v1/me/erasure/{made['id']}", headers=door.person(user_id=holder.id)).json()
    followed = door.client.get("/v1/follow", headers=bearer(made["followUp"])).json()
    assert one["state"] in {"erased", "partially-erased"}, one
    return [listed, one, followed]


@pytest.mark.parametrize("scope", ["account", "information"])
def test_the_clients_records_stay_and_everything_says_whom_to_ask(
    town: Town, tmp_path: Path, probe: Probe, scope: str
) -> None:
    box = tmp_path / "letters"
    with opened_door(town, tmp_path, api={"letters": box}) as door:
        holder = make_holder(probe)
        callers = known_to_clients(probe, holder)
        before = probe.contents()
        assert all(of_clients(before).values()), "there is something of clients everywhere"
        wish = {"scope": scope, "waiveGrace": True}
        who = door.claims(user_id=holder.id, email=holder.email, phone=holder.phone)
        token = bearer(door.app.sign({**who, "contact": holder.email}))
        made = door.client.post("/v1/me/erasure", json=wish, headers=once(token)).json()
        deliver(door)
        door.work()
        for answer in (made, *status_of(door, holder, made)):
            assert ASK in answer["elsewhere"], answer["state"]
        after = probe.contents()
        assert changed(of_clients(before), of_clients(after)) == {}
        assert all(all(caller.left(probe).values()) for caller in callers)
        left = {place for place, number in holder.left(probe).items() if number}
        assert not left if scope == "account" else "main.users" in left and "main.messages" not in left, left
        receipt = door.client.get(f"/v1/me/erasure/{made['id']}/receipt", headers=door.person(user_id=holder.id))
        assert receipt.status_code == 200
        assert holder.phone not in receipt.text
        assert not [one for one in TABLES if f'"{one}"' in receipt.text and one != "recordings"]  # a store's name, too
        deliver(door)
    told = letters_of(box)
    assert len(told) == 2, "accepted, erased"
    assert all(ASK in " ".join(letter.split()) for letter in told)
