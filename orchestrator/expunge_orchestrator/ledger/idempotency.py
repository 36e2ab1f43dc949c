"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): keys and what was created, as keyed hashes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from expunge_config.errors import ExpungeError
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.request_tables import repeat
from expunge_reports.keys import KeyRing


class KeyReusedError(ExpungeError):
    """This Idempotency-Key was used for another request."""

    exit_code = 2


_MADE = sa.select(repeat.c.fingerprint, repeat.c.target).where(
    repeat.c.actor == sa.bindparam("actor"), repeat.c.key == sa.bindparam("key")
)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key of somebody, and a keyed fingerprint of what was asked under it: e-mail addresses can be guessed."""

    actor: str
    key: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)

    @classmethod
    def of(cls, actor: str, key: str, wish: bytes, ring: KeyRing) -> IdempotencyKey:
        """Hash key and wish."""
        return cls(
            actor,
            hmac.digest(ring.lookup, b"expunge-repeat/1\x00" + key.encode(), "sha256"),
            hmac.digest(ring.lookup, b"expunge-wish/1\x00" + wish, "sha256"),
        )


def existing(connection: sa.Connection, wanted: IdempotencyKey) -> str | None:
    """The id of what was made under it, or None.

    Raises:
        KeyReusedError: Something else was asked for under it.
    """
    kept = connection.execute(_MADE, {"actor": wanted.actor, "key": wanted.key}).first()
    if kept is None:
        return None
    if kept.fingerprint != wanted.fingerprint:
        raise KeyReusedError(remedy="Use a fresh key for every request.")
    return str(kept.target)


def target(connection: sa.Connection, actor: str, key: str, ring: KeyRing) -> str | None:
    """The id of what somebody made under a key, whatever it was; None if nothing."""
    hidden = IdempotencyKey.of(actor, key, b"", ring).key
    return connection.scalar(sa.select(repeat.c.target).where(repeat.c.actor == actor, repeat.c.key == hidden))


def claim(connection: sa.Connection, wanted: IdempotencyKey, target: str, at: datetime) -> str | None:
    """Keep what is made under it, in the transaction that makes it, unless something was: then the id of that.

    Raises:
        KeyReusedError: Something else was asked for under it.
    """
    if insert_unless_there(connection, repeat, _row(wanted, target, at)):
        return None
    return existing(connection, wanted)


def remember(connection: sa.Connection, wanted: IdempotencyKey, target: str, at: datetime) -> None:
    """Keep what was made, in the transaction that makes it. Made twice at once, the second one fails."""
    connection.execute(sa.insert(repeat), _row(wanted, target, at))


def _row(wanted: IdempotencyKey, target: str, at: datetime) -> dict[str, object]:
    return {
        "actor": wanted.actor,
        "key": wanted.key,
        "fingerprint": wanted.fingerprint,
        "target": target,
        "at": stamp(at),
    }
