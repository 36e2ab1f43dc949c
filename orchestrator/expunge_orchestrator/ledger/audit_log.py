"""Audit log (append-only) of API calls: who did what, with what result. Opaque ids only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.request_tables import audit

_APPEND = sa.insert(audit)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of it. `result`: `done`, or the reason of a refusal (a slug)."""

    id: int
    at: str
    actor: str
    action: str
    target: str | None
    result: str


def append(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection, at: datetime, actor: str, action: str, target: str | None, result: str = "done"
) -> None:
    """Append an entry, in the transaction of what it tells."""
    connection.execute(_APPEND, {"at": stamp(at), "actor": actor, "action": action, "target": target, "result": result})


def page(connection: sa.Connection, after: int | None, limit: int) -> list[Entry]:
    """Entries, the oldest first.

    Args:
        connection: Reads.
        after: Only those after this id.
        limit: How many at the most.
    """
    query = sa.select(audit).where(audit.c.id > (after or 0)).order_by(audit.c.id).limit(limit)
    return [Entry(**row) for row in connection.execute(query).mappings()]
