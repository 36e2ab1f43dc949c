"""An account holder who has also rung clients: their own deletion leaves these records alone, and says whom to ask."""

from __future__ import annotations

from tests.acceptance.people import make_caller, make_holder
from tests.acceptance.probe import Probe, changed, probe
from tests.fixtures.api import Door, once

__all__ = ["probe"]

OF_CLIENTS = ("callers", "calls", "call_notes", "leads", "lead_answers", "recordings", "transcripts")


def test_the_clients_records_stay_and_the_answer_says_whom_to_ask(door: Door, probe: Probe) -> None:
    holder = make_holder(probe)
    caller = make_caller(probe, holder.phone)
    before = probe.contents()
    token = door.person(user_id=holder.id, email=holder.email, phone=holder.phone)
    made = door.client.post("/v1/me/erasure", json={"scope": "account", "waiveGrace": True}, headers=once(token))
    assert made.status_code == 201, made.text
    assert "ask the client" in made.json()["elsewhere"]
    door.work()
    told = door.client.get(f"/v1/me/erasure/{made.json()['id']}", headers=door.person(user_id=holder.id)).json()
    assert told["state"] in {"erased", "partially-erased"}, told
    assert not any(holder.left(probe).values())
    left = caller.left(probe)
    assert left, "there are records of the client to be left alone"
    assert all(left.values())
    touched = changed(before, probe.contents())
    assert not [place for place in touched if place.rpartition(".")[2] in OF_CLIENTS], sorted(touched)
    receipt = door.client.get(f"/v1/me/erasure/{told['id']}/receipt", headers=door.person(user_id=holder.id))
    assert holder.phone not in receipt.text
