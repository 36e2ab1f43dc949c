"""Renamed identities: names by which the ledger knows people, and that mean another thing in the data map by now.

Kept under a name are the hashes of a person's values, since when one was theirs, whose it is as two people said, and
what an ended request left. Under another name, or read by another normaliser, none of it is found, and nobody would be
told.
"""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.entered_identities import entered

_KEPT = (
    "what is kept of them (holds, since when a number is theirs, whose a value is, what an ended request left, what is"
    " at work) would not be found"
)


def findings(connection: Transaction, data_map: DataMap) -> Iterator[Finding]:
    """One error for all names that are missing, and one for all that are read otherwise."""
    known = entered(connection)
    if gone := sorted(known.keys() - data_map.identities.keys()):
        yield Finding(
            Severity.ERROR,
            "identity-renamed",
            "ledger",
            None,
            f"The ledger knows people by {', '.join(gone)}, which the data map does not have: {_KEPT}.",
            "Give the identity its name again: a name is for good. Where nothing is found by it any more, declare it"
            " all the same.",
        )
    read = {name: identity.normaliser for name, identity in data_map.identities.items()}
    for name in sorted(known.keys() & read.keys()):
        if read[name] != known[name]:
            yield Finding(
                Severity.ERROR,
                "normaliser-changed",
                "ledger",
                None,
                f"The ledger knows people by {name} as {known[name]} reads it, and the data map reads it by"
                f" {read[name]}: {_KEPT}.",
                f"Give {name} its normaliser again: it is for good. Declare another identity with {read[name]} and let"
                " records be found by both.",
            )
