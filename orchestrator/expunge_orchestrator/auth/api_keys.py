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
from expunge_orchestrator.ledger import Transaction, key_rows
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.key_rows import KeyRow
from expunge_orchestrator.rules.scope import parse_scope

PREFIX = "xk"

MOST_OF_A_CONTROLLER = 500
"""Keys of one controller that are in force or were issued within a day: who is behind an actor is asked of all keys."""

_DAY = timedelta(days=1)


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
    connection: Transaction,
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
    if holder is not None and not key_rows.of_holder(connection, holder):
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
    key_rows.insert(
        connection,
        {
            "uid": uid,
            "secret_hash": digest,
            "actor": kept.actor,
            "roles": [role.value for role in kept.roles],
            "controllers": None if kept.controllers is None else list(kept.controllers),
            "created_at": kept.created_at,
            "created_by": by,
            "subject": subject,
            "expires_at": kept.expires_at,
        },
    )
    return secret, kept


def _refuse_too_many(connection: Transaction, controllers: frozenset[str], at: datetime) -> None:
    """Bound the keys of each controller. What a client's administrators issue takes no other client's places.

    A key that ended within a day of being issued counts for that day: else one who issues and revokes makes keys
    without end. Those that speak for all controllers are issued by who does, and are not counted.

    Raises:
        UsageError: One of these controllers has as many as it may have.
    """
    known = key_rows.controllers_of_recent(connection, at, at - _DAY)
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
    connection: Transaction, after: int | None, limit: int, reached: Callable[[ApiKey], bool] | None = None
) -> list[tuple[int, ApiKey]]:
    """Keys, ended ones too, with their place in the list; the newest first.

    Args:
        connection: Reads.
        after: Only those older than this place; None: from the newest on.
        limit: How many at the most.
        reached: Which of them, as the map says; None: all.
    """
    rows = key_rows.newest_first(connection, after, limit if reached is None else None)
    keys = ((row.id, _key(row)) for row in rows)
    return list(islice(((place, one) for place, one in keys if reached is None or reached(one)), limit))


def find(connection: Transaction, uid: str) -> ApiKey | None:
    """The key of that id, in force or not."""
    row = key_rows.find(connection, uid)
    return None if row is None else _key(row)


def keys_of(connection: Transaction, holder: str) -> list[ApiKey]:
    """Every key there ever was of that holder."""
    return [_key(row) for row in key_rows.of_holder(connection, holder)]


def revoke(connection: Transaction, uid: str, at: datetime) -> ApiKey:
    """End a key. Revoked once more, it stays as it is.

    Raises:
        UsageError: There is none of that id.
    """
    key_rows.revoke(connection, uid, at)
    ended = find(connection, uid)
    if ended is None:
        raise UsageError("There is no key of that id.", remedy="`expunge api-keys list` lists them.")
    return ended


def confirm(connection: Transaction, uid: str, by: str, at: datetime) -> ApiKey:
    """Say, as somebody else than its issuer, that a key is in the hands of whom it is for. Confirmed, it stays so.

    Raises:
        UsageError: There is none of that id, or it is revoked or has expired.
        NotConfirmedError: By one of the persons behind whoever issued it, or by whom it is for.
    """
    row = key_rows.find(connection, uid)
    if row is None or row.ended(at):
        raise UsageError("There is no key of that id in force.", remedy="`expunge api-keys list` lists them.")
    keys = issued_keys(connection)
    if share_a_person(by, row.created_by, keys) or share_a_person(by, row.subject, keys):
        raise NotConfirmedError(
            "Nothing was confirmed: whoever issued a key, or has it, cannot confirm it.",
            remedy="Somebody else looks at whom it is for and confirms it, under a login or token of their own.",
        )
    key_rows.confirm(connection, uid, by, at)
    confirmed = find(connection, uid)
    assert confirmed is not None
    return confirmed


def principal_of(
    connection: Transaction, given: bearer_secrets.PresentedSecret, data_map: DataMap, at: datetime
) -> Principal:
    """Who brings this key.

    Raises:
        NotAuthenticatedError: Nobody, or nobody any more.
    """
    row = key_rows.find(connection, given.id)
    good = bearer_secrets.matches(given, None if row is None else row.secret_hash)
    if row is None or not good or row.ended(at):
        raise not_accepted()
    roles = frozenset(map(Role, row.roles))
    if row.confirmed_by is None:
        roles -= {Role.APPROVER}
    return Principal(row.actor, roles, scopes_of(_key(row), data_map), key=row.uid)


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


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        row.uid,
        row.actor,
        tuple(map(Role, row.roles)),
        None if row.controllers is None else tuple(row.controllers),
        row.created_at,
        row.created_by,
        row.expires_at,
        row.subject,
        row.confirmed_by,
        row.confirmed_at,
        row.revoked_at,
    )
