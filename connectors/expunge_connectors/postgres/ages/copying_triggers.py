"""Copying triggers: of what a sweep overwrites nothing may stand elsewhere in its row afterwards, as in an erasure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from expunge_connectors.postgres.ages.sweep_statements import Taking
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.erase import carried_values
from expunge_connectors.postgres.erase.carried_values import OverwrittenRows
from expunge_connectors.postgres.erase.intercepted_rows import Interceptors
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore


@dataclass(frozen=True, slots=True)
class CopyingTriggers:
    """What one piece overwrites, where something runs on UPDATE.

    Attributes:
        store: The map, bound to the catalogue.
        rows: They, and the triggers, as `trigger of schema.table`.
    """

    store: BoundStore
    rows: Sequence[tuple[OverwrittenRows, Sequence[str]]]

    @classmethod
    def of(cls, connection: Connection, store: BoundStore, takings: Iterable[Taking]) -> CopyingTriggers:
        """Keep what these rows should be, until the transaction ends; before any of them is overwritten."""
        overwritten = [one.overwritten for one in takings if one.overwritten is not None]
        rows = [one for one in overwritten if carried_values.told_apart(one.mapped)]
        named = Interceptors.of(connection, [one.mapped for one in rows]).named if rows else {}
        watched = [(one, named[one.mapped.name]) for one in rows if one.mapped.name in named]
        for one, _ in watched:
            connection.execute(carried_values.remember(one))
        return cls(store, watched)

    def refuse(self, connection: Connection) -> None:
        """Compare the rows with what they should be.

        Raises:
            TerminalError: What was overwritten stands in another column.
        """
        for one, triggers in self.rows:
            with translated(self.store.name, one.mapped.name):
                found = connection.execute(carried_values.carried(one)).fetchall()
            carried_values.refuse(self.store.name, one.mapped, found, triggers)
