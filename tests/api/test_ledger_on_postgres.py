"""Deadlines and notices with the ledger on Postgres: the same answers, from another dialect of SQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from tests.support.api import once, opened_door
from tests.support.installation import Town
from tests.support.notifications import Receiver, deliver, hook, receiver, rows

from expunge_orchestrator.auth.principals import Role

__all__ = ["receiver"]


def test_from_acceptance_to_closing(town: Town, tmp_path: Path, database: str, receiver: Receiver) -> None:
    url = SecretStr(database.replace("postgresql://", "postgresql+psycopg://", 1))
    settings = {"webhooks": {"app": hook(receiver.url)}}
    with opened_door(town, tmp_path, api=settings, ledger_url=url) as door:
        client, key = town.company.clients[0].id, door.key(Role.OPERATOR)
        wish = {
            "controller": f"client:{client}",
            "identifiers": {"caller_id": str(town.company.callers_of(client)[9])},
            "controllerReceivedAt": (door.at - timedelta(days=9)).isoformat(),
        }
        made = door.client.post("/v1/requests", json=wish, headers=once(key))
        assert made.status_code == 201, made.text
        at = f"/v1/requests/{made.json()['id']}"
        receiver.answers = [500]
        deliver(door)
        assert [one["failure"] for one in rows(door)] == ["answered 500"]
        assert door.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=key).status_code == 200
        soon = {"due_before": (door.at + timedelta(days=60)).isoformat()}
        listed = door.client.get("/v1/requests", params=soon, headers=key).json()["items"]
        assert [one["id"] for one in listed] == [made.json()["id"]]
        numbers = door.client.get("/metrics").text
        assert "expunge_notices_waiting 1.0" in numbers
        assert 'expunge_requests_due{when="overdue"} 0.0' in numbers
        door.work()
        door.settle()
        door.at += timedelta(minutes=1)
        deliver(door)
        assert receiver.told == ["request.accepted", "request.accepted", "request.erased", "request.closed"]
        door.at += timedelta(days=2)
        deliver(door)
        assert rows(door) == []
