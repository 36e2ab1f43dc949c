from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from tests.support.servers import remove_bucket

from expunge_demo import load_postgres, load_redis, load_s3
from expunge_demo.calltrack import Company
from expunge_demo.calltrack.rows import TABLES
from expunge_demo.calltrack.s3_objects import BACKUPS, EXPORTS, LOGS, RECORDINGS
from expunge_demo.dev_servers import Endpoints
from expunge_demo.errors import DemoError, NotEmptyError
from expunge_demo.loader import Loaded, load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=11, people=250, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def loaded(company: Company, places: Endpoints, pg_dump: Path, s3: S3Client) -> Iterator[Loaded]:
    try:
        yield load(company, places, pg_dump)
    finally:
        for bucket in (RECORDINGS, EXPORTS, LOGS, BACKUPS):
            remove_bucket(s3, bucket)


def test_the_database_holds_the_generated_rows_to_the_last_value(company: Company, loaded: Loaded, places: Endpoints):
    expected = {table: set() for table in TABLES}
    for chunk in company.row_chunks():
        for table, rows in chunk.items():
            expected[table].update(rows)
    # JSON is stored in a spelling of its own.
    spelled_anew = {"preferences", "words"}
    with psycopg.connect(places.postgres_url) as connection:
        for table, row_type in TABLES.items():
            compared = [place for place, name in enumerate(row_type._fields) if name not in spelled_anew]
            columns = ", ".join(
                {"ip": "host(ip)", "id": "id::text" if table == "api_tokens" else "id"}.get(name, name)
                for name in row_type._fields
                if name not in spelled_anew
            )
            found = set(connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall())
            assert found == {tuple(row[place] for place in compared) for row in expected[table]}, table
    assert loaded.rows == sum(map(len, expected.values()))


def test_new_rows_get_new_ids(loaded: Loaded, places: Endpoints):
    numbered = TABLES.keys() - {"user_profiles", "user_addresses", "api_tokens"}
    with psycopg.connect(places.postgres_url) as connection:
        for table in numbered:
            row = connection.execute(
                f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) - max(id) FROM {table}".encode()
            ).fetchone()
            assert row == (1,), table


def test_redis_holds_the_generated_keys(company: Company, loaded: Loaded, places: Endpoints):
    expected: dict[str, dict[str, str]] = {}
    lifetimes = {}
    for entry in company.entries():
        expected.setdefault(entry.key, {}).update(entry.fields)
        lifetimes[entry.key] = entry.ttl is not None
    kinds = {entry.key: entry.kind for entry in company.entries()}
    with redis.Redis.from_url(places.redis_url, decode_responses=True) as client:
        assert set(client.scan_iter()) == expected.keys()
        for key, fields in expected.items():
            assert client.type(key) == kinds[key]
            assert (client.ttl(key) > 0) is lifetimes[key]
            match kinds[key]:
                case "string":
                    assert client.get(key) == fields[""]
                case "hash":
                    assert client.hgetall(key) == fields
                case "set":
                    assert client.smembers(key) == set(fields)
                case "zset":
                    scores = client.zrange(key, 0, -1, withscores=True)
                    assert {member: str(int(score)) for member, score in scores} == fields
    assert loaded.entries == len(list(company.entries()))


def test_s3_holds_the_generated_objects(company: Company, loaded: Loaded, s3: S3Client):
    versions = 0
    for stored in company.objects():
        assert s3.get_object(Bucket=stored.bucket, Key=stored.key)["Body"].read() == stored.versions[-1]
        listing = s3.list_object_versions(Bucket=stored.bucket, Prefix=stored.key)
        assert len(listing["Versions"]) == len(stored.versions)
        versions += len(stored.versions)
    assert loaded.versions == versions
    assert s3.get_bucket_versioning(Bucket=RECORDINGS)["Status"] == "Enabled"
    assert "Status" not in s3.get_bucket_versioning(Bucket=EXPORTS)


def test_the_backup_is_a_dump_of_everything(
    loaded: Loaded, s3: S3Client, pg_dump: Path, company: Company, tmp_path: Path
):
    day = f"{company.now:%Y-%m-%d}"
    assert loaded.copies == (
        f"postgres/daily/{day}.dump",
        f"postgres/locked/{day}.dump",
        f"postgres/archive/{company.now:%Y}.dump",
    )
    file = tmp_path / "dump"
    for key in loaded.copies:
        file.write_bytes(s3.get_object(Bucket=BACKUPS, Key=key)["Body"].read())
        script = subprocess.run(
            [pg_dump.with_name("pg_restore"), "--data-only", "--file=-", file],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert company.one_person() in script
    assert s3.get_object(Bucket=BACKUPS, Key="postgres/README.txt")["Body"].read()


def test_the_lock_holds_for_some_days_and_only_one_copy(loaded: Loaded, s3: S3Client, company: Company):
    lock = s3.get_object_retention(Bucket=BACKUPS, Key=loaded.copies[1])["Retention"]
    assert lock["RetainUntilDate"] > company.now + timedelta(days=1)
    for key in (loaded.copies[0], loaded.copies[2]):
        with pytest.raises(s3.exceptions.ClientError, match="ObjectLockConfiguration"):
            s3.get_object_retention(Bucket=BACKUPS, Key=key)


def test_the_archive_has_no_lifecycle_rule(loaded: Loaded, s3: S3Client):
    rules = s3.get_bucket_lifecycle_configuration(Bucket=BACKUPS)["Rules"]
    prefixes = {rule["Filter"]["Prefix"]: rule for rule in rules}
    assert prefixes.keys() == {"postgres/daily/", "postgres/locked/"}
    daily = prefixes["postgres/daily/"]
    assert daily["Expiration"]["Days"] == 30
    assert daily["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7


def rights(url: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {table: set() for table in TABLES}
    with psycopg.connect(url) as connection:
        for table in TABLES:
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
                row = connection.execute("SELECT has_table_privilege(%s, %s)", [table, right]).fetchone()
                if row == (True,):
                    found[table].add(right)
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                " AND has_column_privilege(attrelid, attnum, 'UPDATE')",
                [table],
            )
            found[table] |= {f"UPDATE {name}" for (name,) in columns}
    return found


def test_the_role_has_exactly_the_rights_that_the_map_needs(loaded: Loaded):
    expected = {table: {"SELECT", "DELETE"} for table in TABLES}
    expected["clients"] = set()
    expected["access_log"] = set()
    expected["users"] = {"SELECT", "UPDATE email", "UPDATE full_name", "UPDATE phone", "UPDATE status"}
    expected["addresses"] |= {"UPDATE id"}
    assert rights(loaded.postgres_url) == expected


def test_the_role_is_no_superuser_and_can_lock_a_shared_row_but_not_change_it(loaded: Loaded):
    with psycopg.connect(loaded.postgres_url) as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False,)
        assert connection.execute("SELECT FROM addresses WHERE id = 6 FOR UPDATE").rowcount == 1
        with pytest.raises(psycopg.Error):
            connection.execute("UPDATE addresses SET id = 7 WHERE id = 6")


def test_the_password_is_in_no_statement(places: Endpoints, loaded: Loaded):
    with psycopg.connect(places.postgres_url, autocommit=True) as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'expunge_app'").fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")
    assert loaded.postgres_url not in repr(loaded)


def test_the_redis_user_reaches_the_keys_of_the_map_and_cannot_enumerate(loaded: Loaded, places: Endpoints):
    try:
        with redis.Redis.from_url(load_redis.grant_user(places.redis_url)) as client:
            assert client.type("online") == b"zset"
            client.zrem("online", "nobody")
            client.set("expunge:sentinel", "x")
            client.unlink("expunge:sentinel")
            for forbidden in (
                lambda: client.keys("*"),
                client.scan,
                client.flushdb,
                lambda: client.get("somebody-elses"),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    forbidden()
    finally:
        with redis.Redis.from_url(places.redis_url) as admin:
            admin.acl_deluser(load_redis.USER)


def test_loaded_stores_are_not_loaded_again(company: Company, loaded: Loaded, places: Endpoints):
    for again in (
        lambda: load_s3.make_buckets(places),
        lambda: load_redis.load_entries(company, places.redis_url),
        lambda: load_postgres.load_rows(company, places.postgres_url),
    ):
        with pytest.raises(NotEmptyError):
            again()


def test_failures_are_told_without_values(company: Company, loaded: Loaded, places: Endpoints, pg_dump: Path):
    wrong = replace(
        places, s3_secret_key="wrong", redis_url="redis://127.0.0.1:1", postgres_url="postgresql://127.0.0.1:1/x"
    )
    for failing in (
        lambda: load_s3.make_buckets(wrong),
        lambda: load_s3.load_objects(company, wrong),
        lambda: load_s3.store_backups(wrong, pg_dump, company.now),
        lambda: load_redis.load_entries(company, wrong.redis_url),
        lambda: load_redis.grant_user(wrong.redis_url),
        lambda: load_postgres.load_rows(company, wrong.postgres_url),
        lambda: load_postgres.grant_role(wrong.postgres_url),
    ):
        with pytest.raises(DemoError) as caught:
            failing()
        assert not any(part in str(caught.value) for part in ("127.0.0.1", "wrong", ".example", "+49"))
        assert caught.value.__cause__ is None
