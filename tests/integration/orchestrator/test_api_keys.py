"""API keys as the ledger keeps them: what it cannot keep is refused in words, and what has ended is not confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.api_keys import ApiKey
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.database import open_ledger

AT = datetime(2026, 11, 29, 9, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    yield engine
    engine.dispose()


def issued(ledger: sa.Engine, subject: str, expires_at: datetime | None = None) -> ApiKey:
    with ledger.begin() as connection:
        _, key = api_keys.issue(
            connection,
            roles=[Role.APPROVER],
            controllers=None,
            holder=None,
            expires_at=expires_at,
            by="ann",
            at=AT,
            subject=subject,
        )
    return key


def test_a_subject_is_no_longer_than_the_ledger_keeps(ledger: sa.Engine) -> None:
    assert issued(ledger, "b" * 200).subject == "b" * 200
    with pytest.raises(UsageError, match="200"):
        issued(ledger, "b" * 201)


def test_what_has_ended_is_not_confirmed(ledger: sa.Engine) -> None:
    key = issued(ledger, "bob", AT + timedelta(hours=1))
    with pytest.raises(UsageError, match="in force"), ledger.begin() as connection:
        api_keys.confirm(connection, key.uid, "carol", AT + timedelta(hours=1))
    with ledger.begin() as connection:
        confirmed = api_keys.confirm(connection, key.uid, "carol", AT + timedelta(minutes=59))
    assert confirmed.confirmed_by == "carol"
