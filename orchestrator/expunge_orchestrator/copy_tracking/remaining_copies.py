"""Remaining copies: which backup copies may still hold the person of one receipt, and until when (ADR 33).

From the ledger alone, as the last look saw the copies; no place is asked. A copy may hold a person if its reading began
before the moment of which it is known that nothing was left in the stores, and a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from expunge_config.datamap import LEDGER
from expunge_config.errors import UsageError
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import closable_people, copies, statements
from expunge_orchestrator.ledger.batches import batches_by_id
from expunge_orchestrator.ledger.copies import RemainingCopy
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.rules.copy_horizons import MARGIN
from expunge_orchestrator.workspace import Workspace


class Standing(StrEnum):
    """Where the person of a receipt may be.

    STORES: in the stores, for the request is not settled, or something was kept, left or ambiguous. COPIES: in backup
    copies. LAST_LOOK: in none that is known; the look that closes the request is not made yet. CLOSED: nowhere.
    """

    STORES = "stores"
    COPIES = "copies"
    LAST_LOOK = "last-look"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class RemainingCopies:
    """What is known of one receipt's person.

    Attributes:
        nothing_left_at: When the stores were looked at last, where nothing of the person was found.
        closes_after: A look at every place after this moment closes the request, if none of the copies is there then.
        copies: Those that may hold the person: first what nothing ends, then the one that stays longest.
    """

    series: str
    standing: Standing
    nothing_left_at: datetime | None = None
    closes_after: datetime | None = None
    copies: Sequence[RemainingCopy] = field(default=())


def of_series(workspace: Workspace, series: str) -> RemainingCopies:
    """Say it of one receipt.

    Raises:
        UsageError: The ledger has no such series.
    """
    with reading(workspace.ledger) as connection:
        heads = statements.heads(connection, [series])
        waiting = closable_people.waiting(connection, series)
        if waiting is None:
            if not heads:
                raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
            return RemainingCopies(series, Standing.CLOSED if heads[0].closed else Standing.STORES)
        batch_id, at = waiting
        [batch] = batches_by_id(connection, [batch_id])
        begun_by = at + MARGIN + timedelta(seconds=1)
        found = copies.remaining(connection, {*batch.actions, LEDGER}, stamp(begun_by))
    return RemainingCopies(series, Standing.COPIES if found else Standing.LAST_LOOK, at, at + MARGIN, found)
