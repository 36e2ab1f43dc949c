"""Request submission: a submitted request becomes durable exactly once. Asks nothing but the ledger."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from expunge_config.datamap import DataMap
from expunge_config.errors import ExpungeError
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.auth import bearer_secrets
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Transaction, entered_identities, idempotency, request_transitions, requests
from expunge_orchestrator.ledger.idempotency import IdempotencyKey
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Origin, Request
from expunge_orchestrator.requests import identifier_tags
from expunge_reports import canonical
from expunge_reports.keys import KeyRing

FOLLOW_UP = "fu"
"""Prefix of the secret that reads one request, and takes it back."""


class AnotherOpenError(ExpungeError):
    """A request is open already, and what it asks for is not what is asked for now."""

    exit_code = 11


@dataclass(frozen=True, slots=True)
class RequestSubmission:
    """What somebody asks for.

    Attributes:
        identifiers: Of the one person, normalised.
        due_at: When it is to be started: now, or the end of grace.
        contact: Where the person may be written to; kept sealed until the last letter is sent.
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
class PreparedRequest:
    """A wish that is ready to be written: sealed, tagged, fingerprinted. The ledger was not asked yet.

    Attributes:
        row: Of `request`, but for its number.
        tags: Of the identifiers.
        open_tags: Of a person, under which they have one open request at a time; of a controller's wish none.
        normalisers: Identity -> how its values were read.
        asked: Under which Idempotency-Key, if under one.
    """

    row: Mapping[str, Any] = field(repr=False)
    tags: Sequence[bytes] = field(repr=False)
    open_tags: Sequence[bytes] = field(repr=False)
    asked: IdempotencyKey | None
    received_at: datetime
    normalisers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """A request, and whether it is new."""

    request: Request
    created: bool


def prepare(wish: RequestSubmission, key: str | None, ring: KeyRing, data_map: DataMap) -> PreparedRequest:
    """Everything about taking a wish in for which nobody has to be asked.

    Args:
        wish: What is asked for.
        key: The caller's Idempotency-Key.
        ring: Seals, tags and fingerprints.
        data_map: Which identities are a person's for good.
    """
    person = wish.origin is Origin.PERSON
    identifier = secrets.token_hex(12)
    open_tags = identifier_tags.person_tags(wish.identifiers, wish.scope, ring, data_map) if person else []
    # Two people's applications may well make up the same key.
    whose = open_tags[0].hex() if person else wish.asked_by
    kept = _handout(identifier, ring)[1] if person else None
    return PreparedRequest(
        row=_row(wish, f"rq_{identifier}", kept, ItemCipher(ring.wrapping)),
        tags=sorted(identifier_tags.identifier_tag(one, ring) for one in wish.identifiers),
        open_tags=open_tags,
        asked=None if key is None else IdempotencyKey.of(whose, key, _encoded(wish), ring),
        received_at=wish.received_at,
        normalisers={one.namespace: data_map.identities[one.namespace].normaliser for one in wish.identifiers},
    )


def submit(connection: Transaction, intake: PreparedRequest) -> SubmissionResult:
    """Take a wish in, or find what it repeats.

    Args:
        connection: In a transaction that writes, of the one kind of which only one is under way (`serialise_writers`);
            the answer is given after its commit.
        intake: What is asked for.

    Raises:
        KeyReusedError: The key was used for another wish.
        AnotherOpenError: Another request of this person is open. Nothing is kept under the key.
    """
    there = requests.open_of(connection, intake.open_tags)
    if there is not None and not _covers(connection, there, intake):
        # What was made under the key is told, whatever is open now.
        made = None if intake.asked is None else idempotency.existing(connection, intake.asked)
        if made is None:
            raise AnotherOpenError(
                remedy=f"It is request {there.uid}: take it back while it has not begun, or wait until it is over."
            )
        return SubmissionResult(requests.by_uid(connection, made), created=False)
    if intake.asked is not None:
        target = intake.row["uid"] if there is None else there.uid
        made = idempotency.claim(connection, intake.asked, target, intake.received_at)
        there = there if made is None else requests.by_uid(connection, made)
    if there is not None:
        return SubmissionResult(there, created=False)
    number = request_transitions.insert(connection, intake.row, intake.tags, intake.open_tags)
    entered_identities.enter(connection, intake.normalisers)
    return SubmissionResult(requests.new(number, intake.row), created=True)


def follow_up(there: Request, ring: KeyRing) -> str | None:
    """The secret that reads and takes back a person's request: for whoever asked for it, as often as they ask.

    It follows from the request's id and the look-up key, so that an answer that was lost can be given again.

    Returns:
        None where it is not the one that was handed out: the keys are others, or it is no person's request.
    """
    text, digest = _handout(there.uid.removeprefix("rq_"), ring)
    return text if there.follow_up is not None and hmac.compare_digest(digest, there.follow_up) else None


def _covers(connection: Transaction, there: Request, intake: PreparedRequest) -> bool:
    """Whether an open request does all that is asked for now, when it is asked for, by every identifier."""
    row = intake.row
    if (there.scope_name, there.data_types, there.grace_waived) != (
        row["scope_name"],
        row["data_types"],
        row["grace_waived"],
    ):
        return False
    return requests.tags_of(connection, there.id).issuperset(intake.tags)


def _row(wish: RequestSubmission, uid: str, follow_up: bytes | None, seal: ItemCipher) -> dict[str, Any]:
    wrapped, moment, earlier = seal.new_key(), stamp(wish.received_at), wish.controller_received_at
    contact_key, sealed_contact = None, None
    if wish.contact is not None:
        contact_key = seal.new_key()
        sealed_contact = seal.close(contact_key, Sealed.CONTACT, uid, [SubjectKey("contact", wish.contact)])
    return {
        "uid": uid,
        "origin": wish.origin.value,
        "controller": wish.scope.controller,
        "member": wish.scope.member,
        "state": RequestState.SCHEDULED.value,
        "state_at": moment,
        "asked_by": wish.asked_by,
        "received_at": moment,
        "controller_received_at": None if earlier is None else stamp(earlier),
        "due_at": stamp(wish.due_at),
        "grace_waived": wish.grace_waived,
        "scope_name": wish.scope_name,
        "data_types": None if wish.data_types is None else sorted(wish.data_types),
        "wrapped_key": wrapped,
        "sealed_identifiers": seal.close(wrapped, Sealed.IDENTIFIERS, uid, wish.identifiers),
        "contact_key": contact_key,
        "sealed_contact": sealed_contact,
        "follow_up": follow_up,
        "deadlines": wish.deadlines,
        "evidence": wish.evidence,
    }


def _encoded(wish: RequestSubmission) -> bytes:
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


def _handout(identifier: str, ring: KeyRing) -> tuple[str, bytes]:
    return bearer_secrets.derive(FOLLOW_UP, identifier, identifier_tags.keyed(ring, "follow-up", identifier))
