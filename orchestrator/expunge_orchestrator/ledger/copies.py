"""Backup copies in the ledger: which were seen in which storage, when last, and which were seen to be gone (law 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger.tables import backup_copy
from expunge_orchestrator.rules.gone_copies import GoneCopy

# Built once, for a conclusion of one person does it as often as one of thousands.
_KNOWN = sa.select(backup_copy.c.identity, backup_copy.c.store, backup_copy.c.copy_id, backup_copy.c.missed_at).where(
    backup_copy.c.identity == sa.bindparam("of_identity"), backup_copy.c.observed_gone_at.is_(None)
)
_ONE = sa.update(backup_copy).where(
    backup_copy.c.identity == sa.bindparam("of_identity"),
    backup_copy.c.store == sa.bindparam("of_store"),
    backup_copy.c.copy_id == sa.bindparam("of_copy"),
)
_BEGUN = sa.bindparam("new_taken_from", type_=sa.String)
_SEEN_AGAIN = _ONE.values(
    {
        one.name: sa.bindparam(f"new_{one.name}")
        for one in backup_copy.c
        if not one.primary_key and one.name not in {"first_seen", "taken_from"}
    }
    # Never later: an object that is copied onto itself is dated anew, and holds what it held.
    | {"taken_from": sa.case((backup_copy.c.taken_from < _BEGUN, backup_copy.c.taken_from), else_=_BEGUN)}
)
_MISSED = _ONE.where(backup_copy.c.missed_at.is_(None)).values(missed_at=sa.bindparam("at"))
_GONE = _ONE.values(observed_gone_at=sa.bindparam("at"))
_THERE = (
    sa.select(
        *(
            backup_copy.c[name]
            for name in (
                "place",
                "identity",
                "copy_id",
                "store",
                "kind",
                "taken_from",
                "taken_until",
                "last_seen",
                "missed_at",
                "ground",
            )
        )
    )
    .where(backup_copy.c.observed_gone_at.is_(None))
    .order_by(backup_copy.c.place, backup_copy.c.copy_id, backup_copy.c.identity, backup_copy.c.store)
)


_NEVER = datetime.max.replace(tzinfo=UTC)


class CopyKey(NamedTuple):
    """What makes a copy the one it is: its storage, the store that it is a copy of, and its id in that storage.

    The name of its place is none of these: the data map may give it another one.
    """

    identity: str
    store: str
    copy_id: str


class SeenCopy(NamedTuple):
    """A copy that was seen, and never seen to be gone. `place`: the name of its place when it was seen last."""

    place: str
    identity: str
    copy_id: str
    store: str
    kind: str
    taken_from: str
    taken_until: str
    last_seen: str
    missed_at: str | None
    ground: str

    @property
    def key(self) -> CopyKey:
        """Its key."""
        return CopyKey(self.identity, self.store, self.copy_id)


def known(connection: sa.Connection, identity: str) -> dict[CopyKey, datetime | None]:
    """Copies seen earlier in a storage, by what it *is*: a map that points elsewhere makes nothing gone.

    Each with when a look missed it first, since it was seen last; None: none did.
    """
    rows = connection.execute(_KNOWN, {"of_identity": identity})
    return {CopyKey(*key): missed_at and parse(missed_at) for *key, missed_at in rows}


def not_seen_gone(connection: sa.Connection) -> list[SeenCopy]:
    """Every copy that was never seen to be gone, by place."""
    return list(map(SeenCopy._make, connection.execute(_THERE)))


def earliest_not_gone(connection: sa.Connection) -> dict[str, datetime]:
    """Store -> when the reading began of its earliest copy that was never seen to be gone; no store without one."""
    rows = connection.execute(
        sa.select(backup_copy.c.store, sa.func.min(backup_copy.c.taken_from).label("earliest"))
        .where(backup_copy.c.observed_gone_at.is_(None))
        .group_by(backup_copy.c.store)
    )
    return {row.store: parse(row.earliest) for row in rows}


def seen_gone(connection: sa.Connection, stores: Collection[str], since: str) -> list[GoneCopy]:
    """The copies of these stores that were seen to be gone since then."""
    columns = [column for column in backup_copy.c if column.name in GoneCopy._fields]
    query = sa.select(*columns).where(backup_copy.c.store.in_(stores), backup_copy.c.observed_gone_at >= since)
    return [
        GoneCopy(
            row.place,
            row.store,
            row.kind,
            row.copy_id,
            parse(row.taken_from),
            parse(row.taken_until),
            parse(row.observed_gone_at),
        )
        for row in connection.execute(query)
    ]


class RemainingCopy(NamedTuple):
    """A copy that was never seen to be gone, as it was listed last. Days are None where nothing ends it."""

    place: str
    store: str
    kind: str
    copy_id: str
    taken_from: datetime
    status: str
    due: datetime | None
    expected_by: datetime | None
    ground: str
    blocker: str | None
    last_seen: datetime
    missed_at: datetime | None


def remaining(connection: sa.Connection, stores: Collection[str], begun_by: str) -> list[RemainingCopy]:
    """The copies of these stores that were never seen to be gone, and whose reading began by then.

    Those that nothing ends come first, then the one that stays longest.
    """
    columns = [backup_copy.c[name] for name in RemainingCopy._fields]
    query = sa.select(*columns).where(
        backup_copy.c.store.in_(stores),
        backup_copy.c.observed_gone_at.is_(None),
        backup_copy.c.taken_from <= begun_by,
    )
    found = [
        RemainingCopy(
            row.place,
            row.store,
            row.kind,
            row.copy_id,
            parse(row.taken_from),
            row.status,
            row.due and parse(row.due),
            row.expected_by and parse(row.expected_by),
            row.ground,
            row.blocker,
            parse(row.last_seen),
            row.missed_at and parse(row.missed_at),
        )
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda one: (-(one.expected_by or _NEVER).timestamp(), one.place, one.copy_id))


def see_again(connection: sa.Connection, rows: Sequence[tuple[CopyKey, Mapping[str, Any]]]) -> None:
    """Copies (key, columns) that were seen before."""
    if rows:
        connection.execute(
            _SEEN_AGAIN,
            [_of(key) | {f"new_{name}": value for name, value in values.items()} for key, values in rows],
        )


def insert(connection: sa.Connection, key: CopyKey, first_seen: str, values: Mapping[str, Any]) -> None:
    """A copy that is seen for the first time, or again after it was seen to be gone (a restored bucket)."""
    connection.execute(
        sa.delete(backup_copy).where(
            backup_copy.c.identity == key.identity,
            backup_copy.c.store == key.store,
            backup_copy.c.copy_id == key.copy_id,
        )
    )
    connection.execute(sa.insert(backup_copy).values(**key._asdict(), first_seen=first_seen, **values))


def miss(connection: sa.Connection, keys: Sequence[CopyKey], at: str) -> None:
    """Copies that were looked for, and were not there, for the first time since they were seen."""
    if keys:
        connection.execute(_MISSED, [{**_of(key), "at": at} for key in keys])


def see_gone(connection: sa.Connection, keys: Sequence[CopyKey], at: str) -> None:
    """Copies that were looked for, and were not there, twice."""
    if keys:
        connection.execute(_GONE, [{**_of(key), "at": at} for key in keys])


def _of(key: CopyKey) -> dict[str, str]:
    return {"of_identity": key.identity, "of_store": key.store, "of_copy": key.copy_id}
