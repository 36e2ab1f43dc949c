"""Principals: the authenticated caller, its roles and the controllers it may act for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from expunge_connectors.contract import Scope, SubjectKey


class Role(StrEnum):
    """What somebody is here for. PERSON and FOLLOWER come with their credential and are given to nobody."""

    REQUESTER = "requester"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"
    PERSON = "person"
    FOLLOWER = "follower"


GIVEN = (Role.REQUESTER, Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN)
"""The roles that can be given."""

PERSON_ACTOR = "person"
"""How the audit trail and the ledger name a person who speaks for themselves: not at all."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is good for one operation.

    Attributes:
        digest: SHA-256 over issuer and `jti`.
        expires_at: As the ledger writes times.
    """

    digest: bytes
    expires_at: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a call.

    Attributes:
        actor: Opaque: says the same person again, and not who.
        controllers: Those it may speak for; None: all.
        identifiers: Of a person: what the application that signed them in asserts, normalised.
        signed_in_at: Of a person: when they signed in (UTC), as the application says.
        contact: Of a person: where to write to, if the application says so.
        request: Of a follower: the one request it may read.
        token: Of a person: the token, to be used up.
        key: Of the holder of an API key: which one was brought.
    """

    actor: str
    roles: frozenset[Role]
    controllers: frozenset[Scope] | None = None
    identifiers: frozenset[SubjectKey] = field(default=frozenset(), repr=False)
    contact: str | None = field(default=None, repr=False)
    request: str | None = None
    signed_in_at: datetime | None = None
    token: Token | None = None
    key: str | None = None

    def speaks_for(self, scope: Scope) -> bool:
        """Whether it may see and do things of that controller. A kind of controllers (`client`) covers its members."""
        return self.controllers is None or scope in self.controllers or Scope(scope.controller) in self.controllers

    def speaks_for_all_of(self, scopes: Iterable[Scope] | None) -> bool:
        """Whether it may see and do things of all of these; None: of every controller there is."""
        return self.controllers is None or (scopes is not None and all(map(self.speaks_for, scopes)))
