"""Backup copies in the ledger: which were seen in which storage, when last, and which were seen to be gone (law 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger.tables import backup_copy

# Built once, for a conclusion of one person does it as often as one of thousands.
_KNOWN = sa.select(backup_copy.c.identity, backup_copy.c.store, backup_copy.c.copy_id).where(
    backup_copy.c.identity == sa.bindparam("of_identity"), backup_copy.c.observed_gone_at.is_(None)
)
_SEEN_AGAIN = (
    sa.update(backup_copy)
    .where(
        backup_copy.c.identity == sa.bindparam("of_identity"),
        backup_copy.c.store == sa.bindparam("of_store"),
        backup_copy.c.copy_id == sa.bindparam("of_copy"),
    )
    .values(
        {
            one.name: sa.bindparam(f"new_{one.name}")
            for one in backup_copy.c
            if not one.primary_key and one.name != "first_seen"
        }
    )
)
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
                "ground",
            )
        )
    )
    .where(backup_copy.c.observed_gone_at.is_(None))
    .order_by(backup_copy.c.place, backup_copy.c.copy_id, backup_copy.c.identity, backup_copy.c.store)
)


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
    ground: str

    @property
    def key(self) -> CopyKey:
        """Its key."""
        return CopyKey(self.identity, self.store, self.copy_id)


def known(connection: sa.Connection, identity: str) -> set[CopyKey]:
    """Copies seen earlier in a storage, by what it *is*: a map that points elsewhere makes nothing gone."""
    return set(map(CopyKey._make, connection.execute(_KNOWN, {"of_identity": identity})))


def not_seen_gone(connection: sa.Connection) -> list[SeenCopy]:
    """Every copy that was never seen to be gone, by place."""
    return list(map(SeenCopy._make, connection.execute(_THERE)))


def see_again(connection: sa.Connection, rows: Sequence[tuple[CopyKey, Mapping[str, Any]]]) -> None:
    """Copies (key, columns) that were seen before."""
    if rows:
        connection.execute(
            _SEEN_AGAIN,
            [
                {
                    "of_identity": key.identity,
                    "of_store": key.store,
                    "of_copy": key.copy_id,
                    **{f"new_{name}": value for name, value in values.items()},
                }
                for key, values in rows
            ],
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


def see_gone(connection: sa.Connection, key: CopyKey, at: str) -> None:
    """A copy was looked for, and was not there."""
    connection.execute(
        sa.update(backup_copy)
        .where(
            backup_copy.c.identity == key.identity,
            backup_copy.c.store == key.store,
            backup_copy.c.copy_id == key.copy_id,
        )
        .values(observed_gone_at=at)
    )
