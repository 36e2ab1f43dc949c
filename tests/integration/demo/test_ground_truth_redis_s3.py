"""Plants in Redis and S3. They stay where they are, so each test looks at what its own plant adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import redis
from tests.support.demo_world import World

from expunge_demo.ground_truth import check, checks, snapshot

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def broken(world: World) -> set[tuple[str, str, int | str]]:
    now = snapshot(replace(world.places, postgres_url=world.erased_url))
    return {(one.law, one.place, key) for one in check(world.before, now, world.erased) for key in one.records}


def added(world: World, plant: Callable[[], object]) -> set[tuple[str, str]]:
    already = broken(world)
    plant()
    return {(law, place) for law, place, _ in broken(world) - already}


@pytest.fixture
def keys(world: World):
    with redis.Redis.from_url(world.places.redis_url, decode_responses=True) as client:
        yield client


def test_the_base_is_clean(world: World):
    assert broken(world) == set()


def test_a_cache_that_refilled(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.set("cache:user:10", "{}")) == {(checks.LEFT_OVER, "redis:cache:user:")}


def test_an_open_session(world: World, keys: redis.Redis):
    token = world.company.holder(10).sessions[0].token
    found = added(world, lambda: keys.hset(f"session:{token}", mapping={"user_id": "10"}))
    assert found == {(checks.LEFT_OVER, "redis:session:")}


def test_an_unknown_session(world: World, keys: redis.Redis):
    found = added(world, lambda: keys.hset("session:new", mapping={"user_id": "100"}))
    assert found == {(checks.APPEARED, "redis:session:")}


def test_somebody_erased_is_online(world: World, keys: redis.Redis):
    assert "1" not in keys.zrange("online", 0, -1)
    assert added(world, lambda: keys.zadd("online", {"1": 5})) == {(checks.LEFT_OVER, "redis:online")}


def test_somebody_else_went_offline(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.zrem("online", "97")) == {(checks.MISSING, "redis:online")}


def test_somebody_elses_score_changed(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.zadd("online", {"93": 5})) == {(checks.CHANGED, "redis:online")}


def test_a_recent_caller_is_forgotten(world: World, keys: redis.Redis):
    caller = next(
        one for one in world.company.callers() if one.row.id % 3 == 1 and one.row.id not in world.erased.callers
    )
    found = added(world, lambda: keys.srem(f"client:{caller.row.client_id}:recent", caller.row.id))
    assert found == {(checks.MISSING, "redis:client:")}


def test_a_key_no_longer_expires(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.persist("cache:user:100")) == {(checks.CHANGED, "redis:cache:user:")}


def test_somebody_elses_cache_is_gone(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.delete("cache:caller:149")) == {(checks.MISSING, "redis:cache:caller:")}


def test_a_key_of_no_known_kind(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.set("diary", "x")) == {(checks.APPEARED, "redis:other")}


def test_expunges_own_sentinel_is_no_violation(world: World, keys: redis.Redis):
    assert added(world, lambda: keys.set("expunge:sentinel", "x")) == set()


def recording(world: World, *, erased: bool) -> str:
    return next(
        caller.sounds[0].key
        for caller in world.company.callers()
        if caller.sounds and len(caller.sounds[0].versions) == 1 and (caller.row.id in world.erased.callers) is erased
    )


def test_an_export_came_back(world: World, s3: S3Client):
    key = world.company.holder(10).exports[0]
    found = added(world, lambda: s3.put_object(Bucket="calltrack-exports", Key=key, Body=b"again"))
    assert found == {(checks.LEFT_OVER, "s3:calltrack-exports")}


def test_somebody_elses_export_is_rewritten(world: World, s3: S3Client):
    key = world.company.holder(25).exports[0]
    found = added(world, lambda: s3.put_object(Bucket="calltrack-exports", Key=key, Body=b"other"))
    assert found == {(checks.CHANGED, "s3:calltrack-exports")}


def test_a_delete_marker_hides_somebody_elses_recording(world: World, s3: S3Client):
    key = recording(world, erased=False)
    found = added(world, lambda: s3.delete_object(Bucket="calltrack-recordings", Key=key))
    assert found == {(checks.APPEARED, "s3:calltrack-recordings")}


def test_somebody_elses_version_is_gone(world: World, s3: S3Client):
    key = recording(world, erased=False)
    (version,) = s3.list_object_versions(Bucket="calltrack-recordings", Prefix=key)["Versions"]
    found = added(
        world,
        lambda: s3.delete_object(Bucket="calltrack-recordings", Key=key, VersionId=version["VersionId"]),
    )
    assert found == {(checks.MISSING, "s3:calltrack-recordings")}


def test_a_delete_marker_stands_where_a_recording_was_erased(world: World, s3: S3Client):
    key = recording(world, erased=True)
    found = added(world, lambda: s3.delete_object(Bucket="calltrack-recordings", Key=key))
    assert found == {(checks.APPEARED, "s3:calltrack-recordings")}


def test_an_unfinished_upload(world: World, s3: S3Client):
    key = recording(world, erased=True)
    found = added(world, lambda: s3.create_multipart_upload(Bucket="calltrack-recordings", Key=key))
    assert found == {(checks.APPEARED, "s3:calltrack-recordings")}


def test_a_log_object_is_gone(world: World, s3: S3Client):
    key = s3.list_objects_v2(Bucket="calltrack-logs", Prefix="web/")["Contents"][0]["Key"]
    found = added(world, lambda: s3.delete_object(Bucket="calltrack-logs", Key=key))
    assert found == {(checks.LOG_TOUCHED, "s3:calltrack-logs")}


def test_somebody_wrote_into_the_log(world: World, s3: S3Client):
    found = added(world, lambda: s3.put_object(Bucket="calltrack-logs", Key="web/x.log", Body=b""))
    assert found == {(checks.LOG_TOUCHED, "s3:calltrack-logs")}


def test_a_backup_is_gone(world: World, s3: S3Client):
    key = world.loaded.copies[0]
    (version,) = s3.list_object_versions(Bucket="calltrack-backups", Prefix=key)["Versions"]
    found = added(world, lambda: s3.delete_object(Bucket="calltrack-backups", Key=key, VersionId=version["VersionId"]))
    assert found == {(checks.BACKUP_TOUCHED, "s3:calltrack-backups")}


def test_a_further_backup_is_no_violation(world: World, s3: S3Client):
    key = world.loaded.copies[1]
    assert added(world, lambda: s3.put_object(Bucket="calltrack-backups", Key=key, Body=b"x")) == set()
