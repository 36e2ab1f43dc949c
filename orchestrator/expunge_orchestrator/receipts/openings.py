"""Openings: what binds a receipt's digest to a person's identifier, computed again on demand."""

from __future__ import annotations

from expunge_config.datamap import DataMap
from expunge_config.errors import InputError, UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.statements import subjects_of
from expunge_reports import opening
from expunge_reports.keys import KeyRing


def make(keys: KeyRing, series: str, key: SubjectKey, data_map: DataMap) -> bytes:
    """The opening of one identifier; its kind is called by namespace and versioned normaliser, `email+email/1`."""
    scheme = f"{key.namespace}+{data_map.identities[key.namespace].normaliser}"
    return opening.make(keys.opening, series, scheme, key.value)


def openings_of(
    connection: Transaction, series: str, identifiers: frozenset[SubjectKey], keys: KeyRing, data_map: DataMap
) -> dict[str, bytes]:
    """Namespace -> opening file, for each identifier that the request was made with. Nothing is stored.

    Raises:
        UsageError: There is no such series.
        InputError: None of the identifiers belongs to this request.
    """
    subjects = subjects_of(connection, series)
    if subjects is None:
        raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
    made = {key.namespace: make(keys, series, key, data_map) for key in identifiers}
    fitting = {namespace: one for namespace, one in made.items() if opening.digest(one) in subjects}
    if not fitting:
        raise InputError(
            "None of these identifiers belongs to that request.",
            remedy="Give the identifiers that the request was made with.",
        )
    return fitting
