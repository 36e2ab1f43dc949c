"""Identifier tags: keyed hashes by which a person's requests are found again. The suppression tags are others."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.ledger import Transaction, requests
from expunge_orchestrator.ledger.requests import Request
from expunge_reports.keys import KeyRing


def found_by(connection: Transaction, identifiers: Iterable[SubjectKey], scope: Scope, ring: KeyRing) -> list[Request]:
    """The requests of a controller that were made with one of these identifiers, the newest first."""
    tags = [identifier_tag(key, ring) for key in identifiers]
    return requests.tagged(connection, tags, scope)


def identifier_tag(key: SubjectKey, ring: KeyRing) -> bytes:
    """Of one identifier, whoever asks."""
    return keyed(ring, "identifier", f"{key.namespace}\x00{key.value}")


def proving(identifiers: Iterable[SubjectKey], data_map: DataMap) -> list[SubjectKey]:
    """The identifiers that are one person's for good."""
    return sorted(key for key in identifiers if key.namespace in data_map.person_identities)


def person_tags(identifiers: Iterable[SubjectKey], scope: Scope, ring: KeyRing, data_map: DataMap) -> list[bytes]:
    """Of the identifiers that are one person's for good, per controller."""
    return sorted(
        keyed(ring, "open", f"{scope}\x00{key.namespace}\x00{key.value}") for key in proving(identifiers, data_map)
    )


def keyed(ring: KeyRing, purpose: str, text: str) -> bytes:
    """32 bytes under the look-up key, of a text that is of use for one purpose."""
    return hmac.digest(ring.lookup, f"expunge-{purpose}/1\x00{text}".encode(), "sha256")
