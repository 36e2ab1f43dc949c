"""`search_blind`: one connection for SCAN, and what the keys are in the data map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from expunge_config.datamap import DataMap
from expunge_connectors.blind_search import redis_keys
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Place, StoreReport
from expunge_connectors.contract import Heartbeat
from expunge_connectors.keyspace.identifier_patterns import words_of
from expunge_connectors.redis.client import Command, PinnedClient, PipelineClient
from expunge_connectors.redis.spec import RedisSpec
from expunge_connectors.retry import with_retries
from expunge_connectors.searched_places import masked, namer, standing_of


def search(  # noqa: PLR0913 - the parts of the connector
    conversation: PipelineClient,
    pin: Callable[[], AbstractContextManager[PinnedClient]],
    at: datetime,
    spec: RedisSpec,
    data_map: DataMap,
    *,
    matcher: Matcher,
    effort: Effort,
    beat: Heartbeat,
) -> StoreReport:
    """Search the database; begun anew when the connection of the pass breaks.

    Raises:
        TransientError: The server does not answer.
        TerminalError: The user may not run SCAN.
    """
    describe = _places(conversation.store, spec, data_map, matcher)

    def ask(commands: Sequence[redis_keys.Words]) -> Sequence[Any]:
        return conversation.ask(Command(None, words) for words in commands)

    def once() -> StoreReport:
        with pin() as pinned:

            def scan(cursor: int) -> tuple[int, Sequence[bytes]]:
                onward, names = pinned.one("SCAN", cursor, "COUNT", redis_keys.COUNT)
                return int(onward), names

            return redis_keys.search(
                conversation.store, at, scan, ask, matcher=matcher, describe=describe, effort=effort, beat=beat
            )

    return with_retries(conversation.wait)(once)


def _places(store: str, spec: RedisSpec, data_map: DataMap, matcher: Matcher) -> Callable[[bytes], Place]:
    words = words_of(keys.key for keys in spec.collections.values())
    named = {one: namer(keys.templates[0], data_map, ":") for one, keys in spec.collections.items()}

    def describe(key: bytes) -> Place:
        name = key.decode(errors="replace")
        covering = {one: keys for one, keys in spec.collections.items() if named[one].fullmatch(name)}
        return Place(store, masked(name, matcher, words), *standing_of(covering, data_map))

    return describe
