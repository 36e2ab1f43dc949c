"""Redis and Valkey."""

from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import KeySpec, RedisConnection, RedisSpec
from expunge_connectors.redis.store import RedisStore

__all__ = ["SENTINEL", "KeySpec", "RedisConnection", "RedisSpec", "RedisStore"]
