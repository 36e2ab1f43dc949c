"""Attributions in the ledger: what was proposed, approved and withdrawn, of people and values known by their tags.

With what is approved stands who had the values by then, by their tags as well.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_connectors.contract import Scope
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger.tables import attribution, attribution_claimant, attribution_value

Pair = tuple[bytes, bytes]
"""The tags of a person's key and of a value."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds of a pair.

    Attributes:
        theirs: The value is that person's.
        claimants: Tags of the keys of everybody who had it when that was approved.
    """

    theirs: bool
    claimants: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Attribution:
    """As the ledger has it. It is in force once it is approved, until it is withdrawn.

    Attributes:
        values: How many values it is about, each of one person.
        theirs: What stands under them alone is this person's; False: it is somebody else's.
    """

    uid: str
    controller: str
    member: str | None
    values: int
    theirs: bool
    reason: str
    asked_by: str
    asked_at: str
    approved_by: str | None
    approved_at: str | None
    withdrawn_by: str | None
    withdrawn_at: str | None

    @property
    def state(self) -> str:
        """awaiting-approval, in-force or withdrawn."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "awaiting-approval" if self.approved_at is None else "in-force"


def insert(  # noqa: PLR0913 - the row's columns
    connection: sa.Connection, scope: Scope, pairs: Iterable[Pair], *, theirs: bool, reason: str, by: str
) -> Attribution:
    """Write one down that waits for approval."""
    uid = f"at_{secrets.token_hex(6)}"
    made: int = connection.execute(
        sa.insert(attribution)
        .values(
            uid=uid,
            controller=scope.controller,
            member=scope.member,
            theirs=theirs,
            reason=reason,
            asked_by=by,
            asked_at=stamp(now()),
        )
        .returning(attribution.c.id)
    ).scalar_one()
    rows = [{"attribution_id": made, "person": person, "value": value} for person, value in sorted(set(pairs))]
    connection.execute(sa.insert(attribution_value), rows)
    return by_uid(connection, uid)


def set_approved(connection: sa.Connection, uid: str, claimants: Iterable[Pair], by: str) -> bool:
    """Put it in force; False: it does not wait for approval any more.

    Args:
        connection: In a transaction.
        uid: Which.
        claimants: Everybody who has a value of it, with the value.
        by: Who approves.
    """
    waits = (attribution.c.uid == uid, attribution.c.approved_at.is_(None), attribution.c.withdrawn_at.is_(None))
    changed = sa.update(attribution).where(*waits).values(approved_by=by, approved_at=stamp(now()))
    made = connection.execute(changed.returning(attribution.c.id)).scalar()
    if made is None:
        return False
    rows = [{"attribution_id": made, "person": person, "value": value} for person, value in sorted(set(claimants))]
    if rows:
        connection.execute(sa.insert(attribution_claimant), rows)
    return True


def set_withdrawn(connection: sa.Connection, uid: str, by: str) -> bool:
    """End it; False: it was withdrawn before."""
    stands = (attribution.c.uid == uid, attribution.c.withdrawn_at.is_(None))
    changed = sa.update(attribution).where(*stands).values(withdrawn_by=by, withdrawn_at=stamp(now()))
    return bool(connection.execute(changed).rowcount)


def listed(connection: sa.Connection) -> list[Attribution]:
    """All of them, the oldest first."""
    number = sa.select(sa.func.count()).where(attribution_value.c.attribution_id == attribution.c.id).scalar_subquery()
    wanted = [attribution.c[one] for one in Attribution.__slots__ if one != "values"]
    query = sa.select(*wanted, number.label("values")).order_by(attribution.c.id)
    return [Attribution(**row) for row in connection.execute(query).mappings()]


def by_uid(connection: sa.Connection, uid: str) -> Attribution:
    """One of them.

    Raises:
        UsageError: There is none such.
    """
    found = next((one for one in listed(connection) if one.uid == uid), None)
    if found is None:
        raise UsageError("There is no such attribution.", remedy="expunge attribute list")
    return found


def pairs_of(connection: sa.Connection, uid: str) -> frozenset[Pair]:
    """What it is about."""
    query = (
        sa.select(attribution_value.c.person, attribution_value.c.value)
        .join(attribution, attribution.c.id == attribution_value.c.attribution_id)
        .where(attribution.c.uid == uid)
    )
    return frozenset((row.person, row.value) for row in connection.execute(query))


def contrary_to(connection: sa.Connection, uid: str) -> list[str]:
    """Those in force, of the same controller's member, of which one and this one cannot both be true."""
    wanted, said = attribution.alias("wanted"), attribution_value.alias("said")
    contradicts = sa.or_(
        sa.and_(said.c.person == attribution_value.c.person, wanted.c.theirs != attribution.c.theirs),
        sa.and_(said.c.person != attribution_value.c.person, wanted.c.theirs, attribution.c.theirs),
    )
    query = (
        sa.select(attribution.c.uid)
        .join(attribution_value, attribution_value.c.attribution_id == attribution.c.id)
        .join(said, said.c.value == attribution_value.c.value)
        .join(wanted, wanted.c.id == said.c.attribution_id)
        .where(
            wanted.c.uid == uid,
            attribution.c.id != wanted.c.id,
            attribution.c.controller == wanted.c.controller,
            attribution.c.member.is_not_distinct_from(wanted.c.member),
            attribution.c.approved_at.is_not(None),
            attribution.c.withdrawn_at.is_(None),
            contradicts,
        )
        .distinct()
        .order_by(attribution.c.uid)
    )
    return list(connection.scalars(query))


def in_force(connection: sa.Connection, scope: Scope) -> Mapping[Pair, Decision]:
    """What holds for a controller's member: whether a value is that person's.

    Those in force agree (`contrary_to`); who had a value of theirs the last one says that was approved.
    """
    approved = (
        attribution.c.controller == scope.controller,
        attribution.c.member.is_not_distinct_from(scope.member),
        attribution.c.approved_at.is_not(None),
        attribution.c.withdrawn_at.is_(None),
    )
    had: dict[tuple[int, bytes], set[bytes]] = {}
    claimants = sa.select(attribution_claimant).join(attribution).where(*approved)
    for row in connection.execute(claimants):
        had.setdefault((row.attribution_id, row.value), set()).add(row.person)
    query = sa.select(attribution_value, attribution.c.theirs).join(attribution).where(*approved)
    return {
        (row.person, row.value): Decision(row.theirs, frozenset(had.get((row.attribution_id, row.value), ())))
        for row in connection.execute(query.order_by(attribution.c.id))
    }
