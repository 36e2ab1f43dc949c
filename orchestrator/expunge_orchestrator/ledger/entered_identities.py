"""Entered identities: by which names the ledger knows people, and how their values were read (ADR 18).

Hashes of values, holds and sealed identifiers are found again only under the same name, with the same spelling.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from expunge_orchestrator.ledger.tables import entered_identity

_KNOWN = sa.select(entered_identity.c.name, entered_identity.c.normaliser)
_ENTERED = sa.insert(entered_identity)


def enter(connection: sa.Connection, normalisers: Mapping[str, str]) -> None:
    """Remember names of identities, each with its normaliser, that a person is known by from now on."""
    if new := normalisers.keys() - entered(connection).keys():
        connection.execute(_ENTERED, [{"name": name, "normaliser": normalisers[name]} for name in sorted(new)])


def entered(connection: sa.Connection) -> dict[str, str]:
    """Name of every identity that the ledger knows people by -> the normaliser that read their values."""
    return {row.name: row.normaliser for row in connection.execute(_KNOWN)}
