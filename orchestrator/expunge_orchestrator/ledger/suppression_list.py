"""Suppression list: keyed hashes of whom the ledger erased, without saying whom.

Of a value that is handed on (a phone number) an entry says since when the person had it, as the person's own row did.

Entries outlive the encrypted identifiers. Other requests and holds for the same person are recognised by them, and
people whom a restored store brings back (`restores.returned_people`).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import of_scope
from expunge_orchestrator.ledger.bulk_writes import write_rows
from expunge_orchestrator.rules.outcomes import REVIEWED

TAGS_AT_ONCE = 500
"""So many tags in one question: both databases take that many parameters."""

# Built once, for one person's step does it as well.
_ENTERED = sa.insert(tables.suppression)
_ERASED = (
    sa.select(tables.suppression.c.tag, tables.item.c.batch_id)
    .join(tables.item, tables.item.c.id == tables.suppression.c.item_id)
    .where(
        tables.suppression.c.tag.in_(sa.bindparam("tags", expanding=True)),
        sa.or_(
            tables.item.c.touched,
            tables.item.c.outcome.in_([one.value for one in REVIEWED]),
        ),
    )
)
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


def entries_of(connection: sa.Connection, items: Collection[int]) -> dict[int, dict[bytes, str]]:
    """Item -> tag -> namespace, of each of these."""
    found: dict[int, dict[bytes, str]] = {number: {} for number in items}
    tagged = tables.suppression.c
    entries = sa.select(tagged.item_id, tagged.tag, tagged.namespace).where(tagged.item_id.in_(items))
    for row in connection.execute(entries) if items else ():
        found[row.item_id][bytes(row.tag)] = row.namespace
    return found


def concluded_with(connection: sa.Connection, scope: Scope, tags: Iterable[bytes]) -> dict[bytes, set[int]]:
    """Tag -> concluded requests (items) of this controller whose person had that key; for tags with any."""
    tagged = tables.suppression.c
    found: dict[bytes, set[int]] = {}
    for row in _of(connection, scope, tags, sa.select(tagged.tag, tagged.item_id), tables.item.c.outcome.is_not(None)):
        found.setdefault(bytes(row.tag), set()).add(row.item_id)
    return found


def claimed_since(connection: sa.Connection, scope: Scope, tags: Iterable[bytes]) -> dict[bytes, str]:
    """Tag -> since when a person of a concluded request of this controller had that value; the last, where known."""
    tagged = tables.suppression.c
    dated = sa.select(tagged.tag, tagged.since).where(tagged.since.is_not(None))
    found: dict[bytes, str] = {}
    for row in _of(connection, scope, tags, dated, tables.item.c.outcome.is_not(None)):
        found[bytes(row.tag)] = max(row.since, found.get(bytes(row.tag), row.since))
    return found


def touched_since(connection: sa.Connection, scope: Scope, tags: Iterable[bytes], since: str) -> set[bytes]:
    """Those of the tags that a request of this controller entered since then, and began to erase by."""
    tagged = tables.suppression.c
    entered = sa.select(tagged.tag).where(tagged.entered_at >= since)
    return {bytes(row.tag) for row in _of(connection, scope, tags, entered, tables.item.c.touched)}


def erased_under(connection: sa.Connection, tags: Iterable[bytes]) -> dict[bytes, set[int]]:
    """Tag -> batches of any controller that erased a person with that key, at least in part, or found nobody there.

    Whose batch is not done is among them: the store may be put back while it runs, or after it was killed.
    Of whom only what a law keeps was there is among them, though no store was asked: the rest was gone already.
    Whom a hold keeps whole is not among them: nothing was erased yet.
    """
    asked = sorted(set(tags))
    found: dict[bytes, set[int]] = {}
    for start in range(0, len(asked), TAGS_AT_ONCE):
        for row in connection.execute(_ERASED, {"tags": asked[start : start + TAGS_AT_ONCE]}):
            found.setdefault(bytes(row.tag), set()).add(row.batch_id)
    return found


def _of(
    connection: sa.Connection,
    scope: Scope,
    tags: Iterable[bytes],
    query: sa.Select[Any, Any] | sa.Select[Any],
    which: sa.ColumnElement[bool],
) -> Iterator[sa.Row[Any]]:
    """The entries of a query, of this controller's requests (`which` of items) with one of these tags."""
    asked = sorted(set(tags))
    theirs = (
        query.join(tables.item, tables.item.c.id == tables.suppression.c.item_id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .where(of_scope(scope), which)
    )
    for start in range(0, len(asked), TAGS_AT_ONCE):
        yield from connection.execute(theirs.where(tables.suppression.c.tag.in_(asked[start : start + TAGS_AT_ONCE])))
