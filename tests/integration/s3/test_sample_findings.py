"""The sweep of buckets: names that no template names, and buckets that the map does not name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import wait_none
from tests.support.contract_maps import data_map
from tests.support.s3.bucket import DATA, connection, swept
from tests.support.servers import BucketFactory

from expunge_connectors.contract import Severity
from expunge_connectors.s3 import S3Spec, S3Store
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_names_by_shape(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    name = bucket()
    for key in ("users/1/a/b.csv", "face/a@b.example.jpg"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    assert swept(servers, name) == []
    for key in ("exports/7/x.csv", "exports/8/x.csv", "users/1", "invoices/ann-smith.pdf"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    found = swept(servers, name)
    assert [(one.severity, one.code) for one in found] == [
        (Severity.WARNING, "unmapped-identifiers"),
        (Severity.WARNING, "unmapped-identifiers"),
        (Severity.INFO, "unmapped-names"),
    ]
    assert f"{name}/exports/{{n}}/{{text}}.csv hold numbers: 33 % of 6" in found[0].message
    assert f"{name}/users/{{n}} hold" in found[1].message
    assert "ann" not in found[2].message
    left = swept(servers, name, f"{name}/exports/{{n}}/{{text}}.csv", f"{name}/invoices/{{text}}.pdf")
    assert [f"{name}/users/{{n}} hold" in one.message for one in left] == [True]
    assert "of 2 names" in swept(servers, name, rows=2)[0].message


def test_other_buckets_of_the_account(servers: Endpoints, bucket: BucketFactory) -> None:
    ours, other = bucket(), bucket()
    spec = {"connector": "s3", "collections": {"folders": {"bucket": ours, "prefix": "users/{user_id}/", **DATA}}}
    for free, told in (([], True), ([{"place": other, "reason": "r", "approved_by": "a"}], False)):
        loaded = data_map({"objects": S3Spec.model_validate({**spec, "unmapped_ok": free})})
        store = S3Store("objects", loaded, connection(servers), wait=wait_none())
        found = [one for one in store.sweep(10) if one.code == "s3-unmapped-bucket"]
        assert any(other in one.message for one in found) is told
        assert not any(f" {ours}" in one.message for one in found)
        store.close()


def test_a_bucket_that_is_not_there_is_unknown(servers: Endpoints, bucket: BucketFactory) -> None:
    bucket()
    found = swept(servers, "no-such-bucket-anywhere")
    assert [(one.severity, one.code) for one in found] == [(Severity.INFO, "sweep-unread")]
