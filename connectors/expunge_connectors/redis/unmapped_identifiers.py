"""Sample findings (`check --sample`): key names that no template explains, names and parts not normalised.

SCAN, and of some keys the parts that belong to a person. Other values are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.identifier_patterns import names_pattern
from expunge_connectors.keyspace.name_samples import KeyNames
from expunge_connectors.keyspace.unnormalised_names import Named, NormalisationSample, readable
from expunge_connectors.redis.client import PipelineClient
from expunge_connectors.redis.part_sampling import Parts, key_reader
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import RedisSpec

_COUNT = 1000


def findings(conversation: PipelineClient, data_map: DataMap, spec: RedisSpec, names: int) -> Iterator[Finding]:
    """What a sample of the names says.

    Raises:
        TransientError: The server does not answer.
    """
    spelt = _spelt(data_map, spec)
    spellings = NormalisationSample(conversation.store, list(spelt.values()))
    parts = Parts(conversation, data_map, spec, names)
    logs = [names_pattern(keys.key, ":") for keys in spec.collections.values() if keys.log is not None]

    def looked_at() -> Iterator[str]:
        for name in sample(conversation, names):
            if not any(log.fullmatch(name) for log in logs):
                spellings.see([name])
                parts.note(name)
            yield name

    try:
        yield from _known(conversation.store, spec, spelt).findings(looked_at())
    except TerminalError:
        yield Finding(
            Severity.INFO,
            "sweep-unread",
            conversation.store,
            None,
            "The user may not run SCAN: what other keys there are is unknown, not fine.",
            "Allow SCAN (read-only), or look at the server yourself.",
        )
    yield from spellings.findings()
    yield from parts.findings()


def _spelt(data_map: DataMap, spec: RedisSpec) -> dict[str, Named]:
    """The collections whose keys are named by an identifier."""
    return {
        name: Named.of(name, keys, data_map, keys.templates[0], key_reader(keys.templates[0]))
        for name, keys in spec.collections.items()
        if keys.log is None and readable(keys.templates[0])
    }


def _known(store: str, spec: RedisSpec, spelt: dict[str, Named]) -> KeyNames:
    """What the map names: a key that fits a template, and holds an identifier where it is to hold one."""
    patterns = [(names_pattern(keys.key, ":"), spelt.get(name)) for name, keys in spec.collections.items()]

    def named(name: str) -> bool:
        return name == SENTINEL or any(
            pattern.fullmatch(name) and (one is None or one.normalised(name) is not None) for pattern, one in patterns
        )

    return KeyNames(store, spec, "", tuple(keys.key for keys in spec.collections.values()), named)


def sample(conversation: PipelineClient, names: int) -> Iterator[str]:
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
