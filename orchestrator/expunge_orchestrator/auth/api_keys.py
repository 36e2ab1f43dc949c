"""API keys: issued once, stored as a hash, confirmed by a second person, listed, revoked, authenticated.

How a presented key is read, hashed and compared stands in `bearer_secrets`.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from expunge_config.datamap import DataMap
from expunge_config.errors import InputError, UsageError
from expunge_config.unsafe_characters import UNSAFE
from expunge_connectors.contract import Scope
from expunge_orchestrator.auth import bearer_secrets
from expunge_orchestrator.auth.errors import not_accepted
from expunge_orchestrator.auth.local_actor import LONGEST_NAME
from expunge_orchestrator.auth.persons import share_a_person
from expunge_orchestrator.auth.principals import Principal, Role
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.errors import NotConfirmedError
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.request_tables import api_key
from expunge_orchestrator.rules.scope import parse_scope

PREFIX = "xk"

MOST_OF_A_CONTROLLER = 500
"""Keys of one controller that are in force or were issued within a day: who is behind an actor is asked of all keys."""

_DAY = timedelta(days=1)
_BY_UID = sa.select(api_key).where(api_key.c.uid == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the ledger knows it. `controllers`: None speaks for all."""

    uid: str
    actor: str
    roles: tuple[Role, ...]
    controllers: tuple[str, ...] | None
    created_at: str
    created_by: str
    expires_at: str | None
    subject: str | None = None
    confirmed_by: str | None = None
    confirmed_at: str | None = None
    revoked_at: str | None = None


def issue(  # noqa: PLR0913 - what a key says
    connection: sa.Connection,
    *,
    roles: Collection[Role],
    controllers: Collection[Scope] | None,
    holder: str | None,
    expires_at: datetime | None,
    by: str,
    at: datetime,
    subject: str | None = None,
) -> tuple[str, ApiKey]:
    """Make a key; returns the secret, which is nowhere else, and what is kept.

    Args:
        connection: In a transaction.
        roles: At least one.
        controllers: Those it may speak for; None: all.
        holder: The actor of whom it is issued to (`ak_…`, from an earlier key); None: somebody new.
        expires_at: When it ends; None: when it is revoked.
        by: Who issues it.
        at: Now.
        subject: Whose it is: a login name, or the actor of a token (`us_…`).

    Raises:
        UsageError: There is no such holder, a role cannot be given, the subject is itself the holder of a key, or no
            name that the ledger keeps; or a controller has as many keys as it may have.
    """
    if not roles or not {Role.REQUESTER, Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN}.issuperset(roles):
        raise UsageError(
            "A key needs roles: requester, operator, approver, auditor, admin.", remedy="Give --role, once or more."
        )
    if subject is not None and not _names_a_person(subject):
        raise UsageError(
            f"A key is for a person: a login name (at most {LONGEST_NAME} characters), or the actor of a token.",
            remedy="The audit log names who has called: GET /v1/audit_log",
        )
    known = sa.select(api_key.c.id).where(api_key.c.actor == holder)
    if holder is not None and connection.execute(known).first() is None:
        raise no_such_holder()
    _refuse_too_many(connection, frozenset() if controllers is None else frozenset(map(str, controllers)), at)
    uid = secrets.token_hex(8)
    secret, digest = bearer_secrets.generate(PREFIX, uid)
    kept = ApiKey(
        uid,
        holder or f"ak_{secrets.token_hex(6)}",
        tuple(sorted(roles)),
        None if controllers is None else tuple(sorted(map(str, controllers))),
        stamp(at),
        by,
        None if expires_at is None else stamp(expires_at),
        subject,
    )
    connection.execute(
        sa.insert(api_key).values(
            uid=uid,
            secret_hash=digest,
            actor=kept.actor,
            roles=[role.value for role in kept.roles],
            controllers=None if kept.controllers is None else list(kept.controllers),
            created_at=kept.created_at,
            created_by=by,
            subject=subject,
            expires_at=kept.expires_at,
        )
    )
    return secret, kept


def _refuse_too_many(connection: sa.Connection, controllers: frozenset[str], at: datetime) -> None:
    """Bound the keys of each controller. What a client's administrators issue takes no other client's places.

    A key that ended within a day of being issued counts for that day: else one who issues and revokes makes keys
    without end. Those that speak for all controllers are issued by who does, and are not counted.

    Raises:
        UsageError: One of these controllers has as many as it may have.
    """
    key = api_key.c
    in_force = sa.and_(key.revoked_at.is_(None), sa.or_(key.expires_at.is_(None), key.expires_at > stamp(at)))
    recent = key.created_at > stamp(at - _DAY)
    known = connection.scalars(sa.select(key.controllers).where(sa.or_(in_force, recent), key.controllers.is_not(None)))
    number = Counter(one for named in known for one in set(named) & controllers)
    for controller in sorted(controllers):
        if number[controller] >= MOST_OF_A_CONTROLLER:
            raise UsageError(
                f"Nothing was issued: {controller} has {MOST_OF_A_CONTROLLER} keys that are in force or were issued"
                " within a day.",
                remedy="Revoke keys that nobody uses; one that was issued today gives its place back tomorrow.",
            )


def _names_a_person(subject: str) -> bool:
    good = subject.strip() and len(subject) <= LONGEST_NAME and not UNSAFE.search(subject)
    return bool(good) and not subject.startswith("ak_")


def no_such_holder() -> UsageError:
    """No key was ever issued to them; or none that whoever asks may know of: the same answer."""
    return UsageError("No key was ever issued to that holder.", remedy="`expunge api-keys list` names the holders.")


def list_page(
    connection: sa.Connection, after: int | None, limit: int, reached: Callable[[ApiKey], bool] | None = None
) -> list[tuple[int, ApiKey]]:
    """Keys, ended ones too, with their place in the list; the newest first.

    Args:
        connection: Reads.
        after: Only those older than this place; None: from the newest on.
        limit: How many at the most.
        reached: Which of them, as the map says; None: all.
    """
    query = sa.select(api_key).order_by(api_key.c.id.desc())
    if after is not None:
        query = query.where(api_key.c.id < after)
    if reached is None:
        query = query.limit(limit)
    keys = ((row.id, _key(row)) for row in connection.execute(query))
    return list(islice(((place, one) for place, one in keys if reached is None or reached(one)), limit))


def find(connection: sa.Connection, uid: str) -> ApiKey | None:
    """The key of that id, in force or not."""
    row = connection.execute(_BY_UID, {"key": uid}).first()
    return None if row is None else _key(row)


def keys_of(connection: sa.Connection, holder: str) -> list[ApiKey]:
    """Every key there ever was of that holder."""
    return [_key(row) for row in connection.execute(sa.select(api_key).where(api_key.c.actor == holder))]


def revoke(connection: sa.Connection, uid: str, at: datetime) -> ApiKey:
    """End a key. Revoked once more, it stays as it is.

    Raises:
        UsageError: There is none of that id.
    """
    connection.execute(
        sa.update(api_key).where(api_key.c.uid == uid, api_key.c.revoked_at.is_(None)).values(revoked_at=stamp(at))
    )
    row = connection.execute(sa.select(api_key).where(api_key.c.uid == uid)).first()
    if row is None:
        raise UsageError("There is no key of that id.", remedy="`expunge api-keys list` lists them.")
    return _key(row)


def stands(connection: sa.Connection, uid: str) -> bool:
    """Whether a key was not revoked; whoever would revoke it waits for this transaction."""
    known = sa.select(api_key.c.revoked_at).where(api_key.c.uid == uid).with_for_update(read=True)
    row = connection.execute(known).first()
    return row is not None and row.revoked_at is None


def confirm(connection: sa.Connection, uid: str, by: str, at: datetime) -> ApiKey:
    """Say, as somebody else than its issuer, that a key is in the hands of whom it is for. Confirmed, it stays so.

    Raises:
        UsageError: There is none of that id, or it is revoked or has expired.
        NotConfirmedError: By one of the persons behind whoever issued it, or by whom it is for.
    """
    row = connection.execute(sa.select(api_key).where(api_key.c.uid == uid)).first()
    if row is None or _ended(row, at):
        raise UsageError("There is no key of that id in force.", remedy="`expunge api-keys list` lists them.")
    keys = issued_keys(connection)
    if share_a_person(by, row.created_by, keys) or share_a_person(by, row.subject, keys):
        raise NotConfirmedError(
            "Nothing was confirmed: whoever issued a key, or has it, cannot confirm it.",
            remedy="Somebody else looks at whom it is for and confirms it, under a login or token of their own.",
        )
    connection.execute(
        sa.update(api_key)
        .where(api_key.c.uid == uid, api_key.c.confirmed_by.is_(None))
        .values(confirmed_by=by, confirmed_at=stamp(at))
    )
    return _key(connection.execute(sa.select(api_key).where(api_key.c.uid == uid)).one())


def principal_of(
    connection: sa.Connection, given: bearer_secrets.PresentedSecret, data_map: DataMap, at: datetime
) -> Principal:
    """Who brings this key.

    Raises:
        NotAuthenticatedError: Nobody, or nobody any more.
    """
    row = connection.execute(_BY_UID, {"key": given.id}).first()
    good = bearer_secrets.matches(given, None if row is None else row.secret_hash)
    if row is None or not good or _ended(row, at):
        raise not_accepted()
    roles = frozenset(map(Role, row.roles))
    if row.confirmed_by is None:
        roles -= {Role.APPROVER}
    return Principal(row.actor, roles, scopes_of(_key(row), data_map), key=row.uid)


def _ended(row: sa.Row[Any], at: datetime) -> bool:
    """Whether a key is good for nothing any more."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= stamp(at))


def scopes_of(key: ApiKey, data_map: DataMap) -> frozenset[Scope] | None:
    """The controllers that a key speaks for, as far as the map still knows them; None: all."""
    if key.controllers is None:
        return None
    found = set()
    for one in key.controllers:
        try:
            found.add(controller_scope(one, data_map))
        except InputError:
            continue  # the map has lost a controller since: the key is good for the others
    return frozenset(found)


def controller_scope(text: str, data_map: DataMap) -> Scope:
    """Read `calltrack`, `client:42`, or `client`: every member of that kind.

    Raises:
        InputError: The map knows no such controller.
    """
    if text in data_map.controllers:
        return Scope(text)
    return parse_scope(text, data_map)


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row's columns
    return ApiKey(
        values["uid"],
        values["actor"],
        tuple(map(Role, values["roles"])),
        None if values["controllers"] is None else tuple(values["controllers"]),
        values["created_at"],
        values["created_by"],
        values["expires_at"],
        values["subject"],
        values["confirmed_by"],
        values["confirmed_at"],
        values["revoked_at"],
    )
