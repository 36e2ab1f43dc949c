"""A store in memory, for tests and for authors of connectors."""

from expunge_connectors.memory.database import MemoryDatabase, MemoryRecord
from expunge_connectors.memory.spec import MemoryCollection, MemoryConnection, MemorySpec
from expunge_connectors.memory.store import MemoryStore

__all__ = ["MemoryCollection", "MemoryConnection", "MemoryDatabase", "MemoryRecord", "MemorySpec", "MemoryStore"]
