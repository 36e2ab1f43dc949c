"""Redis entries of the example: sessions, caches, presence, and each client's latest callers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from expunge_demo.calltrack.account_holders import Holder
from expunge_demo.calltrack.callers import Caller

Kind = Literal["string", "hash", "set", "zset"]
SESSION_TTL = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One key, or one member of a key that many people share.

    Attributes:
        fields: For a hash field -> value, for a zset member -> score, for a set member -> "", for a string {"": value}.
        ttl: Seconds to live; None for ever.
    """

    key: str
    kind: Kind
    fields: Mapping[str, str]
    ttl: int | None = None


def of_holder(holder: Holder) -> Iterator[Entry]:
    """An account holder's keys and memberships."""
    user = holder.user
    for session in holder.sessions:
        yield Entry(
            f"session:{session.token}",
            "hash",
            {
                "user_id": str(user.id),
                "email": user.email,
                "ip": session.ip,
                "browser": session.browser,
                "started_at": session.started_at.isoformat(),
            },
            SESSION_TTL,
        )
    yield Entry(f"user:{user.id}:sessions", "set", dict.fromkeys((session.token for session in holder.sessions), ""))
    cached = {"id": user.id, "name": user.full_name, "email": user.email, "phone": user.phone}
    yield Entry(f"cache:user:{user.id}", "string", {"": json.dumps(cached, ensure_ascii=False)}, SESSION_TTL)
    if user.id % 4 == 1:
        yield Entry("online", "zset", {str(user.id): str(int(holder.sessions[0].started_at.timestamp()))})


def of_caller(caller: Caller) -> Iterator[Entry]:
    """A caller's keys and memberships."""
    row = caller.row
    last = max(call.started_at for call in caller.calls)
    yield Entry(
        f"cache:caller:{row.id}",
        "hash",
        {"phone": row.phone, "name": row.name or "", "calls": str(len(caller.calls)), "last": last.isoformat()},
    )
    if row.id % 3 == 1:
        yield Entry(f"client:{row.client_id}:recent", "set", {str(row.id): ""})
