"""Requests whose plan was made under another map."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.support.api import ACCOUNT, URL, ApiHarness, once

from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.requests import scheduler

AT_ONCE = {**ACCOUNT, "waive_grace": True}


def ask(api: ApiHarness, holder: int) -> str:
    made = api.client.post(URL, json=AT_ONCE, headers=once(api.person(user_id=holder)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def plans_of(api: ApiHarness) -> list[tuple[str, str]]:
    """Uid and state of every batch, the oldest first."""
    with reading(api.installation.workspace.ledger) as connection:
        rows = connection.execute(sa.select(tables.batch.c.uid, tables.batch.c.state).order_by(tables.batch.c.id))
        return [(row.uid, row.state) for row in rows]


def planned_under_another_map(api: ApiHarness, uid: str) -> None:
    """As if it had been planned before the map changed: killed between plan and beginning."""
    with api.installation.workspace.ledger.begin() as connection:
        batch = sa.select(request.c.batch_id).where(request.c.uid == uid).scalar_subquery()
        connection.execute(sa.update(tables.batch).where(tables.batch.c.id == batch).values(map_digest="0" * 64))


def plan_only(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between plan and beginning."""
    with monkeypatch.context() as patched:
        patched.setattr(batch_lifecycle, "start", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        try:
            scheduler.start_due(api.installation.workspace, api.at)
        except KeyboardInterrupt:
            return
    raise AssertionError("nothing was to be begun")
