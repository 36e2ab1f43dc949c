"""A sample of the keyspace: names of keys that no template of the map names. SCAN only, values are not read."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import TerminalError
from expunge_connectors.keynames import KeyNames
from expunge_connectors.redis.conversation import Conversation
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import RedisSpec
from expunge_connectors.shapes import names_pattern

_COUNT = 1000


def findings(conversation: Conversation, spec: RedisSpec, names: int) -> Iterator[Finding]:
    """What a sample of the names says.

    Raises:
        TransientError: The server does not answer.
    """
    templates = tuple(keys.key for keys in spec.collections.values())
    patterns = [names_pattern(template, ":") for template in templates]
    known = KeyNames(
        conversation.store,
        spec,
        "",
        templates,
        lambda name: name == SENTINEL or any(pattern.fullmatch(name) for pattern in patterns),
    )
    try:
        yield from known.findings(sample(conversation, names))
    except TerminalError:
        yield Finding(
            Severity.INFO,
            "sweep-unread",
            conversation.store,
            None,
            "The user may not run SCAN: what other keys there are is unknown, not fine.",
            "Allow SCAN (read-only), or look at the server yourself.",
        )


def sample(conversation: Conversation, names: int) -> Iterator[str]:
    """At most so many names, in the order of the server's hash table; what is no UTF-8 has replacement characters.

    Bounded also where a keyspace is large and nearly empty.
    """
    cursor, calls = 0, 0
    while True:
        answer = conversation.one("SCAN", cursor, "COUNT", min(_COUNT, names))
        cursor, calls = int(answer[0]), calls + 1
        for name in answer[1]:
            if names == 0:
                return
            names -= 1
            yield bytes(name).decode("utf-8", "replace")
        if cursor == 0 or names == 0 or calls > _COUNT:
            return
