"""Reads Calltrack's Redis by SCAN over all keys; asks for no key by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import redis

from expunge_demo.ground_truth.models import JudgeError, Key, Record, image
from expunge_demo.ground_truth.ownership import OTHER_KEYS

_PIPELINE = 1_000
# Expunge's own keys; Calltrack has none that begin so.
_NOT_CALLTRACK = "expunge:"


def walk(url: str) -> Iterator[tuple[str, Key, Record, str]]:
    """Yield every key, or member where one key holds many people: place, key, record, and its text."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        keys: Iterator[str] = iter(sorted(set(client.scan_iter(count=_PIPELINE))))
        while chunk := [key for key in islice(keys, _PIPELINE) if not key.startswith(_NOT_CALLTRACK)]:
            kinds = _pipelined(client, [("TYPE", key) for key in chunk])
            lifetimes = _pipelined(client, [("PTTL", key) for key in chunk])
            contents = _pipelined(client, [_reading(kind, key) for kind, key in zip(kinds, chunk, strict=True)])
            for key, kind, lifetime, content in zip(chunk, kinds, lifetimes, contents, strict=True):
                yield from _records(key, f"{kind} {'expires' if lifetime >= 0 else 'stays'}", content)


def _pipelined(client: redis.Redis, commands: list[tuple[str, ...]]) -> list[Any]:
    with client.pipeline(transaction=False) as pipeline:
        queue: Any = pipeline.execute_command  # untyped in redis-py
        for command in commands:
            queue(*command)
        return pipeline.execute()


def _reading(kind: str, key: str) -> tuple[str, ...]:
    match kind:
        case "string":
            return ("GET", key)
        case "hash":
            return ("HGETALL", key)
        case "set":
            return ("SMEMBERS", key)
        case "zset":
            return ("ZRANGE", key, "0", "-1", "WITHSCORES")
        case _:
            raise JudgeError(f"Redis holds a key of type {kind}; Calltrack has none.")


def _records(key: str, kind: str, content: Any) -> Iterator[tuple[str, Key, Record, str]]:  # noqa: ANN401 - any reply
    if key == "online":
        for member, score in _pairs(content):
            yield "redis:online", member, Record(int(member), image(f"{kind} {score}")), ""
        return
    if key.startswith("client:"):
        for member in content:
            yield "redis:client:", f"{key} {member}", Record(int(member), image(kind)), ""
        return
    text = _text(content)
    place, person = _owner(key, content)
    yield place, key, Record(person, image(f"{kind} {text}")), text


def _owner(key: str, content: Any) -> tuple[str, int | None]:  # noqa: ANN401 - any reply
    parts = key.split(":")
    match parts:
        case ["session", _]:
            return "redis:session:", int(content["user_id"])
        case ["user", ident, "sessions"]:
            return "redis:user:", int(ident)
        case ["cache", "user", ident]:
            return "redis:cache:user:", int(ident)
        case ["cache", "caller", ident]:
            return "redis:cache:caller:", int(ident)
        case _:
            return OTHER_KEYS, None


def _pairs(content: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - the shape depends on client and protocol
    if content and isinstance(content[0], list | tuple):
        return [(member, str(score)) for member, score in content]
    return list(zip(content[::2], map(str, content[1::2]), strict=True))


def _text(content: Any) -> str:  # noqa: ANN401 - any reply
    if isinstance(content, str):
        return content
    pairs = content.items() if isinstance(content, dict) else ((member, "") for member in content)
    return "|".join(f"{name}={said}" for name, said in sorted(pairs))
