"""S3: what `inspect` notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none
from tests.support.contract_maps import LOG, data_map
from tests.support.s3.bucket import World, connection, spec, world
from tests.support.s3.faulty_server import error, faulty
from tests.support.servers import BucketFactory

from expunge_connectors.contract import Severity
from expunge_connectors.errors import TransientError
from expunge_connectors.s3 import S3Connection, S3Store
from expunge_connectors.s3_backups import S3Backups, S3BackupsSpec
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def found(made: World) -> dict[str, Severity]:
    return {finding.code: finding.severity for finding in made.connector.inspect()}


def test_versioning_is_said(plain: World, versioned: World, suspended: World) -> None:
    for made, state in ((plain, "off"), (versioned, "enabled"), (suspended, "suspended")):
        messages = [one.message for one in made.connector.inspect() if one.code == "s3-versioning"]
        assert len(messages) == 1
        assert f"versioning is {state}" in messages[0]


def test_a_lifecycle_that_only_hides_is_a_warning(plain: World, versioned: World) -> None:
    for made in (plain, versioned):
        rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
        made.s3.put_bucket_lifecycle_configuration(Bucket=made.bucket, LifecycleConfiguration={"Rules": [rule]})
    assert found(versioned)["s3-expires-current-only"] is Severity.WARNING
    assert "s3-expires-current-only" not in found(plain)
    rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 1}
    versioned.s3.put_bucket_lifecycle_configuration(Bucket=versioned.bucket, LifecycleConfiguration={"Rules": [rule]})
    assert "s3-expires-current-only" not in found(versioned)


def test_object_lock_is_said(locking: World, versioned: World) -> None:
    assert found(locking)["s3-object-lock"] is Severity.INFO
    assert "s3-object-lock" not in found(versioned)


def test_a_missing_bucket_is_an_error(s3: S3Client, servers: Endpoints) -> None:
    made = world(s3, servers, "no-such-bucket-here")
    assert found(made) == {
        "s3-bucket": Severity.ERROR,
        "template-overlap": Severity.WARNING,
        "spelling-unknown": Severity.INFO,
    }
    made.connector.close()


def test_a_store_without_any_settings_is_told_as_such(servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then boto3 asks AWS, with what the machine has: here that is sent to the test's own service."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", servers.s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.s3_access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.s3_secret_key)
    place = {"connector": "s3-backups", "of": "objects", "bucket": "no-such", "prefix": "pg/", "kind": "pg_dump"}
    the_map = data_map({"objects": spec("no-such")}, {"dumps": S3BackupsSpec.model_validate(place)})
    for made in (
        S3Store("objects", the_map, S3Connection(), wait=wait_none()),
        S3Backups("dumps", the_map, S3Connection(), wait=wait_none()),
    ):
        [told] = [one for one in made.inspect() if one.code == "s3-bucket"]
        assert f"There are no settings for {made.name}" in told.message
        assert f"EXPUNGE_STORES__{made.name.upper()}__ENDPOINT_URL" in told.remedy
        made.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    away = S3Backups("dumps", the_map, S3Connection(), wait=wait_none())
    with pytest.raises(TransientError, match="There are no settings for dumps"):
        away.inspect()
    away.close()


def test_with_settings_nothing_is_said_of_settings(s3: S3Client, servers: Endpoints) -> None:
    made = world(s3, servers, "no-such-bucket-here")
    assert not any("settings" in one.message for one in made.connector.inspect())
    made.connector.close()


def test_an_object_of_any_name_may_lie_below_a_prefix(plain: World) -> None:
    told = {one.collection: one.message for one in plain.connector.inspect() if one.code == "template-overlap"}
    assert told.keys() == {"files"}
    assert "`{object}`" in told["files"]


def test_a_log_below_the_data_or_above_it_is_an_error(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    name = bucket()
    for prefix, overlapping in (
        ("users/", {"files", "folders"}),
        ("users/logs/", {"files", "folders"}),
        ("u", {"files", "folders"}),
        ("web/", {"files"}),
    ):
        made = world(s3, servers, name, log={"bucket": name, "prefix": prefix, "log": LOG} if prefix != "u" else
                     {"bucket": name, "prefix": "us/", "log": LOG})  # fmt: skip
        findings = [one for one in made.connector.inspect() if one.code == "s3-log-overlap"]
        expected = overlapping if prefix != "u" else {"files"}
        assert {one.collection for one in findings} == expected
        assert all(one.severity is Severity.ERROR for one in findings)
        made.connector.close()


def test_a_log_elsewhere_is_fine(plain: World, servers: Endpoints, bucket: BucketFactory) -> None:
    made = world(plain.s3, servers, plain.bucket, log={"bucket": bucket(), "prefix": "users/", "log": LOG})
    assert "s3-log-overlap" not in found(made)
    made.connector.close()


def test_what_the_service_does_not_answer_is_unknown_and_not_fine(servers: Endpoints) -> None:
    with faulty((200, b""), (501, error("NotImplemented"))) as (url, _):
        the_map = data_map({"objects": spec("bkt")})
        connector = S3Store("objects", the_map, connection(servers, endpoint_url=url), wait_none())
        codes = [finding.code for finding in connector.inspect()]
        connector.close()
    assert codes.count("s3-unknown") == 5
    assert "s3-bucket" not in codes


def test_replication_and_access_logs_are_warnings(servers: Endpoints) -> None:
    """SeaweedFS has neither, so the answers are scripted."""
    replication = b"""<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status><Destination>
    <Bucket>arn:aws:s3:::b</Bucket></Destination></Rule></ReplicationConfiguration>"""
    logging = b"""<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix>p</TargetPrefix>
    </LoggingEnabled></BucketLoggingStatus>"""
    versioning = (
        b"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"
    )
    answers = (
        (200, b""),
        (200, versioning),
        (404, error("NoSuchLifecycleConfiguration")),
        (200, replication),
        (200, logging),
        (403, error("AccessDenied")),
    )
    with faulty(*answers) as (url, _):
        the_map = data_map({"objects": spec("bkt")})
        connector = S3Store("objects", the_map, connection(servers, endpoint_url=url), wait_none())
        severities = {finding.code: finding.severity for finding in connector.inspect()}
        connector.close()
    assert severities == {
        "s3-versioning": Severity.INFO,
        "s3-mfa-delete": Severity.ERROR,
        "s3-replicated": Severity.WARNING,
        "s3-access-log": Severity.WARNING,
        "s3-unknown": Severity.INFO,
        "template-overlap": Severity.WARNING,
        "spelling-unknown": Severity.INFO,
    }
