"""Redis and Valkey."""

from expunge_connectors.redis.connector import RedisStore
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import KeySpec, RedisConnection, RedisSpec

__all__ = ["SENTINEL", "KeySpec", "RedisConnection", "RedisSpec", "RedisStore"]
