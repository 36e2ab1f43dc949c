"""pgBackRest repositories in S3 take the contract suite, in a bucket with versions and in one without."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none
from tests.support.contract_maps import MAIN, data_map
from tests.support.pgbackrest_repository import Made, Repository
from tests.support.s3.bucket import connection
from tests.support.servers import BucketFactory

from expunge_connectors.pgbackrest import PgBackRest, PgBackRestSpec
from expunge_connectors.testing import BackupContract
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RULE = {"ID": "old", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}


class Stanza:
    place = "base"

    def __init__(
        self, s3: S3Client, servers: Endpoints, bucket: BucketFactory, *, versioning: bool, created: bool
    ) -> None:
        self.s3, self.servers, self.make, self.has_control = s3, servers, bucket, created
        self.bucket = bucket(versioning=versioning)
        if versioning:
            s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": [RULE]})
        self.repository = Repository(s3, self.bucket)
        if created:
            self.repository.create()
        self.number = 0

    def connector(self, bucket: str, endpoint: str | None = None) -> PgBackRest:
        spec = {
            "connector": "pgbackrest", "of": "main", "bucket": bucket, "prefix": "pgbr/", "stanza": "main",
            "retention": {"full": 2}, "schedule": {"full_every": "P7D"},
        }  # fmt: skip
        the_map = data_map({"main": MAIN}, {"base": PgBackRestSpec.model_validate(spec)})
        endpoint = endpoint or self.servers.s3_endpoint
        return PgBackRest("base", the_map, connection(self.servers, endpoint_url=endpoint), wait=wait_none())

    def build(self) -> PgBackRest:
        return self.connector(self.bucket)

    def build_elsewhere(self) -> PgBackRest:
        return self.connector(self.make())

    def build_unreachable(self) -> PgBackRest:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self.connector(self.bucket, f"http://127.0.0.1:{free.getsockname()[1]}")

    def build_missing(self) -> PgBackRest:
        return self.connector("no-such-bucket-anywhere")

    def put(self) -> str:
        self.number += 1
        made = Made("full", datetime.now(UTC).replace(microsecond=0) - timedelta(days=8 - 3 * self.number), self.number)
        self.repository.back_up(made)
        return f"{self.repository.backups_below}{made.label}"

    def remove(self, copy_id: str) -> None:
        self.repository.expire(copy_id.rpartition("/")[2])
        answer = self.s3.list_object_versions(Bucket=self.bucket, Prefix=f"{copy_id}/")
        for one in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
            self.s3.delete_object(Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"])

    def raw(self) -> object:
        answer = self.s3.list_object_versions(Bucket=self.bucket)
        return [answer.get("Versions"), answer.get("DeleteMarkers")]


class TestPgBackRest(BackupContract):
    @pytest.fixture(params=[True, False], ids=["versions", "no-versions"])
    def harness(
        self, request: pytest.FixtureRequest, s3: S3Client, servers: Endpoints, bucket: BucketFactory
    ) -> Stanza:
        return Stanza(s3, servers, bucket, versioning=request.param, created=True)


class TestAPrefixWithoutARepository:
    def test_it_proves_nothing(self, s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
        stanza = Stanza(s3, servers, bucket, versioning=False, created=False)
        connector = stanza.build()
        listing = connector.copies()
        connector.close()
        assert (listing.copies, listing.control) == ((), None)
