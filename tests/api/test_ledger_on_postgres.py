"""Deadlines and notices with the ledger on Postgres: the same answers, from another dialect of SQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from tests.support.api import once, open_api
from tests.support.installation import CompanyStack
from tests.support.notifications import Receiver, deliver, hook, rows

from expunge_orchestrator.auth.principals import Role


def test_from_acceptance_to_closing(
    calltrack: CompanyStack, tmp_path: Path, postgres_ledger: SecretStr, receiver: Receiver
) -> None:
    settings = {"webhooks": {"app": hook(receiver.url)}}
    with open_api(calltrack, tmp_path, api=settings, ledger_url=postgres_ledger) as api:
        client, key = calltrack.company.clients[0].id, api.key(Role.OPERATOR)
        wish = {
            "controller": f"client:{client}",
            "identifiers": {"caller_id": str(calltrack.company.callers_of(client)[9])},
            "controller_received_at": (api.at - timedelta(days=9)).isoformat(),
        }
        made = api.client.post("/v1/erasure_requests", json=wish, headers=once(key))
        assert made.status_code == 201, made.text
        at = f"/v1/erasure_requests/{made.json()['id']}"
        receiver.answers = [500]
        deliver(api)
        assert [one["failure"] for one in rows(api)] == ["answered 500"]
        assert api.client.post(f"{at}/extend", json={"reason": "complexity"}, headers=key).status_code == 200
        soon = {"due_before": (api.at + timedelta(days=60)).isoformat()}
        listed = api.client.get("/v1/erasure_requests", params=soon, headers=key).json()["items"]
        assert [one["id"] for one in listed] == [made.json()["id"]]
        numbers = api.client.get("/metrics").text
        assert "expunge_notices_waiting 1.0" in numbers
        assert 'expunge_requests_due{when="overdue"} 0.0' in numbers
        assert "expunge_retention_armed 0.0" in numbers
        api.work()
        api.settle()
        api.at += timedelta(minutes=1)
        deliver(api)
        assert receiver.told == [
            "erasure_request.accepted",
            "erasure_request.accepted",
            "erasure_request.erased",
            "erasure_request.settled",
        ]
        api.at += timedelta(days=2)
        deliver(api)
        assert rows(api) == []
