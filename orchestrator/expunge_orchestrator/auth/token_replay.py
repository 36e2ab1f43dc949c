"""Token replay protection: a person's token is good for one operation; the same call again is a repeat."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.auth.errors import NotAuthenticatedError
from expunge_orchestrator.auth.principals import Token
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.request_tables import token_use


def consume(connection: sa.Connection, token: Token, operation: bytes) -> None:
    """Use a token up for an operation.

    Args:
        connection: In a transaction that writes.
        token: The token.
        operation: 32 bytes over method, path, idempotency key and body.

    Raises:
        NotAuthenticatedError: It was used for another one.
    """
    row = {"token": token.digest, "operation": operation, "expires_at": token.expires_at}
    if not insert_unless_there(connection, token_use, row):
        kept = connection.scalar(sa.select(token_use.c.operation).where(token_use.c.token == token.digest))
        if kept != operation:
            raise NotAuthenticatedError(
                "token-replayed", "This token was used for another call.", remedy="Get a fresh one for every call."
            )


def forget_expired(connection: sa.Connection, at: datetime) -> int:
    """Drop what no token can be compared with any more. Returns how many."""
    return connection.execute(sa.delete(token_use).where(token_use.c.expires_at < stamp(at))).rowcount
