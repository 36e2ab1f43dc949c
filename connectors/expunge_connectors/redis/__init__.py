"""Redis and Valkey connector: keys and parts of keys by exact name; where names are unknown, one SCAN per chunk.

connector              the contract's verbs
spec                   what the data map says
client                 clients as all of ours are, bounded pipelines, a pinned connection, retries
store_identity         which database this is; its clock
errors                 answers of the server to our errors
records                keys, members and fields of a subject (pure)
key_patterns           templates with wildcards, and how they are to be read
key_expressions        patterns as regular expressions
key_indexes            sets, lists and hashes that name further keys
index_members          what a member of an index says (pure)
index_cleanup          which members an index may lose
lookup                 which records exist, before erasing
verify/                what is left, by other commands and other code
scan                   one SCAN pass for a whole chunk, before erasing
ttl_drift              keys that stay for longer than the map declares
streams                stream entries of a person
stream_ages            entries of logs that are there for longer than declared
deletion               UNLINK, SREM, HDEL, LREM, XDEL
blind_search           `search_blind`: SCAN on one connection, and what keys are in the map
inspection             `check`
acl                    the ACL that is needed, and that is granted
part_sampling          sampled members and fields
unmapped_identifiers   names that no template explains (`check --sample`)
draft                  `map draft`
"""

from expunge_connectors.redis.connector import RedisStore
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import KeySpec, RedisConnection, RedisSpec

__all__ = ["SENTINEL", "KeySpec", "RedisConnection", "RedisSpec", "RedisStore"]
