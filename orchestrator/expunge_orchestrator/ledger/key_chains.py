"""Key chains: of every holder of API keys, for whom and by whom each key was issued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from expunge_orchestrator.ledger.request_tables import api_key


@dataclass(frozen=True, slots=True)
class Issued:
    """How a key came to be.

    Attributes:
        by: The actor who issued it.
        subject: Whose it is, as its issuer says: a login name, or the actor of a token.
        confirmed: Whether a second person says so, too.
    """

    by: str
    subject: str | None
    confirmed: bool


def issued_keys(connection: sa.Connection) -> Mapping[str, list[Issued]]:
    """Holder -> their keys, expired and revoked ones included."""
    key = api_key.c
    found: dict[str, list[Issued]] = {}
    for row in connection.execute(sa.select(key.actor, key.created_by, key.subject, key.confirmed_by)):
        found.setdefault(row.actor, []).append(Issued(row.created_by, row.subject, row.confirmed_by is not None))
    return found
