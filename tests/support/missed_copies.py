"""Missed copies: what one look missed is made to have been missed an hour ago, so that the next one finds it gone."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.ledger import Ledger
from expunge_orchestrator.ledger.tables import backup_copy
from expunge_orchestrator.rules.gone_copies import SECOND_LOOK


def missed_long_ago(ledger: Ledger, by: timedelta = SECOND_LOOK) -> int:
    """Set back when copies were missed; returns of how many."""
    key = [backup_copy.c.identity, backup_copy.c.store, backup_copy.c.copy_id]
    with ledger.begin() as connection:
        rows = connection.execute(sa.select(*key, backup_copy.c.missed_at).where(backup_copy.c.missed_at.is_not(None)))
        missed = rows.all()
        for *of, at in missed:
            which = sa.and_(*(column == value for column, value in zip(key, of, strict=True)))
            earlier = stamp(parse(at) - by)
            connection.execute(sa.update(backup_copy).where(which).values(missed_at=earlier))
    return len(missed)
