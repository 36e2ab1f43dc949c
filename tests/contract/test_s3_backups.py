"""Backup copies in S3 take the contract suite, with and without a declared control."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none
from tests.support.contract_maps import MAIN, data_map
from tests.support.servers import BucketFactory

from expunge_connectors.s3 import S3Connection
from expunge_connectors.s3_backups import S3Backups, S3BackupsSpec
from expunge_connectors.testing import BackupContract
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BackupPlace:
    place = "dumps"

    def __init__(self, s3: S3Client, servers: Endpoints, bucket: BucketFactory, *, has_control: bool) -> None:
        self.s3, self.servers, self.make, self.has_control = s3, servers, bucket, has_control
        self.bucket = bucket(versioning=True)
        s3.put_bucket_lifecycle_configuration(
            Bucket=self.bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "dumps-30d",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "pg/"},
                        "Expiration": {"Days": 30},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                    }
                ]
            },
        )
        if has_control:
            s3.put_object(Bucket=self.bucket, Key="pg/README.txt", Body=b"Backups live here.")
        self.number = 0

    def connector(self, bucket: str, endpoint: str | None = None) -> S3Backups:
        spec = {"connector": "s3-backups", "of": "main", "bucket": bucket, "prefix": "pg/", "kind": "pg_dump"}
        if self.has_control:
            spec["control"] = "pg/README.txt"
        connection = {
            "endpoint_url": endpoint or self.servers.s3_endpoint,
            "access_key_id": self.servers.s3_access_key,
            "secret_access_key": self.servers.s3_secret_key,
        }
        the_map = data_map({"main": MAIN}, {"dumps": S3BackupsSpec.model_validate(spec)})
        return S3Backups("dumps", the_map, S3Connection.model_validate(connection), wait=wait_none())

    def build(self) -> S3Backups:
        return self.connector(self.bucket)

    def build_elsewhere(self) -> S3Backups:
        return self.connector(self.make())

    def build_unreachable(self) -> S3Backups:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self.connector(self.bucket, f"http://127.0.0.1:{free.getsockname()[1]}")

    def build_missing(self) -> S3Backups:
        return self.connector("no-such-bucket-anywhere")

    def put(self) -> str:
        self.number += 1
        key = f"pg/{self.number}.dump"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"dump")
        return f"{key}@"

    def remove(self, copy_id: str) -> None:
        key, _, version = copy_id.rpartition("@")
        self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)

    def raw(self) -> object:
        answer = self.s3.list_object_versions(Bucket=self.bucket)
        return [answer.get("Versions"), answer.get("DeleteMarkers")]


class TestS3Backups(BackupContract):
    @pytest.fixture(params=[True, False], ids=["control", "no-control"])
    def harness(
        self, request: pytest.FixtureRequest, s3: S3Client, servers: Endpoints, bucket: BucketFactory
    ) -> BackupPlace:
        return BackupPlace(s3, servers, bucket, has_control=request.param)
