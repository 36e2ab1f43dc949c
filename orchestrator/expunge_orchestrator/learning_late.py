"""Learning late: holds that an older build placed learn, once, from what the ledger has (ADR 6).

An older build let its erasing cut the link between a held address and the id beside it, and learnt nothing. What it set
aside is in the ledger still, with every tag: so before anybody is planned or a step is taken, such holds look there.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from expunge_orchestrator.holds import legal_holds, matching
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import one_at_a_time, reading


def learn(ledger: sa.Engine, persons: Collection[str]) -> None:
    """Let holds in force learn that have not. Where there are none nothing is written, and nobody is waited for."""
    with reading(ledger) as connection:
        if all(one.learnt for one in legal_holds.in_force(connection)):
            return
    with ledger.begin() as connection:
        one_at_a_time(connection)
        for one in [one for one in legal_holds.in_force(connection) if not one.learnt]:
            matching.learn_at_once(connection, one.id, legal_holds.of_controller(one), persons)
            connection.execute(sa.update(tables.hold).where(tables.hold.c.id == one.id).values(learnt=True))
