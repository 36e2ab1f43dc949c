"""Requests in the ledger: the record, those of a batch, of a person, of a controller; pages of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_connectors.contract import Scope
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.controllers import within
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.request_tables import request, request_open, request_tag


class UnknownRequestError(UsageError):
    """There is no such request."""


class Origin(StrEnum):
    """Who asks: the person, or a controller for one."""

    PERSON = "person"
    CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the ledger holds it, with its batch's name where it has one.

    Attributes:
        due_at: When it is started.
        data_types: What it is limited to; None: everything of the controller.
        deadlines: As `deadlines` computed them when it was taken in; plain data.
        evidence: How the controller knows that it is the person: kinds and references, never values.
        told: The last event of which the person was informed.
    """

    id: int
    uid: str
    origin: Origin
    scope: Scope
    state: RequestState
    state_at: str
    asked_by: str
    received_at: str
    controller_received_at: str | None
    due_at: str
    grace_waived: bool
    scope_name: str | None
    data_types: Sequence[str] | None
    deadlines: Mapping[str, Any] | None
    evidence: Mapping[str, Any] | None
    reason: str | None
    failure: str | None
    attempts: int
    not_before: str | None
    told: str | None
    batch_id: int | None
    batch_uid: str | None
    wrapped_key: bytes | None = field(repr=False)
    sealed_identifiers: bytes | None = field(repr=False)
    contact_key: bytes | None = field(repr=False)
    sealed_contact: bytes | None = field(repr=False)
    follow_up: bytes | None = field(repr=False)

    @property
    def asked_at(self) -> str:
        """When the person asked, as far as anybody knows: the controller received it, or we did."""
        return min(self.controller_received_at or self.received_at, self.received_at)


_OWN = (
    "id",
    "uid",
    "state_at",
    "asked_by",
    "received_at",
    "controller_received_at",
    "due_at",
    "grace_waived",
    "scope_name",
    "data_types",
    "deadlines",
    "evidence",
    "reason",
    "failure",
    "attempts",
    "not_before",
    "told",
    "batch_id",
    "wrapped_key",
    "sealed_identifiers",
    "contact_key",
    "sealed_contact",
    "follow_up",
)

QUERY = sa.select(request, tables.batch.c.uid.label("batch_uid")).outerjoin(
    tables.batch, tables.batch.c.id == request.c.batch_id
)
"""Every request with its batch."""

_BY_UID = QUERY.where(request.c.uid == sa.bindparam("uid"))
_FOLLOWED = sa.select(request.c.follow_up, request.c.controller).where(request.c.uid == sa.bindparam("request"))
_OPEN_OF = sa.select(request.c.uid).join(request_open).where(request_open.c.tag == sa.bindparam("tag"))
_TAGS_OF = sa.select(request_tag.c.tag).where(request_tag.c.request_id == sa.bindparam("number"))


def from_row(row: sa.RowMapping | Mapping[str, Any]) -> Request:
    """A row of `QUERY`."""
    return Request(
        origin=Origin(row["origin"]),
        scope=Scope(row["controller"], row["member"]),
        state=RequestState(row["state"]),
        batch_uid=row["batch_uid"],
        **{name: row[name] for name in _OWN},
    )


_NOTHING = dict.fromkeys((*_OWN, "batch_uid")) | {"attempts": 0}


def new(number: int, row: Mapping[str, Any]) -> Request:
    """A request that was written just now, from what was written: it need not be read."""
    return from_row({**_NOTHING, **row, "id": number})


def by_uid(connection: sa.Connection, uid: str) -> Request:
    """The request of that name.

    Raises:
        UnknownRequestError: There is none.
    """
    row = connection.execute(_BY_UID, {"uid": uid}).mappings().first()
    if row is None:
        raise UnknownRequestError
    return from_row(row)


def of_batch(connection: sa.Connection, batch_id: int) -> Request | None:
    """The request whose batch this is; None: it is a list that somebody planned."""
    row = connection.execute(QUERY.where(request.c.batch_id == batch_id)).mappings().first()
    return None if row is None else from_row(row)


def series_of(connection: sa.Connection, wanted: Request) -> str | None:
    """The series of its receipt, if a statement was issued."""
    return None if wanted.batch_id is None else series_by_batch(connection, [wanted.batch_id]).get(wanted.batch_id)


def series_by_batch(connection: sa.Connection, ids: Collection[int]) -> dict[int, str]:
    """Batch (id) -> the series of the receipt, for those batches of one person of whom a statement was issued."""
    item = tables.item.c
    rows = connection.execute(
        sa.select(item.batch_id, sa.func.min(item.series).label("series"))
        .where(item.batch_id.in_(ids), sa.exists().where(tables.statement.c.item_id == item.id))
        .group_by(item.batch_id)
    )
    return {row.batch_id: row.series for row in rows}


class Followed(NamedTuple):
    """Of which controller a request is, and the digest of the secret that reads it."""

    follow_up: bytes | None
    controller: str


def followed(connection: sa.Connection, uid: str) -> Followed | None:
    """What is asked of a request before its follow-up secret is accepted: a part of its row."""
    row = connection.execute(_FOLLOWED, {"request": uid}).first()
    return None if row is None else Followed(*row)


def by_id(connection: sa.Connection, number: int) -> Request:
    """The request of that number, which is known to exist."""
    return from_row(connection.execute(QUERY.where(request.c.id == number)).mappings().one())


def open_of(connection: sa.Connection, tags: Sequence[bytes]) -> Request | None:
    """The person's open request: at most one per controller, under each of these tags."""
    for tag in tags:
        uid = connection.scalar(_OPEN_OF, {"tag": tag})
        if uid is not None:
            return by_uid(connection, uid)
    return None


def tags_of(connection: sa.Connection, number: int) -> set[bytes]:
    """The tags of the identifiers that a request names."""
    return {bytes(tag) for tag in connection.scalars(_TAGS_OF, {"number": number})}


def count_by_state(connection: sa.Connection) -> dict[str, int]:
    """State -> number of requests."""
    rows = connection.execute(sa.select(request.c.state, sa.func.count()).group_by(request.c.state))
    return {row[0]: row[1] for row in rows}


def tagged(connection: sa.Connection, tags: Iterable[bytes], scope: Scope) -> list[Request]:
    """The requests of a controller that name an identifier with one of these tags, the newest first."""
    ids = sa.select(request_tag.c.request_id).where(request_tag.c.tag.in_(list(tags)))
    query = QUERY.where(request.c.id.in_(ids), within(request.c.controller, request.c.member, [scope])).order_by(
        request.c.id.desc()
    )
    return read(connection, query)


def page(
    connection: sa.Connection,
    *,
    after: int | None,
    limit: int,
    controllers: Sequence[Scope] | None,
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> list[Request]:
    """The newest first.

    Args:
        connection: Reads.
        after: Only those older than this id; None: from the newest on.
        limit: How many at the most.
        controllers: Whose; None: everybody's.
        where: Only those: `in_state`, `requests_due.unanswered_by`.
    """
    query = QUERY.where(*where).order_by(request.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(request.c.id < after)
    if controllers is not None:
        query = query.where(within(request.c.controller, request.c.member, controllers))
    return read(connection, query)


def read(connection: sa.Connection, query: sa.Select[Any]) -> list[Request]:
    """The requests of a query that was made of `QUERY`."""
    return [from_row(row) for row in connection.execute(query).mappings()]


def in_state(state: RequestState) -> sa.ColumnElement[bool]:
    """Rows in this state of their own."""
    return request.c.state == state.value
