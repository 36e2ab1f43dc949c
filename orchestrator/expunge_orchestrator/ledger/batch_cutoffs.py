"""Batch cutoffs: per batch and store, the time after which records under a reusable identifier are not in the request.

Set once, when the batch starts, on the store's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from expunge_orchestrator.clock import exact, parse
from expunge_orchestrator.ledger import tables

_CUTOFFS = sa.select(tables.cutoff).where(tables.cutoff.c.batch_id == sa.bindparam("batch"))


def set_cutoffs(connection: sa.Connection, batch_id: int, clocks: Mapping[str, datetime]) -> None:
    """Write the cutoffs of a batch that starts; `clocks`: store -> its time now."""
    rows = [{"batch_id": batch_id, "store": store, "at": exact(at)} for store, at in clocks.items()]
    connection.execute(sa.insert(tables.cutoff), rows)


def cutoffs_of(connection: sa.Connection, batch_id: int) -> dict[str, datetime]:
    """Store -> the batch's cutoff there."""
    return {row.store: parse(row.at) for row in connection.execute(_CUTOFFS, {"batch": batch_id})}
