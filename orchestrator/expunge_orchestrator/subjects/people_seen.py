"""People seen: who stands in which line of a list, and when each asked, so that a long one takes no memory.

In a database that SQLite keeps in a file of its own without a name, and sorts there. Of a person it has a hash under a
key that nobody has: by it nobody is known.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator import scratch_files

_AT_ONCE = 500
_TWICE = """
SELECT seen.line, first FROM seen
JOIN (SELECT person, min(line) AS first FROM seen GROUP BY person HAVING count(*) > 1) AS again USING (person)
WHERE seen.line > first ORDER BY seen.line LIMIT ?
"""


class PeopleSeen:
    """Who was seen, in the order of the list."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._database = scratch_files.database(self, "CREATE TABLE seen (person BLOB, line INTEGER, received TEXT)")
        self._waiting: list[tuple[bytes, int, str | None]] = []

    def add(self, line: int, keys: Iterable[SubjectKey], received: str | None) -> None:
        """Add the next person."""
        joined = "\x00".join(f"{key.namespace}\x00{key.value}" for key in sorted(keys))
        person = hashlib.blake2b(joined.encode(errors="surrogatepass"), digest_size=16, key=self._key).digest()
        self._waiting.append((person, line, received))
        if len(self._waiting) == _AT_ONCE:
            self._write()

    def twice(self, most: int) -> list[tuple[int, int]]:
        """Each line of somebody who stands in one before, and that one; so many of the first."""
        self._write()
        with scratch_files.usable():
            return self._database.execute(_TWICE, (most,)).fetchall()

    def received(self, position: int) -> str | None:
        """When one of them asked."""
        self._write()
        with scratch_files.usable():
            found = self._database.execute("SELECT received FROM seen WHERE rowid = ?", (position + 1,)).fetchone()
        return str(found[0]) if found[0] is not None else None

    def _write(self) -> None:
        if self._waiting:
            with scratch_files.usable():
                self._database.executemany("INSERT INTO seen VALUES (?, ?, ?)", self._waiting)
            self._waiting.clear()


@dataclass(frozen=True, slots=True)
class TimesSeen(Sequence[str | None]):
    """When each of so many asked."""

    seen: PeopleSeen
    number: int

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str | None]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str | None] | None:
        places = range(self.number)[index]
        return self.seen.received(places) if isinstance(places, int) else [self.seen.received(one) for one in places]
