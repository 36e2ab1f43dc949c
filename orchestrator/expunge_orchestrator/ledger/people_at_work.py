"""People at work: who is open in a batch that runs, found by suppression tags."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from expunge_connectors.contract import Scope
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import of_scope
from expunge_orchestrator.ledger.states import RUNNING, BatchState
from expunge_orchestrator.rules.outcomes import Result

# Whoever is open in a batch on hold is held by what may not be told: that looks like work in hand.
_AT_WORK = [state.value for state in (*RUNNING, BatchState.PAUSED, BatchState.FAILED, BatchState.ON_HOLD)]


def any_of(connection: sa.Connection, scope: Scope) -> bool:
    """Whether anybody of this controller is."""
    return connection.execute(_open(scope).limit(1)).first() is not None


def batches_of(connection: sa.Connection, scope: Scope, tags: Collection[bytes]) -> set[str]:
    """The batches (uid) of this controller in which somebody with one of these tags is."""
    found = _open(scope).with_only_columns(tables.batch.c.uid).where(tables.suppression.c.tag.in_(tags))
    return set(connection.scalars(found))


def _open(scope: Scope) -> sa.Select[tuple[bytes]]:
    return (
        sa.select(tables.suppression.c.tag)
        .join(tables.item, tables.item.c.id == tables.suppression.c.item_id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .where(
            tables.batch.c.state.in_(_AT_WORK),
            of_scope(scope),
            sa.or_(tables.item.c.outcome.is_(None), tables.item.c.outcome == Result.FAILED.value),
        )
    )
