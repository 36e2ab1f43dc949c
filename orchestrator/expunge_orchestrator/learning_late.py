"""Learning late: holds that an older build placed learn, once, from what the ledger has (ADR 6).

An older build let its erasing cut the link between a held address and the id beside it, and learnt nothing. What it set
aside is in the ledger still, with every tag: so before anybody is planned or a step is taken, such holds look there.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from expunge_orchestrator.holds import legal_holds, matching
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading, serialise_writers


def backfill_tags(ledger: sa.Engine, persons: Collection[str]) -> None:
    """Let holds in force learn that have not. Where there are none nothing is written, and nobody is waited for."""
    with reading(ledger) as connection:
        if all(one.learnt for one in legal_holds.in_force(connection)):
            return
    with ledger.begin() as connection:
        serialise_writers(connection)
        for one in [one for one in legal_holds.in_force(connection) if not one.learnt]:
            matching.link_tags_now(connection, one.id, legal_holds.batches_covered(one), persons)
            connection.execute(sa.update(tables.hold).where(tables.hold.c.id == one.id).values(learnt=True))
