"""S3 takes the contract suite, on a versioned and on an unversioned bucket."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none
from tests.support.contract_maps import CLIENT, COMPANY, LOG, data_map
from tests.support.servers import BucketFactory

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.s3 import S3Connection, S3Spec, S3Store
from expunge_connectors.testing import (
    CutoffContract,
    DriftContract,
    LogContract,
    MemberContract,
    Person,
    RawRecords,
    StoreContract,
)
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def spec(bucket: str, versioned: str) -> S3Spec:
    return S3Spec.model_validate(
        {
            "connector": "s3",
            "collections": {
                "recordings": {"bucket": versioned, "key": "{object}", "data_type": "account", "owner": COMPANY},
                "exports": {"bucket": bucket, "prefix": "users/{user_id}/", "data_type": "account", "owner": COMPANY},
                "avatars": {"bucket": versioned, "key": "face/{email}", "data_type": "account", "owner": COMPANY},
                "callers": {
                    "bucket": versioned,
                    "prefix": "client/{controller}/{user_id}/",
                    "undivided": {"reason": "clients are numbers", "approved_by": "DPO"},
                    "data_type": "account",
                    "owner": CLIENT,
                },
                "weblog": {"bucket": bucket, "prefix": "web/", "log": LOG},
            },
        }
    )


class S3Harness:
    store = "objects"
    log = "weblog"
    scope = Scope("company")
    actions: Mapping[str, Action] = dict.fromkeys(("recordings", "exports", "avatars"), Action.DELETE)
    member, other_member = Scope("client", "7"), Scope("client", "8")
    member_actions: Mapping[str, Action] = {"callers": Action.DELETE}
    part: Mapping[str, Action] = {"recordings": Action.DELETE}

    def __init__(self, s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
        self.s3, self.servers, self.bucket = s3, servers, bucket
        self.buckets = (bucket(), bucket(versioning=True))
        self.data_map = data_map({"objects": spec(*self.buckets)})
        self.first, self.second, self.bystander = (self._person(number) for number in (1, 2, 3))
        plain, versioned = self.buckets
        for key in ("users/700000010/neighbour", "web/2026-11-24.log"):
            s3.put_object(Bucket=plain, Key=key, Body=b"70000001")
        s3.put_object(Bucket=versioned, Key="rec/1.oggx", Body=b"x")
        kept = [
            (client, s3.put_object(Bucket=versioned, Key=f"client/{client}/70000004/a", Body=b"x")["VersionId"])
            for client in (7, 8)
        ]
        self.member_owns, self.other_owns = (
            frozenset({("callers", f"client/{client}/70000004/a@{version}")}) for client, version in kept
        )
        self.caller = Subject(4, frozenset({SubjectKey("user_id", "70000004")}))
        other = frozenset({SubjectKey("user_id", "70000004")})
        self.outsider = Person(Subject(4, other), other, {}, frozenset(), frozenset({"70000004"}))

    def _person(self, number: int) -> Person:
        plain, versioned = self.buckets
        user, recording, email = f"7000000{number}", f"rec/{number}.ogg", f"person{number}@mail.example"
        before = set(self.raw())
        for _ in range(2):
            self.s3.put_object(Bucket=versioned, Key=recording, Body=b"voice")
        self.s3.delete_object(Bucket=versioned, Key=recording)
        self.s3.put_object(Bucket=plain, Key=f"users/{user}/export.zip", Body=b"all")
        self.s3.create_multipart_upload(Bucket=plain, Key=f"users/{user}/unfinished")
        given = frozenset({SubjectKey("user_id", user), SubjectKey("object", recording)})
        return Person(
            Subject(number, given),
            given,
            {"recordings": 2, "exports": 2},
            frozenset(set(self.raw()) - before),
            frozenset({user, recording, email}),
        )

    def _store(self, endpoint: str, a_map: DataMap) -> S3Store:
        return S3Store(
            "objects",
            a_map,
            S3Connection.model_validate(
                {
                    "endpoint_url": endpoint,
                    "access_key_id": self.servers.s3_access_key,
                    "secret_access_key": self.servers.s3_secret_key,
                    "timeout_seconds": 10,
                }
            ),
            wait=wait_none(),
        )

    def build(self) -> S3Store:
        return self._store(self.servers.s3_endpoint, self.data_map)

    def build_elsewhere(self) -> S3Store:
        return self._store(self.servers.s3_endpoint, data_map({"objects": spec(self.bucket(), self.bucket())}))

    def build_unreachable(self) -> S3Store:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self._store(f"http://127.0.0.1:{free.getsockname()[1]}", self.data_map)

    def build_broken(self) -> S3Store:
        missing = data_map({"objects": spec(self.buckets[0], "no-such-bucket-anywhere")})
        return self._store(self.servers.s3_endpoint, missing)

    def raw(self) -> RawRecords:
        found = {}
        for bucket in self.buckets:
            for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    name = (_collection(one["Key"]), f"{one['Key']}@{one['VersionId']}")
                    found[name] = f"{one.get('ETag')} {one.get('Size')} {one['LastModified']}".encode()
            for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                found[_collection(upload["Key"]), f"{upload['Key']}@{upload['UploadId']}"] = b"upload"
        return found

    def add(self, person: Person) -> str:
        [user] = person.given.values("user_id")
        self.s3.put_object(Bucket=self.buckets[0], Key=f"users/{user}/late", Body=b"late")
        return "exports"

    def stranger(self, number: int) -> Subject:
        keys = {SubjectKey("user_id", "7"), SubjectKey("object", "rec/none"), SubjectKey("email", "none@mail.example")}
        return Subject(number, frozenset(keys))

    def add_nominated(self, number: int) -> Subject:
        email = f"shared{number}@mail.example"
        self.s3.put_object(Bucket=self.buckets[1], Key=f"face/{email}", Body=b"face")
        return Subject(number, frozenset({SubjectKey("email", email)}))

    def overstay(self) -> str:
        return "weblog"  # no rule of the bucket ends anything


def _collection(key: str) -> str:
    begins = {"rec": "recordings", "users": "exports", "face": "avatars", "client": "callers", "web": "weblog"}
    return begins[key.partition("/")[0]]


class TestS3(StoreContract, CutoffContract, MemberContract, LogContract, DriftContract):
    @pytest.fixture
    def harness(self, s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> S3Harness:
        return S3Harness(s3, servers, bucket)
