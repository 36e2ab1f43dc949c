"""Sealed rows: what a plan will write of each person, until it is frozen, so that a long list takes no memory.

In a database that SQLite keeps in a file of its own without a name. Nothing is in it that the ledger would not have:
identifiers and keys are sealed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator import scratch_files
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.planning.chunk_assignment import Part
from expunge_orchestrator.receipts import openings
from expunge_orchestrator.workspace import Workspace
from expunge_reports import opening
from expunge_reports.statement import new_series

_COLUMNS = ("line", "series", "subjects", "received_at", "wrapped_key", "sealed_identifiers", "sealed_keys")
_MADE = """
CREATE TABLE item (chunk INTEGER, line INTEGER, series TEXT, subjects TEXT, received_at TEXT, wrapped_key BLOB,
                   sealed_identifiers BLOB, sealed_keys BLOB)
"""
_READ = """
SELECT chunk, line, series, subjects, received_at, wrapped_key, sealed_identifiers, sealed_keys FROM item ORDER BY rowid
"""


class SealedRows:
    """Rows of the ledger's `item` but for its batch and chunk, chunk by chunk."""

    def __init__(self, workspace: Workspace, received_at: Sequence[str | None]) -> None:
        self._workspace = workspace
        self._received_at = received_at
        self._cipher = ItemCipher(workspace.keys.wrapping)
        self._chunks = 0
        self._database = scratch_files.database(self, _MADE)

    def add(self, part: Part, known: Mapping[int, frozenset[SubjectKey]]) -> None:
        """Add a chunk: the identifiers of its people, and what the plan led to."""
        rows = [(self._chunks, *self._row(line, keys, known[line])) for line, keys in part.items()]
        with scratch_files.usable():
            self._database.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._chunks += 1

    def chunks(self) -> Iterator[list[dict[str, Any]]]:
        """The rows of each chunk, as they were added."""
        with scratch_files.usable():
            for _, rows in groupby(self._database.execute(_READ), lambda row: row[0]):
                told = (dict(zip(_COLUMNS, row[1:], strict=True)) for row in rows)
                yield [{**one, "subjects": json.loads(one["subjects"])} for one in told]

    def series_digest(self) -> str:
        """SHA-256, in hex, over the series of all people, sorted, a line each."""
        hashed = hashlib.sha256()
        with scratch_files.usable():
            for (series,) in self._database.execute("SELECT series FROM item ORDER BY series"):
                hashed.update(f"{series}\n".encode())
        return hashed.hexdigest()

    def _row(self, line: int, keys: frozenset[SubjectKey], known: frozenset[SubjectKey]) -> tuple[Any, ...]:
        keyring, data_map = self._workspace.keys, self._workspace.data_map
        series, wrapped = new_series(), self._cipher.new_key()
        subjects = sorted(opening.digest(openings.make(keyring, series, key, data_map)) for key in keys)
        return (
            line,
            series,
            json.dumps(subjects),
            self._received_at[line - 1] if self._received_at else None,
            wrapped,
            self._cipher.close(wrapped, Sealed.IDENTIFIERS, series, keys),
            self._cipher.close(wrapped, Sealed.KEYS, series, known),
        )
