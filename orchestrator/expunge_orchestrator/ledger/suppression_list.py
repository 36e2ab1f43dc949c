"""Suppression list: keyed hashes of whom the ledger erased, without saying whom.

Of a value that is handed on (a phone number) an entry says since when the person had it, as the person's own row did.

Entries outlive the encrypted identifiers. Other requests and holds for the same person are recognised by them, and they
are what a restored store would have to be erased by again; nothing does that yet.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.bulk_writes import write_rows

# Built once, for one person's step does it as well.
_ENTERED = sa.insert(tables.suppression)
_REMOVED = sa.delete(tables.suppression).where(tables.suppression.c.item_id.in_(sa.bindparam("of", expanding=True)))


@dataclass(frozen=True, slots=True)
class Tagger:
    """HMAC-SHA-256 under the suppression key, over namespace and normalised value."""

    suppression_key: bytes

    def tag(self, key: SubjectKey) -> bytes:
        """32 bytes. The NUL cannot stand in a namespace, so two different keys never run together."""
        return hmac.digest(self.suppression_key, f"expunge-tag/1\x00{key.namespace}\x00{key.value}".encode(), "sha256")

    def entry(self, item_id: int, key: SubjectKey, entered_at: str, since: str | None) -> dict[str, Any]:
        """One entry of an item's person, who has a value that is handed on `since` then."""
        entry = {"tag": self.tag(key), "item_id": item_id, "namespace": key.namespace, "entered_at": entered_at}
        return entry | {"since": since}


def replace_entries(connection: sa.Connection, items: Sequence[int], entries: Sequence[dict[str, Any]]) -> None:
    """Make these the only entries of these items."""
    remove_entries(connection, items)
    write_rows(connection, _ENTERED, entries)


def remove_entries(connection: sa.Connection, items: Sequence[int]) -> None:
    """Take these items' people off the list: nothing of them was erased."""
    connection.execute(_REMOVED, {"of": items})
