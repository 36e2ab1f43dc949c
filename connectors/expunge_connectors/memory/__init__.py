"""A store in memory, for tests and for authors of connectors."""

from expunge_connectors.memory.connector import MemoryStore
from expunge_connectors.memory.database import MemoryDatabase, MemoryRecord
from expunge_connectors.memory.spec import MemoryCollection, MemoryConnection, MemorySpec

__all__ = ["MemoryCollection", "MemoryConnection", "MemoryDatabase", "MemoryRecord", "MemorySpec", "MemoryStore"]
