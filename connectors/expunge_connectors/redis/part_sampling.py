"""Part sampling: sampled members, fields, elements and entries in another than the normalised form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Scope, Severity
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.templates import CONTROLLER, SEGMENT, Template
from expunge_connectors.keyspace.unnormalised_names import (
    Named,
    NormalisationSample,
    Reader,
    has_variants,
    readable,
    reader,
)
from expunge_connectors.redis.client import Command, PipelineClient, Values
from expunge_connectors.redis.key_expressions import value_reader
from expunge_connectors.redis.key_patterns import Pattern
from expunge_connectors.redis.spec import KeySpec, RedisSpec
from expunge_connectors.redis.streams import values_of

_KEYS = 10
_CALLS, _COUNT = 10, 100
_WORDS = {"set": "members", "zset": "members", "hash": "fields", "list": "elements", "stream": "entries"}
_COMMANDS = {"set": "SSCAN", "zset": "ZSCAN", "hash": "HSCAN", "list": "LRANGE", "stream": "XRANGE"}


def key_reader(template: Template) -> Reader:
    """Read names of keys by a template that names an identity; one with wildcards by the rules of `patterns`."""
    if not template.wild:
        return reader(template)
    read = _wild(template)

    def decoded(name: str) -> str | None:
        found = read(name.encode())
        return None if found is None else found.decode("utf-8", "replace")

    return decoded


def _fits(template: Template) -> Callable[[str], bool]:
    if not template.wild:
        return template.could_name
    read = _wild(template)
    return lambda name: read(name.encode()) is not None


def _wild(template: Template) -> Callable[[bytes], bytes | None]:
    """Whatever controller it is: where its member stands is one more segment."""
    text = template.text.replace(f"{{{CONTROLLER}}}", f"{{{SEGMENT}}}")
    return value_reader(Pattern.of(Template.parse(text), Scope("")))


class Parts:
    """Some of the keys whose parts belong to people, and what is in them."""

    def __init__(self, conversation: PipelineClient, data_map: DataMap, spec: RedisSpec, rows: int) -> None:
        """Prepare. Nothing is read.

        Args:
            conversation: With the server.
            data_map: The whole map.
            spec: The store's part of it.
            rows: So many members, fields, elements or entries of a collection at most.
        """
        self._conversation = conversation
        self._rows = rows
        self._specs: Mapping[str, KeySpec] = {
            name: keys
            for name, keys in spec.collections.items()
            if keys.log is None
            and keys.part is not None
            and readable(keys.part)
            and has_variants(data_map, keys.part.namespace)
        }
        self._named = {
            name: Named.of(name, keys, data_map, keys.part, reader(keys.part))
            for name, keys in self._specs.items()
            if keys.part is not None
        }
        self._fits = {name: _fits(keys.templates[0]) for name, keys in self._specs.items()}
        # A key that is always called the same is read wherever the sample is.
        self._keys = {name: Values([] if "{" in keys.key else [keys.key]) for name, keys in self._specs.items()}

    def note(self, name: str) -> None:
        """Keep a key's name if its parts are worth a look."""
        for collection, keys in self._keys.items():
            if len(keys) < _KEYS and name not in keys and self._fits[collection](name):
                keys.append(name)

    def findings(self) -> Iterator[Finding]:
        """Read what was noted, bounded, and say what is spelt otherwise."""
        for collections in self._together():
            what = _WORDS[self._specs[collections[0]].type]
            spellings = NormalisationSample(self._conversation.store, [self._named[name] for name in collections], what)
            try:
                for parts in self._read(collections[0]):
                    spellings.see(parts)
            except TerminalError:
                yield self._unread(collections[0])
            yield from spellings.findings()

    def _together(self) -> list[list[str]]:
        """Collections in the same keys: what one of them names is no other spelling of another one's."""
        groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for name, keys in self._specs.items():
            groups[keys.key, keys.type, next(iter(keys.entry or {}), "")].append(name)
        return list(groups.values())

    def _read(self, collection: str) -> Iterator[Values]:
        spec, left = self._specs[collection], self._rows
        for key in self._keys[collection]:
            cursor, calls = 0, 0
            while left > 0 and calls < _CALLS:
                onward, parts = self._piece(collection, spec, key, cursor, min(left, _COUNT))
                left, calls = left - len(parts), calls + 1
                yield parts
                if not onward:
                    break
                cursor = onward

    def _piece(self, collection: str, spec: KeySpec, key: str, cursor: int, count: int) -> tuple[int, Values]:
        """(where to go on, 0 at the end or where one piece has to do; at most so many parts)."""
        command = _COMMANDS[spec.type]
        if spec.type in {"set", "zset", "hash"}:
            answer = self._ask(collection, command, key, cursor, "COUNT", count)
            onward, page = int(answer[0]), list(answer[1])
            raw = [one[0] for one in page] if spec.type == "zset" else page
        elif spec.type == "list":
            raw = list(self._ask(collection, command, key, cursor, cursor + count - 1))
            onward = cursor + count if len(raw) == count else 0
        else:
            field = next(iter(spec.entry or {}), "").encode()
            entries = self._ask(collection, command, key, "-", "+", "COUNT", count)
            onward, raw = 0, [value for _, pairs in entries for value in values_of(pairs, field)]
        return onward, Values(bytes(one).decode("utf-8", "replace") for one in raw[:count])

    def _ask(self, collection: str, *words: str | int) -> Values:
        return Values(self._conversation.ask([Command(collection, words)])[0])

    def _unread(self, collection: str) -> Finding:
        spec = self._specs[collection]
        command = _COMMANDS[spec.type]
        return Finding(
            Severity.INFO,
            "sweep-unread",
            self._conversation.store,
            collection,
            f"The user may not run {command}, or a key is of another type than the map says: how the"
            f" {_WORDS[spec.type]} are spelt is unknown, not fine.",
            f"Allow {command} (read-only), correct `type`, or look at the server yourself.",
        )
