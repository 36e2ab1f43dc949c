"""In-memory records, with switches that simulate faults of a store."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import RLock


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One record.

    Attributes:
        created: When it was created; None if the store does not know.
        start: When the retention period of its data type starts.
    """

    id: str
    fields: Mapping[str, str] = field(repr=False)
    created: datetime | None = None
    start: date | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryDatabase:
    """The records of one store, shared by every connector that is built over it.

    Attributes:
        sentinel: What this store is.
        clock: The store's clock.
        reachable: False makes every access fail as a lost connection does.
        broken: Collections that cannot be used, as a missing table cannot.
    """

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self.sentinel = str(uuid.uuid4())
        self.clock = clock
        self.reachable = True
        self.broken: set[str] = set()
        self._collections: dict[str, dict[str, MemoryRecord]] = defaultdict(dict)
        self._lock = RLock()

    def put(self, collection: str, record: MemoryRecord) -> None:
        """Add a record, or replace the one of the same id."""
        with self._lock:
            self._collections[collection][record.id] = record

    def remove(self, collection: str, record_id: str) -> bool:
        """Remove a record; False if there is none of this id."""
        with self._lock:
            return self._collections[collection].pop(record_id, None) is not None

    def records(self, collection: str) -> tuple[MemoryRecord, ...]:
        """All records of a collection at this moment."""
        with self._lock:
            return tuple(self._collections[collection].values())
