"""API keys in the ledger: rows with the hash of each secret; never the secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.request_tables import api_key

_BY_UID = sa.select(api_key).where(api_key.c.uid == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key. `controllers`: None speaks for all."""

    id: int
    uid: str
    secret_hash: bytes = field(repr=False)
    actor: str
    roles: Sequence[str]
    controllers: Sequence[str] | None
    created_at: str
    created_by: str
    subject: str | None
    confirmed_by: str | None
    confirmed_at: str | None
    expires_at: str | None
    revoked_at: str | None

    def ended(self, at: datetime) -> bool:
        """Whether it is good for nothing any more."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= stamp(at))


def insert(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """A key that is issued."""
    connection.execute(sa.insert(api_key).values(**row))


def find(connection: sa.Connection, uid: str) -> KeyRow | None:
    """The key of that id, in force or not."""
    row = connection.execute(_BY_UID, {"key": uid}).mappings().first()
    return None if row is None else KeyRow(**row)


def of_holder(connection: sa.Connection, holder: str) -> list[KeyRow]:
    """Every key there ever was of that holder."""
    query = sa.select(api_key).where(api_key.c.actor == holder)
    return [KeyRow(**row) for row in connection.execute(query).mappings()]


def newest_first(connection: sa.Connection, after: int | None, limit: int | None) -> Iterator[KeyRow]:
    """Keys, ended ones too; only those older than `after`, and so many, where that is said."""
    query = sa.select(api_key).order_by(api_key.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(api_key.c.id < after)
    for row in connection.execute(query).mappings():
        yield KeyRow(**row)


def controllers_of_recent(connection: sa.Connection, at: datetime, since: datetime) -> list[Sequence[str]]:
    """The controllers of each key that is in force or was issued since then; not of those that speak for all."""
    key = api_key.c
    in_force = sa.and_(key.revoked_at.is_(None), sa.or_(key.expires_at.is_(None), key.expires_at > stamp(at)))
    recent = key.created_at > stamp(since)
    query = sa.select(key.controllers).where(sa.or_(in_force, recent), key.controllers.is_not(None))
    return list(connection.scalars(query))


def revoke(connection: sa.Connection, uid: str, at: datetime) -> None:
    """End a key. Revoked once more, it stays as it is."""
    connection.execute(
        sa.update(api_key).where(api_key.c.uid == uid, api_key.c.revoked_at.is_(None)).values(revoked_at=stamp(at))
    )


def stands(connection: sa.Connection, uid: str) -> bool:
    """Whether a key was not revoked; who would revoke it waits for this transaction."""
    known = sa.select(api_key.c.revoked_at).where(api_key.c.uid == uid).with_for_update(read=True)
    row = connection.execute(known).first()
    return row is not None and row.revoked_at is None


def confirm(connection: sa.Connection, uid: str, by: str, at: datetime) -> None:
    """A second person says in whose hands it is. Confirmed, it stays so."""
    connection.execute(
        sa.update(api_key)
        .where(api_key.c.uid == uid, api_key.c.confirmed_by.is_(None))
        .values(confirmed_by=by, confirmed_at=stamp(at))
    )
