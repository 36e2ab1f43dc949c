"""ACL: which commands and keys the connector needs, and what the user may do (by ACL DRYRUN)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.redis.client import Command, PipelineClient
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import KeySpec, NamedField, RedisSpec

INVENTED = str(uuid.UUID(int=0))
ALWAYS = ("PING", "TIME", "GET", "SET", "INFO", "SELECT", "HELLO", "CLIENT|SETINFO")
FOR_CHECK = ("CONFIG|GET", "CLIENT|LIST", "ACL|WHOAMI", "ACL|DRYRUN")
# Nothing here is ever sent; whoever may run it may do much more than Expunge does.
NEVER = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("CONFIG", "SET", "maxmemory", "0"),
    ("EVAL", "return 1", "0"),
    ("SHUTDOWN",),
    ("ACL", "DELUSER", INVENTED),
)
_SPECIAL = re.compile(r"[*?\[\]\\]")
_PLACE = re.compile(r"\{[^}]*\}")
_PARTS = {
    "set": (("SMISMEMBER", "x"), ("SISMEMBER", "x"), ("SREM", "x")),
    "zset": (("ZMSCORE", "x"), ("ZSCORE", "x"), ("ZREM", "x")),
    "hash": (("HEXISTS", "x"), ("HDEL", "x")),
    "list": (("LPOS", "x"), ("LREM", "0", "x")),
    "stream": (("XRANGE", "-", "+"), ("XREVRANGE", "+", "-"), ("XDEL", "0-1")),
}
_LOOSE = {
    "set": (("SMEMBERS",), ("SSCAN", "0"), ("SREM", "x")),
    "zset": (("ZRANGE", "0", "-1"), ("ZSCAN", "0"), ("ZREM", "x")),
    "list": (("LRANGE", "0", "-1"), ("LREM", "0", "x")),
    "hash": (("HKEYS",), ("HSCAN", "0"), ("HDEL", "x")),
}
_AT_ONCE = {
    "string": (("GET",), ("GETRANGE", "0", "-1")),
    "values": (("HVALS",), ("HSCAN", "0")),
    "field": (("HGET", "x"), ("HMGET", "x")),
    "stream": (("XRANGE", "-", "+"), ("XREVRANGE", "+", "-")),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """What a user may not do in one collection: commands, and whether it is the keys that are out of reach."""

    commands: Sequence[str]
    keys: bool


def needed(keys: KeySpec) -> Iterator[tuple[str, ...]]:
    """Commands with their arguments but the key, which stands after the command."""
    if keys.part is not None:
        yield from _PARTS[keys.type]
        return
    yield ("TYPE",)
    yield ("EXISTS",)
    if keys.yields is None:
        yield ("UNLINK",)
    elif keys.named_by == "names" and keys.type in _LOOSE:
        yield from _LOOSE[keys.type]
    else:
        named = "field" if isinstance(keys.named_by, NamedField) and keys.type == "hash" else keys.type
        yield from _AT_ONCE["values" if keys.named_by == "values" else named]
        yield ("UNLINK",)
        yield ("WATCH",)


def keyless(spec: RedisSpec) -> Iterator[tuple[str, ...]]:
    """Commands without a key that the map makes necessary."""
    data = [keys for keys in spec.collections.values() if keys.log is None]
    if any(keys.templates[0].wild for keys in data):
        yield ("SCAN", "0")
    if any(("WATCH",) in needed(keys) for keys in data):
        yield from (("MULTI",), ("EXEC",), ("UNWATCH",))


def refused(conversation: PipelineClient, user: str, name: str, keys: KeySpec, data_map: DataMap) -> Refused | None:
    """What the user lacks for one collection."""
    key = sample(keys, data_map)
    commands: list[str] = []
    out_of_reach = False
    for command, *arguments in needed(keys):
        answer = acl_dryrun(conversation, name, user, (command, key, *arguments))
        if answer is not None:
            commands.append(command)
            out_of_reach |= answer.rstrip(".").endswith("key")
    return Refused(commands, out_of_reach) if commands else None


def sample(keys: KeySpec, data_map: DataMap) -> str:
    """A key of the collection that belongs to nobody."""
    several = keys.owner is not None and data_map.controllers[keys.owner.controller].many
    scope = Scope(keys.owner.controller if keys.owner else "", "0" if several else None)
    template = Template.parse(_PLACE.sub(_filled, keys.key)) if keys.templates[0].wild else keys.templates[0]
    return template.fill(INVENTED, scope) or _PLACE.sub(INVENTED, keys.key)


def _filled(place: re.Match[str]) -> str:
    return INVENTED if place.group().startswith("{*") else place.group()


def acl_dryrun(conversation: PipelineClient, collection: str | None, user: str, words: Sequence[str]) -> str | None:
    """None where the user may run this; otherwise what the server says, which names only what we made up."""
    answer = conversation.ask([Command(collection, ("ACL", "DRYRUN", user, *words))])[0]
    reply = text(answer)
    return None if answer is True or reply.upper() == "OK" else reply


def text(answer: Any) -> str:  # noqa: ANN401 - bytes or text, as the driver has it
    """An answer as text."""
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def remedy(user: str, spec: RedisSpec) -> str:
    """What an administrator is to type.

    The rules take away whatever else a user may do: `default`, by whom everybody logs in, is never narrowed.
    """
    if user == "default":
        return (
            f"As an administrator: ACL SETUSER expunge on >PASSWORD {least(spec)}; with a password of your own, and put"
            " that user and its password into the store's URL. Leave `default` as it is: others log in by it."
        )
    return (
        f"As an administrator, if only Expunge is {user} (make another user otherwise):"
        f" ACL SETUSER {user} {least(spec)}"
    )


def least(spec: RedisSpec) -> str:
    """The rules of ACL SETUSER that grant what is needed; a password stays. `SET` is for adopting only."""
    data = [keys for keys in spec.collections.values() if keys.log is None]
    commands = {command for keys in data for command, *_ in needed(keys)} | {one for one, *_ in keyless(spec)}
    commands |= {*ALWAYS, *FOR_CHECK}
    patterns = {"".join(_glob(keys.templates[0])) for keys in data} | {SENTINEL}
    return " ".join(
        [
            "resetkeys",
            "-@all",
            *(f"~{pattern}" for pattern in sorted(patterns)),
            *(f"+{command.lower()}" for command in sorted(commands)),
        ]
    )


def _glob(template: Template) -> Iterator[str]:
    for literal, place in template.pieces:
        yield "*" if place is not None else _SPECIAL.sub(r"\\\g<0>", literal)
