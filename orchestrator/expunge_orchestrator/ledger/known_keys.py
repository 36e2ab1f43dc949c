"""Known keys: the fingerprints of the keys under which tags were made and identifiers are sealed in this ledger."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from expunge_orchestrator.ledger.database import insert_unless_there
from expunge_orchestrator.ledger.tables import known_key

_KNOWN = sa.select(known_key.c.name, known_key.c.fingerprint)


def remember(connection: sa.Connection, fingerprints: Mapping[str, bytes]) -> None:
    """Note the fingerprints of keys that have none here, by the names of their files; the others stay as they are."""
    for name, fingerprint in fingerprints.items():
        insert_unless_there(connection, known_key, {"name": name, "fingerprint": fingerprint})


def known(connection: sa.Connection) -> dict[str, bytes]:
    """Name of each file whose key is known -> the key's fingerprint."""
    return {row.name: bytes(row.fingerprint) for row in connection.execute(_KNOWN)}
