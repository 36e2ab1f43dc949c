"""Buckets with a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.support.s3.bucket import World, world
from tests.support.servers import BucketFactory

from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def plain(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[World]:
    """Yield a bucket without versioning."""
    made = world(s3, servers, bucket())
    yield made
    made.connector.close()


@pytest.fixture
def versioned(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[World]:
    """Yield a versioned bucket."""
    made = world(s3, servers, bucket(versioning=True))
    yield made
    made.connector.close()


@pytest.fixture
def suspended(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[World]:
    """Yield a bucket whose versioning was on and is suspended, with one old version of `rec/1.ogg`."""
    made = world(s3, servers, bucket(versioning=True))
    made.put("rec/1.ogg")
    s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Suspended"})
    yield made
    made.connector.close()


@pytest.fixture
def locking(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[World]:
    """Yield a bucket with Object Lock."""
    made = world(s3, servers, bucket(object_lock=True))
    yield made
    made.connector.close()
