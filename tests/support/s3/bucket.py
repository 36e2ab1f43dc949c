"""A data map for S3 and the small steps that tests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenacity import wait_none
from tests.support.contract_maps import data_map

from expunge_connectors.contract import Finding, Sampleable
from expunge_connectors.s3 import S3Spec, S3Store
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.contract_maps import COMPANY, LOG

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.s3 import S3Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATA = {"data_type": "account", "owner": COMPANY}
SCOPE = Scope("company")
ACTIONS = {"files": Action.DELETE, "folders": Action.DELETE, "faces": Action.DELETE}


def connection(servers: Endpoints, **more: object) -> S3Connection:
    return S3Connection.model_validate(
        {
            "endpoint_url": servers.s3_endpoint,
            "access_key_id": servers.s3_access_key,
            "secret_access_key": servers.s3_secret_key,
            **more,
        }
    )


def spec(bucket: str, **more: dict[str, Any]) -> S3Spec:
    collections = {
        "files": {"bucket": bucket, "key": "{object}", **DATA},
        "folders": {"bucket": bucket, "prefix": "users/{user_id}/", **DATA},
        "faces": {"bucket": bucket, "key": "face/{email}.jpg", **DATA},
        **more,
    }
    return S3Spec.model_validate({"connector": "s3", "collections": collections})


@dataclass
class World:
    """One bucket and a connector for it."""

    s3: S3Client
    bucket: str
    connector: S3Store

    def put(self, key: str, body: bytes = b"x") -> str:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body).get("VersionId", "null")

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def listed(self) -> list[tuple[str, str]]:
        """(key, version) of everything, markers included."""
        answer = self.s3.list_object_versions(Bucket=self.bucket)
        found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        return sorted((one["Key"], one["VersionId"]) for one in found)

    def keys(self) -> list[str]:
        return [key for key, _ in self.listed()]


def world(s3: S3Client, servers: Endpoints, bucket: str, **more: dict[str, Any]) -> World:
    the_map = data_map({"objects": spec(bucket, **more)})
    return World(s3, bucket, S3Store("objects", the_map, connection(servers), wait=wait_none()))


def person(number: int = 1, **keys: str) -> Subject:
    found = keys or {"object": "rec/1.ogg", "user_id": "1"}
    return Subject(number, frozenset(SubjectKey(namespace, value) for namespace, value in found.items()))


__all__ = ["ACTIONS", "DATA", "LOG", "SCOPE", "World", "connection", "person", "spec", "world"]


def swept(
    servers: Endpoints, bucket: str, *free: str, rows: int = 1000, more: Mapping[str, object] | None = None
) -> list[Finding]:
    declared = [{"place": one, "reason": "made up", "approved_by": "nobody"} for one in free]
    collections = {
        "folders": {"bucket": bucket, "prefix": "users/{user_id}/", **DATA},
        "faces": {"bucket": bucket, "key": "face/{email}.jpg", **DATA},
        **(more or {}),
    }
    spec = S3Spec.model_validate({"connector": "s3", "collections": collections, "unmapped_ok": declared})
    store = S3Store("objects", data_map({"objects": spec}), connection(servers), wait=wait_none())
    try:
        assert isinstance(store, Sampleable)
        return [one for one in store.sweep(rows) if one.code != "s3-unmapped-bucket"]
    finally:
        store.close()
