"""Refresh: every place of backup copies is looked at by itself, so that one that is down stops none of the others.

What a look saw, and what it missed, is noted in the ledger: the second look that misses a copy finds it gone (law 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expunge_connectors.contract import CopyListing
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator import backup_copies
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the looks came to.

    Attributes:
        listings: Of the places that were listed, as noted in the ledger.
        unlisted: Place -> why it could not be listed: nothing is known of its copies, and none is called gone.
    """

    listings: Sequence[CopyListing]
    unlisted: Mapping[str, ConnectorError]

    @property
    def gone(self) -> int:
        """How many copies were found to be gone."""
        return sum(len(one.gone) for one in self.listings)


def refresh(workspace: Workspace) -> Refreshed:
    """Look at every place that the data map names, and note what was seen."""
    listings: list[CopyListing] = []
    unlisted: dict[str, ConnectorError] = {}
    for name, connector in workspace.backups.items():
        try:
            listing = backup_copies.observe_place(connector, workspace.ledger)
        except ConnectorError as error:
            unlisted[name] = error
            continue
        with workspace.ledger.begin() as connection:
            backup_copies.record(connection, [listing])
        listings.append(listing)
    return Refreshed(listings, unlisted)
