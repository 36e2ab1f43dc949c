"""In-memory store: the whole contract without a server, for tests and for authors of connectors.

connector   the contract's verbs
database    records, and switches for what can be wrong with a store
selection   which records belong to whom (pure)
spec        what the data map says
"""

from expunge_connectors.memory.connector import MemoryStore
from expunge_connectors.memory.database import MemoryDatabase, MemoryRecord
from expunge_connectors.memory.spec import MemoryCollection, MemoryConnection, MemorySpec

__all__ = ["MemoryCollection", "MemoryConnection", "MemoryDatabase", "MemoryRecord", "MemorySpec", "MemoryStore"]
