"""Endpoints: URLs and credentials of the three servers, embedded or external."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Endpoints(Protocol):
    """URLs and secrets of the three servers; `expunge_demo.dev_servers.Endpoints` is one.

    The rights needed: create schema, tables and a role in Postgres; write keys and users in Redis; create buckets.
    """

    @property
    def postgres_url(self) -> str:
        """Return the libpq URL of a role that owns the database and may create roles."""
        ...

    @property
    def redis_url(self) -> str:
        """Return the URL with database number."""
        ...

    @property
    def s3_endpoint(self) -> str:
        """Return the URL of the service."""
        ...

    @property
    def s3_access_key(self) -> str:
        """Return the account."""
        ...

    @property
    def s3_secret_key(self) -> str:
        """Return the account's secret."""
        ...


def s3_client(places: Endpoints, connections: int = 10) -> S3Client:
    """Make a client of the S3 service; the caller closes it."""
    return boto3.client(
        "s3",
        endpoint_url=places.s3_endpoint,
        aws_access_key_id=places.s3_access_key,
        aws_secret_access_key=places.s3_secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=connections),
    )
