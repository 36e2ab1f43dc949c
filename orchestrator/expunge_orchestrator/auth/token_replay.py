"""Token replay protection: a person's token is good for one operation; the same call again is a repeat.

What has run out is forgotten, by this host's clock, which may be set back afterwards. So the last expiry of what was
forgotten is kept: a token that runs out no later may have been used, and is refused whatever the clock says.
"""

from __future__ import annotations

from expunge_orchestrator.auth.errors import NotAuthenticatedError
from expunge_orchestrator.auth.principals import Token
from expunge_orchestrator.ledger import Transaction, token_uses


def consume(connection: Transaction, token: Token, operation: bytes) -> None:
    """Use a token up for an operation.

    Args:
        connection: In a transaction that writes.
        token: The token.
        operation: 32 bytes over method, path, idempotency key and body.

    Raises:
        NotAuthenticatedError: It was used for another one, or nobody knows any more whether it was.
    """
    if token_uses.insert(connection, token.digest, operation, token.expires_at):
        forgotten = token_uses.last_forgotten(connection)
        if forgotten is not None and token.expires_at <= forgotten:
            raise _replayed("Tokens of this one's time were forgotten: it may have been used for another call.")
    elif token_uses.operation_of(connection, token.digest) != operation:
        raise _replayed("This token was used for another call.")


def _replayed(why: str) -> NotAuthenticatedError:
    return NotAuthenticatedError("token-replayed", why, remedy="Get a fresh one for every call.")
