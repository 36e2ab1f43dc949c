"""Reads Calltrack's buckets by listing every version, delete marker and unfinished upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config

from expunge_demo.ground_truth.models import Key, Places, Record, image
from expunge_demo.ground_truth.ownership import BUCKETS, EXPORTS, RECORDINGS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def walk(places: Places, recording_keys: Mapping[str, int]) -> Iterator[tuple[str, Key, Record]]:
    """Yield every version, marker and upload: bucket, key with version, and record.

    Args:
        places: The service.
        recording_keys: Object key -> caller whose recording it is.
    """
    client = boto3.client(
        "s3",
        endpoint_url=places.s3_endpoint,
        aws_access_key_id=places.s3_access_key,
        aws_secret_access_key=places.s3_secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        for bucket in BUCKETS:
            for key, version, state in _bucket(client, bucket):
                yield f"s3:{bucket}", f"{key} {version}", Record(_owner(bucket, key, recording_keys), image(state))
    finally:
        client.close()


def _bucket(client: S3Client, bucket: str) -> Iterator[tuple[str, str, str]]:
    for page in _pages(client, "list_object_versions", bucket):
        for found in page.get("Versions", []):
            yield found["Key"], found["VersionId"], f"version {found['ETag']} {found['Size']}"
        for marker in page.get("DeleteMarkers", []):
            yield marker["Key"], marker["VersionId"], "marker"
    for page in _pages(client, "list_multipart_uploads", bucket):
        for upload in page.get("Uploads", []):
            yield upload["Key"], f"upload {upload['UploadId']}", "upload"


def _pages(
    client: S3Client, verb: Literal["list_object_versions", "list_multipart_uploads"], bucket: str
) -> Iterable[dict[str, Any]]:
    paginator: Any = client.get_paginator(verb)
    pages: Iterable[dict[str, Any]] = paginator.paginate(Bucket=bucket)
    return pages


def _owner(bucket: str, key: str, recording_keys: Mapping[str, int]) -> int | None:
    if bucket == RECORDINGS:
        return recording_keys.get(key)
    parts = key.split("/")
    if bucket == EXPORTS and parts[0] == "users" and len(parts) > 2 and parts[1].isdecimal():  # noqa: PLR2004
        return int(parts[1])
    return None
