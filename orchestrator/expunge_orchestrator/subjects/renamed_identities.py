"""Renamed identities: names by which the ledger knows people and that the data map does not have any more.

Kept under a name are the hashes of a person's values, since when one was theirs, whose it is as two people said, and
what an ended request left. Under another name none of it is found, and nobody would be told.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_orchestrator.ledger.suppression_list import entered_identities


def findings(connection: sa.Connection, data_map: DataMap) -> Iterator[Finding]:
    """One error for all names that are missing."""
    if gone := sorted(entered_identities(connection) - data_map.identities.keys()):
        yield Finding(
            Severity.ERROR,
            "identity-renamed",
            "ledger",
            None,
            f"The ledger knows people by {', '.join(gone)}, which the data map does not have: what is kept of them"
            " (since when a number is theirs, whose a value is, what an ended request left, what is at work) would not"
            " be found.",
            "Give the identity its name again: a name is for good. Where nothing is found by it any more, declare it"
            " all the same.",
        )
