"""A request that waits to be planned means who had the address when it came in (ADR 3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.requests import scheduler


@pytest.mark.parametrize("received", ["received_at", "controller_received_at"])
@pytest.mark.parametrize(("ago", "ambiguous"), [(2, 0), (6, 1)])
def test_an_account_made_since_is_not_meant(
    api: ApiHarness, inspector: StoreInspector, received: str, ago: int, ambiguous: int
) -> None:
    ann = make_holder(inspector)
    inspector.sql("UPDATE users SET created_at = now() - interval '4 hours' WHERE id = %s", ann.id)
    wish = {"controller": "calltrack", "identifiers": {"email": ann.email}}
    answer = api.client.post("/v1/erasure_requests", json=wish, headers=once(api.key(Role.REQUESTER)))
    assert answer.status_code == 201, answer.text
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.update(request).values({received: stamp(now() - timedelta(hours=ago))}))
    scheduler.start_due(api.installation.workspace, api.at)
    with api.installation.workspace.ledger.connect() as connection:
        plan = connection.execute(sa.text("SELECT plan FROM batch")).scalar_one()
    assert f'"ambiguous": {ambiguous}' in str(plan) or f'"ambiguous":{ambiguous}' in str(plan)
