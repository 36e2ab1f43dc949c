"""Store identity: the sentinel by which a database is known again, and the server's clock (ADR 4).

Redis has nothing of its own that would do: `run_id` changes with every start, `master_replid` with every failover.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from expunge_connectors.contract import StoreIdentity
from expunge_connectors.errors import TerminalError
from expunge_connectors.redis.client import Command, PipelineClient
from expunge_connectors.redis.records import SENTINEL


def identity(client: PipelineClient) -> StoreIdentity:
    """The sentinel and the number of the database.

    Raises:
        TerminalError: There is no sentinel yet.
    """
    return _identity(client, client.one("GET", SENTINEL))


def identity_at(client: PipelineClient) -> tuple[StoreIdentity, datetime]:
    """The same with the server's clock, by one request."""
    raw, time = client.ask([Command(None, ("GET", SENTINEL)), Command(None, ("TIME",))])
    return _identity(client, raw), _clock(time)


def plant(client: PipelineClient) -> None:
    """Write a sentinel; never over another one."""
    client.one("SET", SENTINEL, str(uuid.uuid4()), "NX")


def now(client: PipelineClient) -> datetime:
    """The server's clock (TIME), in microseconds."""
    return _clock(client.one("TIME"))


def _identity(client: PipelineClient, raw: bytes | None) -> StoreIdentity:
    try:
        sentinel = str(uuid.UUID(raw.decode())) if raw is not None else None
    except ValueError:
        raise TerminalError(f"Store {client.store}: the sentinel key holds something else.") from None
    if sentinel is None:
        raise TerminalError(
            f"Store {client.store}: the server carries no sentinel, so it cannot be told from another one.",
            remedy=f"Make sure that this is the right server, then run `expunge adopt {client.store}`.",
        )
    database = str(client.client.get_connection_kwargs().get("db", 0))
    return StoreIdentity(client.store, "redis", {"sentinel": sentinel, "database": database})


def _clock(answer: tuple[int, int]) -> datetime:
    seconds, microseconds = answer
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(microseconds))
