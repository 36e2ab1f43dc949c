"""Loads Calltrack's buckets: recordings, exports, web logs, and backup copies of the database."""

from __future__ import annotations

import http.client
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from expunge_demo.calltrack import Company
from expunge_demo.calltrack.s3_objects import BACKUPS, EXPORTS, LOGS, RECORDINGS, StoredObject
from expunge_demo.endpoints import Endpoints, s3_client
from expunge_demo.errors import DemoError, NotEmptyError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleTypeDef

_THREADS = 8
_BATCH = 60
DAILY = "postgres/daily/"
LOCKED = "postgres/locked/"
ARCHIVE = "postgres/archive/"
CONTROL = "postgres/README.txt"
LOCKED_DAYS = 5
# The archive has no rule: nothing there ever expires by itself.
_LIFECYCLE: list[LifecycleRuleTypeDef] = [
    {
        "ID": "daily-30d",
        "Status": "Enabled",
        "Filter": {"Prefix": DAILY},
        "Expiration": {"Days": 30},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
    },
    {
        "ID": "locked-1d",
        "Status": "Enabled",
        "Filter": {"Prefix": LOCKED},
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
]


def make_buckets(places: Endpoints) -> None:
    """Create the four buckets; recordings and backups keep versions, backups can be locked.

    Raises:
        NotEmptyError: One of them exists already.
        DemoError: The service refused; the message names the error code only.
    """
    client = s3_client(places)
    try:
        existing = {bucket.get("Name") for bucket in client.list_buckets()["Buckets"]}
        if existing & {RECORDINGS, EXPORTS, LOGS, BACKUPS}:
            raise NotEmptyError("A bucket of the example company exists already.")
        for bucket in (RECORDINGS, EXPORTS, LOGS):
            client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=RECORDINGS, VersioningConfiguration={"Status": "Enabled"})
        client.create_bucket(Bucket=BACKUPS, ObjectLockEnabledForBucket=True)
        client.put_bucket_lifecycle_configuration(Bucket=BACKUPS, LifecycleConfiguration={"Rules": _LIFECYCLE})
    except (ClientError, BotoCoreError) as error:
        raise _refused(error) from None
    finally:
        client.close()


def load_objects(company: Company, places: Endpoints) -> int:
    """Put every object, several at a time, and return the number of versions."""
    objects = company.objects()
    client = s3_client(places)
    writers = [Writer(client, places.s3_endpoint) for _ in range(_THREADS)]
    written = 0
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            # Bounded: map alone would take the whole company into its queue.
            while batch := tuple(islice(objects, _THREADS * _BATCH)):
                shares = [batch[number::_THREADS] for number in range(_THREADS)]
                written += sum(pool.map(Writer.put, writers, shares))
    except (ClientError, BotoCoreError) as error:
        raise _refused(error) from None
    except (http.client.HTTPException, OSError) as error:
        raise DemoError(f"S3 did not answer ({type(error).__name__}).") from None
    finally:
        for writer in writers:
            writer.close()
        client.close()
    return written


class Writer:
    """One connection that puts small objects fast, for one thread.

    boto3 signs and plain HTTP sends: thousands of `put_object` calls would take four times as long, all of it Python.
    """

    def __init__(self, client: S3Client, endpoint: str) -> None:
        url = urlsplit(endpoint)
        secure = url.scheme == "https"
        self._client = client
        self._connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(url.netloc)

    def put(self, objects: Iterable[StoredObject]) -> int:
        """Put every version of the objects, and return how many."""
        written = 0
        for stored in objects:
            target = urlsplit(
                self._client.generate_presigned_url("put_object", Params={"Bucket": stored.bucket, "Key": stored.key})
            )
            for body in stored.versions:
                self._connection.request("PUT", f"{target.path}?{target.query}", body=body)
                with self._connection.getresponse() as answer:
                    answer.read()
                    if answer.status != HTTPStatus.OK:
                        raise DemoError(f"S3 refused an object of the example company (status {answer.status}).")
                written += 1
        return written

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def store_backups(places: Endpoints, pg_dump: Path, now: datetime) -> tuple[str, ...]:
    """Dump the database as it is now and keep the dump three times: daily, under a lock, and in the archive.

    The lock is in GOVERNANCE mode: it holds against every right but the one to lift it, and tests can clear up.

    Args:
        places: The database and the bucket.
        pg_dump: The program; its version must not be older than the server's.
        now: Names the copies and starts the lock's days.

    Returns:
        The copies' keys.

    Raises:
        DemoError: pg_dump failed, or the service refused.
    """
    day = f"{now:%Y-%m-%d}"
    keys = (f"{DAILY}{day}.dump", f"{LOCKED}{day}.dump", f"{ARCHIVE}{now:%Y}.dump")
    client = s3_client(places)
    try:
        with tempfile.TemporaryDirectory() as directory:
            dump = Path(directory, "dump")
            _dump(places.postgres_url, pg_dump, dump)
            client.put_object(Bucket=BACKUPS, Key=CONTROL, Body=b"Database dumps of Calltrack, by kind.\n")
            for key in keys:
                with dump.open("rb") as body:
                    client.put_object(Bucket=BACKUPS, Key=key, Body=body)
        client.put_object_retention(
            Bucket=BACKUPS,
            Key=keys[1],
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": now + timedelta(days=LOCKED_DAYS)},
        )
    except (ClientError, BotoCoreError) as error:
        raise _refused(error) from None
    finally:
        client.close()
    return keys


def _dump(url: str, pg_dump: Path, target: Path) -> None:
    # The password goes by environment: other users see arguments.
    password = conninfo_to_dict(url).get("password")
    environment = {"PGPASSWORD": str(password)} if password else {}
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if name != "password"}
    done = subprocess.run(  # noqa: S603 - the caller's own program
        [pg_dump, "--format=custom", "--compress=1", f"--file={target}", f"--dbname={make_conninfo('', **parts)}"],
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise DemoError(f"pg_dump ended with code {done.returncode}.")


def _refused(error: ClientError | BotoCoreError) -> DemoError:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else type(error).__name__
    return DemoError(f"S3 refused the example company ({code}).")
