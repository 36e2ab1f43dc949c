"""Awaited keys: for which keys rows that are due wait, by collection (see `rows_awaiting_keys`).

A row whose keys nobody knows as this person's is not deleted: what they lead to could not be found any more. Where
another person's record holds the same value, no resolution will ever follow it, and somebody has to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import sql

from expunge_connectors.contract import Scope, Subject
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.erase import rows_awaiting_keys
from expunge_connectors.postgres.erase.found_rows import FoundRows
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.sql import claimed_keys, key_staging
from expunge_connectors.postgres.sql.comparison import same_row
from expunge_connectors.postgres.sql.fragments import column
from expunge_connectors.postgres.sql.known_keys import known_identity
from expunge_connectors.postgres.sql.subject_search import Search

_NUMBERS = sql.SQL(
    "SELECT DISTINCT f.number FROM {} AS f JOIN {} AS t ON {} WHERE f.asked AND f.waits AND NOT f.stays AND NOT ({})"
)


def waiting(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
) -> dict[int, Mapping[str, Sequence[str]]]:
    """Subject number -> collection -> the identities that its waiting rows name; of those who have any."""
    with translated(store.name):
        staged = key_staging.stage(connection, store, subjects, scope)
        claimed_keys.mark(connection, store, staged)
        search = Search(connection, store, staged, cutoff)
    found: dict[int, dict[str, list[str]]] = {}
    for mapped in store.scoped.values():
        if not (mapped.leads or mapped.binding):
            continue
        with translated(store.name, mapped.name):
            evidence = FoundRows.of(search, mapped)
            if not evidence.paths:
                continue
            search.keep("erase", mapped, evidence.statement, evidence.columns)
            rows_awaiting_keys.look(search, mapped)
            if mapped.name in search.waiting and rows_awaiting_keys.no_identifiers(search, mapped):
                search.keep("erase", mapped, evidence.statement, evidence.columns)
            for identity in mapped.binding if mapped.name in search.waiting else ():
                known = known_identity(search, mapped, identity, "t", column("f", "number"))
                same = same_row(mapped, "t", "f")
                statement = _NUMBERS.format(search.table(mapped.name), mapped.table.identifier, same, known)
                for (number,) in connection.execute(statement).fetchall():
                    found.setdefault(number, {}).setdefault(mapped.name, []).append(identity)
    return {number: dict(names) for number, names in found.items()}
