"""Uses of people's tokens: one operation each; what ran out is forgotten, and the last of these expiries kept."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.request_tables import token_use, token_uses_forgotten

_KEPT = sa.select(token_use.c.operation).where(token_use.c.token == sa.bindparam("used"))
_FORGOTTEN = sa.select(token_uses_forgotten.c.expires_at)
_ROW = 1


def insert(connection: sa.Connection, token: bytes, operation: bytes, expires_at: str) -> bool:
    """Note the use of a token, in a transaction that writes. False: one is noted already."""
    return insert_unless_there(
        connection, token_use, {"token": token, "operation": operation, "expires_at": expires_at}
    )


def operation_of(connection: sa.Connection, token: bytes) -> bytes | None:
    """For what a token was used."""
    return connection.scalar(_KEPT, {"used": token})


def last_forgotten(connection: sa.Connection) -> str | None:
    """The last expiry of the uses that were forgotten; None: none was."""
    return connection.scalar(_FORGOTTEN)


def forget_expired(connection: sa.Connection, at: datetime) -> int:
    """Drop what no token can be compared with any more. Returns how many."""
    expired = token_use.c.expires_at < stamp(at)
    last = connection.scalar(sa.select(sa.func.max(token_use.c.expires_at)).where(expired))
    if last is None:
        return 0
    if not insert_unless_there(connection, token_uses_forgotten, {"id": _ROW, "expires_at": last}):
        connection.execute(
            sa.update(token_uses_forgotten).where(token_uses_forgotten.c.expires_at < last).values(expires_at=last)
        )
    return connection.execute(sa.delete(token_use).where(token_use.c.expires_at <= last)).rowcount
