"""Token replay protection: a person's token is good for one operation; the same call again is a repeat.

What has run out is forgotten, by this host's clock, which may be set back afterwards. So the last expiry of what was
forgotten is kept: a token that runs out no later may have been used, and is refused whatever the clock says.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.auth.errors import NotAuthenticatedError
from expunge_orchestrator.auth.principals import Token
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.request_tables import token_use, token_uses_forgotten

_KEPT = sa.select(token_use.c.operation).where(token_use.c.token == sa.bindparam("used"))
_FORGOTTEN = sa.select(token_uses_forgotten.c.expires_at)
_ROW = 1


def consume(connection: sa.Connection, token: Token, operation: bytes) -> None:
    """Use a token up for an operation.

    Args:
        connection: In a transaction that writes.
        token: The token.
        operation: 32 bytes over method, path, idempotency key and body.

    Raises:
        NotAuthenticatedError: It was used for another one, or nobody knows any more whether it was.
    """
    row = {"token": token.digest, "operation": operation, "expires_at": token.expires_at}
    if insert_unless_there(connection, token_use, row):
        forgotten = connection.scalar(_FORGOTTEN)
        if forgotten is not None and token.expires_at <= forgotten:
            raise _replayed("Tokens of this one's time were forgotten: it may have been used for another call.")
    elif connection.scalar(_KEPT, {"used": token.digest}) != operation:
        raise _replayed("This token was used for another call.")


def _replayed(why: str) -> NotAuthenticatedError:
    return NotAuthenticatedError("token-replayed", why, remedy="Get a fresh one for every call.")


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
