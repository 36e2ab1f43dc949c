"""Backup copies in the ledger: which were seen in which place, when last, and which were seen to be gone (law 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger.tables import backup_copy

# Built once, for a conclusion of one person does it as often as one of thousands.
_KNOWN = sa.select(backup_copy.c.copy_id).where(
    backup_copy.c.place == sa.bindparam("of_place"),
    backup_copy.c.identity == sa.bindparam("of_identity"),
    backup_copy.c.observed_gone_at.is_(None),
)
_SEEN_AGAIN = (
    sa.update(backup_copy)
    .where(backup_copy.c.place == sa.bindparam("of_place"), backup_copy.c.copy_id == sa.bindparam("of_copy"))
    .values(
        {
            one.name: sa.bindparam(f"new_{one.name}")
            for one in backup_copy.c
            if one.name not in {"place", "copy_id", "first_seen"}
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
    .order_by(backup_copy.c.place, backup_copy.c.copy_id)
)


class SeenCopy(NamedTuple):
    """A copy that was seen, and never seen to be gone. `identity`: of the place, in which it was."""

    place: str
    identity: str
    copy_id: str
    store: str
    kind: str
    taken_from: str
    taken_until: str
    last_seen: str
    ground: str


def known(connection: sa.Connection, place: str, identity: str) -> set[str]:
    """Copies (id) seen earlier in a place, by what it *is*: a map that points elsewhere makes nothing gone."""
    return set(connection.scalars(_KNOWN, {"of_place": place, "of_identity": identity}))


def not_seen_gone(connection: sa.Connection) -> list[SeenCopy]:
    """Every copy that was never seen to be gone, by place."""
    return list(map(SeenCopy._make, connection.execute(_THERE)))


def see_again(connection: sa.Connection, place: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Copies (id, columns) that were seen before in this place."""
    if rows:
        connection.execute(
            _SEEN_AGAIN,
            [
                {"of_place": place, "of_copy": copy_id, **{f"new_{name}": value for name, value in values.items()}}
                for copy_id, values in rows
            ],
        )


def insert(connection: sa.Connection, place: str, copy_id: str, first_seen: str, values: Mapping[str, Any]) -> None:
    """A copy that is seen for the first time, or again after it was seen to be gone (a restored bucket)."""
    connection.execute(sa.delete(backup_copy).where(backup_copy.c.place == place, backup_copy.c.copy_id == copy_id))
    connection.execute(sa.insert(backup_copy).values(place=place, copy_id=copy_id, first_seen=first_seen, **values))


def see_gone(connection: sa.Connection, place: str, copy_id: str, at: str) -> None:
    """A copy was looked for, and was not there."""
    connection.execute(
        sa.update(backup_copy)
        .where(backup_copy.c.place == place, backup_copy.c.copy_id == copy_id)
        .values(observed_gone_at=at)
    )
