"""Snapshot of all three stores."""

from __future__ import annotations

from collections import defaultdict

from expunge_demo.ground_truth import read_postgres, read_redis, read_s3
from expunge_demo.ground_truth.models import Key, Places, Record, Snapshot, mentioned
from expunge_demo.ground_truth.ownership import (
    BUCKETS,
    LOG_TABLE,
    OF_CALLERS_KEYS,
    OF_USERS_KEYS,
    OTHER_KEYS,
    TABLES,
)


def snapshot(places: Places) -> Snapshot:
    """Look at everything that Calltrack holds.

    Ten thousand people take some 100 MB: digests and ids are kept, no values.

    Raises:
        JudgeError: The database is not Calltrack's, or Redis holds what Calltrack does not use.
    """
    records: dict[str, dict[Key, Record]] = {place: {} for place in _places()}
    mentions: defaultdict[bytes, list[tuple[str, Key]]] = defaultdict(list)
    connection = read_postgres.connect(places.postgres_url)
    try:
        day = read_postgres.today(connection)
        holders, callers, leads = (
            read_postgres.holders(connection),
            read_postgres.callers(connection),
            read_postgres.leads(connection),
        )
        recording_keys = read_postgres.recording_keys(connection)
        for name in TABLES:
            for key, record, text in read_postgres.table(connection, name):
                records[name][key] = record
                if name != LOG_TABLE:
                    _note(mentions, name, key, text)
    finally:
        connection.close()
    for place, key, record, text in read_redis.walk(places.redis_url):
        records[place][key] = record
        _note(mentions, place, key, text)
    for place, key, record in read_s3.walk(places, recording_keys):
        records[place][key] = record
    return Snapshot(day, records, holders, callers, leads, dict(mentions))


def _places() -> list[str]:
    return [*TABLES, *OF_USERS_KEYS, *OF_CALLERS_KEYS, OTHER_KEYS, *(f"s3:{bucket}" for bucket in BUCKETS)]


def _note(mentions: defaultdict[bytes, list[tuple[str, Key]]], place: str, key: Key, text: str) -> None:
    for found in mentioned(text):
        mentions[found].append((place, key))
