"""The yardstick: what somebody who knows the schema would write, set by set: stage, count, delete, recount.

It asks each store no more than it must, and keeps no promise beyond that: no check of the stores, no search for people
behind a shared number, nothing durable before the first deletion, no resume, no receipt, a recount by its own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis
from tests.bench.measurements import Stages
from tests.support.servers import s3_client

from expunge_demo.dev_servers import Endpoints

BUCKET = "calltrack-recordings"
# From so many recordings on, one listing of everything the client has is cheaper than one listing per recording.
LIST_WHOLE_CLIENT_FROM = 20

STAGE = r"""
CREATE TEMP TABLE the_callers ON COMMIT DROP AS
    SELECT id, regexp_replace(phone, '[\s().-]', '', 'g') AS phone
    FROM callers WHERE client_id = %(client)s AND id = ANY(%(callers)s);
CREATE TEMP TABLE the_calls ON COMMIT DROP AS
    SELECT id FROM calls WHERE caller_id IN (SELECT id FROM the_callers);
CREATE TEMP TABLE the_recordings ON COMMIT DROP AS
    SELECT id, object_key FROM recordings WHERE call_id IN (SELECT id FROM the_calls);
CREATE TEMP TABLE the_leads ON COMMIT DROP AS
    SELECT id FROM leads WHERE client_id = %(client)s AND (
        caller_id IN (SELECT id FROM the_callers)
        OR regexp_replace(phone, '[\s().-]', '', 'g') IN (SELECT phone FROM the_callers)
        OR lower(email) IN (SELECT lower(email) FROM leads WHERE caller_id IN (SELECT id FROM the_callers)));
ANALYZE the_callers; ANALYZE the_calls; ANALYZE the_recordings; ANALYZE the_leads
"""

# Children before parents.
ROWS = {
    "lead_answers": "lead_id IN (SELECT id FROM the_leads)",
    "leads": "id IN (SELECT id FROM the_leads)",
    "transcripts": "recording_id IN (SELECT id FROM the_recordings)",
    "recordings": "id IN (SELECT id FROM the_recordings)",
    "call_notes": "call_id IN (SELECT id FROM the_calls)",
    "calls": "id IN (SELECT id FROM the_calls)",
    "callers": "id IN (SELECT id FROM the_callers)",
}


@dataclass(frozen=True, slots=True)
class Script:
    """Open connections to the three stores, as the same role and with the same keys as Expunge."""

    postgres: psycopg.Connection[tuple[Any, ...]]
    cache: redis.Redis
    s3: Any

    def erase(self, client: int, callers: Sequence[int], stages: Stages) -> tuple[int, int]:
        """Erase some callers of one client; returns how many records there were, and how many there are now.

        Its stages bear the names of the stores.
        """
        with stages.time("main"):
            rows, rows_left, keys = self._rows(client, callers)
        with stages.time("recordings"):
            objects, objects_left = self._objects(client, keys)
        with stages.time("cache"):
            entries, entries_left = self._entries(client, callers)
        return rows + objects + entries, rows_left + objects_left + entries_left

    def _rows(self, client: int, callers: Sequence[int]) -> tuple[int, int, list[str]]:
        with self.postgres.transaction(), psycopg.ClientCursor(self.postgres) as cursor:
            cursor.execute(STAGE, {"client": client, "callers": list(callers)})
            keys = [key for (key,) in cursor.execute("SELECT object_key FROM the_recordings").fetchall()]
            before = self._count(cursor)
            for table, condition in ROWS.items():
                cursor.execute(f"DELETE FROM {table} WHERE {condition}".encode())
            return before, self._count(cursor), keys

    def _count(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
        counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE {condition})" for table, condition in ROWS.items())
        row = cursor.execute(f"SELECT {counts}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _objects(self, client: int, keys: Sequence[str]) -> tuple[int, int]:
        before = self._versions(client, keys)
        for start in range(0, len(before), 1000):
            answer = self.s3.delete_objects(
                Bucket=BUCKET, Delete={"Objects": before[start : start + 1000], "Quiet": True}
            )
            assert not answer.get("Errors")
        return len(before), len(self._versions(client, keys))

    def _versions(self, client: int, keys: Sequence[str]) -> list[dict[str, str]]:
        wanted = set(keys)
        prefixes = [f"{client}/"] if len(wanted) >= LIST_WHOLE_CLIENT_FROM else sorted(wanted)
        pages = self.s3.get_paginator("list_object_versions")
        return [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for prefix in prefixes
            for page in pages.paginate(Bucket=BUCKET, Prefix=prefix)
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            if one["Key"] in wanted
        ]

    def _entries(self, client: int, callers: Sequence[int]) -> tuple[int, int]:
        names, recent = [f"cache:caller:{caller}" for caller in callers], f"client:{client}:recent"

        def there() -> int:
            with self.cache.pipeline(transaction=False) as pipe:
                pipe.exists(*names)
                pipe.smismember(recent, [str(caller) for caller in callers])
                found, members = pipe.execute()
            return int(found) + sum(members)

        before = there()
        with self.cache.pipeline(transaction=False) as pipe:
            pipe.unlink(*names)
            pipe.srem(recent, *callers)
            pipe.execute()
        return before, there()


@contextmanager
def script(endpoints: Endpoints, postgres_url: str) -> Iterator[Script]:
    """The script with its connections open, for the `with` block."""
    with (
        psycopg.connect(postgres_url, autocommit=True) as postgres,
        redis.Redis.from_url(endpoints.redis_url) as cache,
        s3_client(endpoints) as s3,
    ):
        # A chunk's look-ups go by index; the default of 4 makes them read whole tables (research: 2x).
        postgres.execute("SET random_page_cost = 1.1")
        yield Script(postgres, cache, s3)
