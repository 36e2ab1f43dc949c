"""What is the ledger's failure, and no defect."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import PendingRollbackError

from expunge_orchestrator.ledger.failures import is_ledger_failure


def test_a_connection_that_was_lost_within_a_transaction_is_the_ledgers_failure():
    with sa.create_engine("sqlite://").connect() as connection:
        connection.begin()
        connection.invalidate()
        with pytest.raises(PendingRollbackError) as raised:
            connection.execute(sa.text("SELECT 1"))
    assert is_ledger_failure(raised.value)
