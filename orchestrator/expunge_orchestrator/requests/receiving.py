"""Receiving: a wish becomes a durable request, once. Nothing but the ledger is asked."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.access import handouts
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.database import one_at_a_time
from expunge_orchestrator.ledger.request_tables import request, request_open, request_tag
from expunge_orchestrator.requests import records, repeating
from expunge_orchestrator.requests.records import Origin, Request, RequestState
from expunge_orchestrator.requests.repeating import Repeat
from expunge_orchestrator.sealing import Seal
from expunge_reports import canonical
from expunge_reports.keys import KeyRing

FOLLOW_UP = "fu"
"""Prefix of the secret that reads one request."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for.

    Attributes:
        identifiers: Of the one person, normalised.
        due_at: When it is to be started: now, or the end of grace.
        contact: Where the person may be written to; kept sealed until the request is closed.
    """

    origin: Origin
    scope: Scope
    identifiers: frozenset[SubjectKey] = field(repr=False)
    asked_by: str
    received_at: datetime
    due_at: datetime
    grace_waived: bool = False
    scope_name: str | None = None
    data_types: tuple[str, ...] | None = None
    controller_received_at: datetime | None = None
    deadlines: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] | None = None
    contact: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A request, whether it is new, and, only then, the secret that reads it."""

    request: Request
    created: bool
    follow_up: str | None = field(default=None, repr=False)


def receive(connection: sa.Connection, wish: Wish, key: str | None, ring: KeyRing, data_map: DataMap) -> Received:
    """Take a wish in, or find what it repeats.

    Args:
        connection: In a transaction that writes; the answer is given after its commit.
        wish: What is asked for.
        key: The caller's Idempotency-Key.
        ring: Seals, tags and fingerprints.
        data_map: Which identities are a person's for good.

    Raises:
        OtherWishError: The key was used for another wish.
    """
    one_at_a_time(connection)
    asked = None if key is None else Repeat.of(_repeats_of(wish, ring, data_map), key, _encoded(wish), ring)
    before = None if asked is None else repeating.made(connection, asked)
    if before is not None:
        return Received(records.by_uid(connection, before), created=False)
    if wish.origin is Origin.PERSON:
        already = _open_of(connection, person_tags(wish.identifiers, wish.scope, ring, data_map))
        if already is not None:
            if asked is not None:
                repeating.remember(connection, asked, already.uid, wish.received_at)
            return Received(already, created=False)
    made, follow_up = _insert(connection, wish, ring, data_map)
    if asked is not None:
        repeating.remember(connection, asked, made.uid, wish.received_at)
    return Received(made, created=True, follow_up=follow_up)


def found_by(
    connection: sa.Connection, identifiers: Iterable[SubjectKey], scope: Scope, ring: KeyRing
) -> list[Request]:
    """The requests of a controller that were made with one of these identifiers, the newest first."""
    tags = [identifier_tag(key, ring) for key in identifiers]
    ids = sa.select(request_tag.c.request_id).where(request_tag.c.tag.in_(tags))
    query = records.QUERY.where(
        request.c.id.in_(ids), records.within(request.c.controller, request.c.member, [scope])
    ).order_by(request.c.id.desc())
    return [records.one(row) for row in connection.execute(query).mappings()]


def identifier_tag(key: SubjectKey, ring: KeyRing) -> bytes:
    """32 bytes under the look-up key; the suppression tags are others."""
    return _keyed(ring, "identifier", f"{key.namespace}\x00{key.value}")


def proving(identifiers: Iterable[SubjectKey], data_map: DataMap) -> list[SubjectKey]:
    """The identifiers that are one person's for good."""
    return sorted(key for key in identifiers if data_map.identities[key.namespace].kind is IdentityKind.PERSON)


def person_tags(identifiers: Iterable[SubjectKey], scope: Scope, ring: KeyRing, data_map: DataMap) -> list[bytes]:
    """Of the identifiers that are one person's for good, per controller."""
    return sorted(
        _keyed(ring, "open", f"{scope}\x00{key.namespace}\x00{key.value}") for key in proving(identifiers, data_map)
    )


def _open_of(connection: sa.Connection, tags: list[bytes]) -> Request | None:
    row = (
        connection.execute(
            records.QUERY.join(request_open, request_open.c.request_id == request.c.id)
            .where(request_open.c.tag.in_(tags))
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else records.one(row)


def _insert(connection: sa.Connection, wish: Wish, ring: KeyRing, data_map: DataMap) -> tuple[Request, str | None]:
    seal = Seal(ring.wrapping)
    identifier = secrets.token_hex(12)
    uid = f"rq_{identifier}"
    wrapped = seal.new_key()
    contact_key = seal.new_key() if wish.contact is not None else None
    follow_up, kept = handouts.make(FOLLOW_UP, identifier) if wish.origin is Origin.PERSON else (None, None)
    moment = stamp(wish.received_at)
    number = connection.execute(
        sa.insert(request)
        .values(
            uid=uid,
            origin=wish.origin.value,
            controller=wish.scope.controller,
            member=wish.scope.member,
            state=RequestState.SCHEDULED.value,
            state_at=moment,
            asked_by=wish.asked_by,
            received_at=moment,
            controller_received_at=None if wish.controller_received_at is None else stamp(wish.controller_received_at),
            due_at=stamp(wish.due_at),
            grace_waived=wish.grace_waived,
            scope_name=wish.scope_name,
            data_types=None if wish.data_types is None else sorted(wish.data_types),
            wrapped_key=wrapped,
            sealed_identifiers=seal.close(wrapped, uid, wish.identifiers),
            contact_key=contact_key,
            sealed_contact=None
            if contact_key is None
            else seal.close(contact_key, uid, [SubjectKey("contact", str(wish.contact))]),
            follow_up=kept,
            deadlines=wish.deadlines,
            evidence=wish.evidence,
        )
        .returning(request.c.id)
    ).scalar_one()
    connection.execute(
        sa.insert(request_tag),
        [{"tag": tag, "request_id": number} for tag in sorted(identifier_tag(key, ring) for key in wish.identifiers)],
    )
    if wish.origin is Origin.PERSON:
        connection.execute(
            sa.insert(request_open),
            [{"tag": tag, "request_id": number} for tag in person_tags(wish.identifiers, wish.scope, ring, data_map)],
        )
    return records.by_uid(connection, uid), follow_up


def _repeats_of(wish: Wish, ring: KeyRing, data_map: DataMap) -> str:
    """Whose keys these are: two people's applications may well make up the same one."""
    if wish.origin is Origin.CONTROLLER:
        return wish.asked_by
    return person_tags(wish.identifiers, wish.scope, ring, data_map)[0].hex()


def _encoded(wish: Wish) -> bytes:
    """What was asked for, so that a repeat can be told from another wish. Only its keyed hash is kept."""
    return canonical.encode(
        {
            "origin": wish.origin.value,
            "controller": str(wish.scope),
            "identifiers": [[key.namespace, key.value] for key in sorted(wish.identifiers)],
            "waived": wish.grace_waived,
            "scope": wish.scope_name,
            "dataTypes": None if wish.data_types is None else sorted(wish.data_types),
            "controllerReceivedAt": None if wish.controller_received_at is None else stamp(wish.controller_received_at),
            # Of a person it is when they signed in: asked again after another sign-in, it is the same wish.
            "evidence": dict(wish.evidence) if wish.evidence and wish.origin is Origin.CONTROLLER else None,
        }
    )


def _keyed(ring: KeyRing, purpose: str, text: str) -> bytes:
    return hmac.digest(ring.lookup, f"expunge-{purpose}/1\x00{text}".encode(), "sha256")
