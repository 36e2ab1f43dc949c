"""Audit log (append-only) of API calls: who did what, with what result. Opaque ids only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.request_tables import audit, refused_call

_MINUTE = len("2026-11-29T08:15")
_SETTLED = timedelta(minutes=1)
"""After a minute's end its refusals are noted: a call may wait for its turn, and clocks of two servers differ."""

_APPEND = sa.insert(audit)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of it. `result`: `done`, or the reason of a refusal (a slug), so often in that minute."""

    id: int
    at: str
    actor: str
    action: str
    target: str | None
    result: str
    count: int


def append(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection, at: datetime, actor: str, action: str, target: str | None, result: str = "done"
) -> None:
    """Append an entry, in the transaction of what it tells."""
    connection.execute(_APPEND, {"at": stamp(at), "actor": actor, "action": action, "target": target, "result": result})


def append_refused(connection: sa.Connection, at: datetime, actor: str, action: str, result: str) -> None:
    """Note a refusal. All of an actor, action and result in one minute are one entry, which says how many there were.

    Whoever is refused may call as often as they like: the trail is nothing that they fill.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    first = {"actor": actor, "minute": stamp(at)[:_MINUTE], "action": action, "result": result, "count": 1}
    count = connection.execute(
        insert(refused_call)
        .values(first)
        .on_conflict_do_update(index_elements=list(refused_call.primary_key), set_={"count": refused_call.c.count + 1})
        .returning(refused_call.c.count)
    ).scalar_one()
    if count == 1:
        append(connection, at, actor, action, None, result)


def page(connection: sa.Connection, after: int | None, limit: int, at: datetime) -> list[Entry]:
    """Entries, the oldest first, as far as they are final: whoever goes on behind the last one misses nothing.

    Args:
        connection: Reads.
        after: Only those after this id.
        limit: How many at the most.
        at: Now. The page ends before an entry whose count may still grow.
    """
    same = [audit.c[one] == refused_call.c[one] for one in ("actor", "action", "result")]
    minute = sa.func.substr(audit.c.at, 1, _MINUTE) == refused_call.c.minute
    query = (
        sa.select(audit, refused_call.c.count)
        .outerjoin(refused_call, sa.and_(*same, minute))
        .where(audit.c.id > (after or 0))
        .order_by(audit.c.id)
        .limit(limit)
    )
    growing = stamp(at - _SETTLED)[:_MINUTE]
    final = takewhile(
        lambda row: row["count"] is None or row["at"][:_MINUTE] < growing, connection.execute(query).mappings()
    )
    return [Entry(**{**row, "count": row["count"] or 1}) for row in final]
