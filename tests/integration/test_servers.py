"""The servers that tests talk to are real and isolate one test from the next."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from tests.support.servers import remove_bucket

from expunge_demo.dev_servers import Endpoints


def test_postgres_keeps_text_as_text_and_can_prepare_transactions(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (body text)")
        connection.execute("INSERT INTO note VALUES ('Grüße, 電話')")
        assert connection.execute("SELECT body FROM note").fetchone() == ("Grüße, 電話",)
        connection.execute("BEGIN")
        connection.execute("DELETE FROM note")
        connection.execute("PREPARE TRANSACTION 'left-behind'")
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (1,)


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_gets_an_empty_database(database: str, run: int) -> None:
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert tables == (0,)
        connection.execute("CREATE TABLE leftover ()")


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_gets_an_empty_keyspace(keyspace, run: int) -> None:
    assert keyspace.client.dbsize() == 0
    keyspace.client.set("key", "value")
    assert keyspace.client.get("key") == b"value"


def test_versions_and_markers_are_kept(bucket, s3) -> None:
    name = bucket(versioning=True)
    s3.put_object(Bucket=name, Key="recording", Body=b"one")
    s3.put_object(Bucket=name, Key="recording", Body=b"two")
    s3.delete_object(Bucket=name, Key="recording")
    listing = s3.list_object_versions(Bucket=name)
    assert len(listing["Versions"]) == 2
    assert len(listing["DeleteMarkers"]) == 1


def test_a_locked_bucket_is_cleared_after_the_test(bucket, s3) -> None:
    name = bucket(object_lock=True)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    put = s3.put_object(
        Bucket=name, Key="held", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=name, Key="held", VersionId=put["VersionId"])
    s3.put_object_legal_hold(Bucket=name, Key="held", LegalHold={"Status": "ON"})
    other = bucket()
    s3.put_object(Bucket=other, Key="plain", Body=b"x")
    remove_bucket(s3, other)
    assert other not in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}
    s3.create_bucket(Bucket=other)  # for the fixture to remove


def test_a_missing_bucket_is_an_error_as_on_aws(s3) -> None:
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="test-was-never-made", Key="k", Body=b"x")


def test_passwords_do_not_show(servers: Endpoints) -> None:
    shown = repr(servers)
    assert servers.s3_secret_key not in shown
    assert servers.postgres_url not in shown
    assert servers.redis_url not in shown
