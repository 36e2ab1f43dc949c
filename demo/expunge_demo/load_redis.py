"""Loads Calltrack's Redis: keys, and the one ACL user that Expunge gets."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import redis

from expunge_demo.calltrack import Company
from expunge_demo.calltrack.redis_entries import Entry
from expunge_demo.errors import DemoError, NotEmptyError

if TYPE_CHECKING:
    from redis.client import Pipeline

USER = "expunge_app"
_PIPELINE = 1_000
_KEYS = ("user:*", "session:*", "cache:user:*", "cache:caller:*", "online", "client:*:recent", "expunge:*")
_COMMANDS = (
    "ping",
    "time",
    "type",
    "exists",
    "pttl",
    "ttl",
    "get",
    "set",
    "hget",
    "hgetall",
    "hexists",
    "hlen",
    "hdel",
    "smembers",
    "sismember",
    "scard",
    "srem",
    "sscan",
    "zscore",
    "zcard",
    "zrem",
    "unlink",
    "info",
    "select",
    "hello",
    "auth",
    "command",
    "config|get",
    "slowlog|len",
    "acl|whoami",
    "acl|getuser",
    "acl|dryrun",
    "client|setinfo",
    "client|setname",
    "client|id",
    "memory|usage",
    "latency|latest",
)


def load_entries(company: Company, url: str) -> int:
    """Write every key in pipelines and return how many entries were sent.

    Raises:
        NotEmptyError: The database holds keys already.
        DemoError: The server refused; the message names the kind of error only.
    """
    try:
        with redis.Redis.from_url(url) as client:
            if client.dbsize():
                raise NotEmptyError("The Redis database holds keys already; the example company needs an empty one.")
            entries = company.entries()
            written = 0
            with client.pipeline(transaction=False) as pipeline:
                while count := _queue(pipeline, islice(entries, _PIPELINE)):
                    pipeline.execute()
                    written += count
    except redis.RedisError as error:
        raise DemoError(f"Redis refused the example company ({type(error).__name__}).") from None
    return written


def grant_user(url: str) -> str:
    """Make the ACL user that Expunge works as, with a fresh password, and return its URL.

    It may touch the keys that the map names and Expunge's own, never enumerate keys. Redis forgets such a user at a
    restart unless it has an ACL file: call this again then.
    """
    password = secrets.token_urlsafe(24)
    try:
        with redis.Redis.from_url(url) as client:
            client.acl_setuser(
                USER,
                enabled=True,
                reset=True,
                passwords=f"+{password}",
                keys=list(_KEYS),
                commands=[f"+{command}" for command in _COMMANDS],
            )
    except redis.RedisError as error:
        raise DemoError(f"Redis refused to make the user {USER} ({type(error).__name__}).") from None
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{USER}:{quote(password, safe='')}@{place}").geturl()


def _queue(pipeline: Pipeline, entries: Iterator[Entry]) -> int:
    count = 0
    for count, entry in enumerate(entries, start=1):  # noqa: B007 - the last value is the result
        match entry.kind:
            case "string":
                pipeline.set(entry.key, entry.fields[""])
            case "hash":
                pipeline.hset(entry.key, items=[part for pair in entry.fields.items() for part in pair])
            case "set":
                pipeline.sadd(entry.key, *entry.fields)
            case "zset":
                pipeline.zadd(entry.key, {member: float(score) for member, score in entry.fields.items()})
        if entry.ttl is not None:
            pipeline.expire(entry.key, entry.ttl)
    return count
