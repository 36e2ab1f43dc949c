"""S3: versions, markers, uploads, prefixes, and what must never be touched."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tenacity import wait_none
from tests.support.contract_maps import CLIENT, data_map
from tests.support.s3.bucket import ACTIONS, LOG, SCOPE, World, connection, person, spec, world
from tests.support.servers import BucketFactory

from expunge_connectors.contract import RecordCounts, Scope, Subject, SubjectKey, no_beat
from expunge_connectors.errors import DividedNameError, TerminalError, UnknownMemberError
from expunge_connectors.s3 import S3Store
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def gone(made: World, subject: Subject) -> bool:
    """Erase and verify."""
    cutoff = made.connector.now()
    made.connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    counts = made.connector.verify([subject], SCOPE, cutoff)
    assert counts == made.connector.count([subject], SCOPE, cutoff)
    return all(tally.empty for tally in counts[subject.number].values())


def both(made: World, subject: Subject) -> dict[str, RecordCounts]:
    """Counts, on which counting and verifying agree."""
    cutoff = made.connector.now()
    counts = made.connector.count([subject], SCOPE, cutoff)
    assert counts == made.connector.verify([subject], SCOPE, cutoff)
    return dict(counts[subject.number])


def test_unversioned(plain: World) -> None:
    for key in ("rec/1.ogg", "rec/1.ogg2", "users/1/a", "users/1/b/c", "users/10/a", "users/1"):
        plain.put(key)
    assert both(plain, person()) == {
        "files": RecordCounts(due=1),
        "folders": RecordCounts(due=2),
        "faces": RecordCounts(),
    }
    assert gone(plain, person())
    assert plain.keys() == ["rec/1.ogg2", "users/1", "users/10/a"]


def test_a_name_that_is_no_path_is_nobodys_object(versioned: World) -> None:
    """The service refuses such a name in a URL, or takes it for a step to another one's object."""
    versioned.put("rec/1.ogg")
    for name in ("a/../rec/1.ogg", "../rec/1.ogg", "rec/./1.ogg", "rec/..", "."):
        assert both(versioned, person(object=name))["files"] == RecordCounts()
        assert gone(versioned, person(object=name))
    assert versioned.keys() == ["rec/1.ogg"]


def test_versioned(versioned: World) -> None:
    for _ in range(3):
        versioned.put("rec/1.ogg")
    versioned.delete("rec/1.ogg")
    versioned.put("rec/1.ogg")
    versioned.put("rec/1.oggx")
    versioned.put("users/1/a")
    versioned.delete("users/1/a")
    versioned.delete("users/1/b")  # a marker over nothing
    assert both(versioned, person()) == {
        "files": RecordCounts(due=4),
        "folders": RecordCounts(due=2),
        "faces": RecordCounts(),
    }
    assert gone(versioned, person())
    assert versioned.keys() == ["rec/1.oggx"]


def test_suspended(suspended: World) -> None:
    suspended.put("rec/1.ogg")
    suspended.put("rec/1.ogg")  # the null version, written over
    suspended.put("users/1/a")
    assert both(suspended, person()) == {
        "files": RecordCounts(due=2),
        "folders": RecordCounts(due=1),
        "faces": RecordCounts(),
    }
    assert gone(suspended, person())
    assert suspended.keys() == []


def test_unfinished_uploads_under_names_that_the_service_rewrites(plain: World, versioned: World) -> None:
    """SeaweedFS lists the uploads of these names under others."""
    for made, names in (
        (plain, ("a//b", "/lead", "a\\b", "a\x01b", "//x/\\/y")),
        (versioned, ("a//b", "a\x01b")),
    ):
        for name in names:
            made.s3.create_multipart_upload(Bucket=made.bucket, Key=name)
            assert both(made, person(object=name))["files"] == RecordCounts(due=1)
            assert gone(made, person(object=name))
            assert not made.s3.list_multipart_uploads(Bucket=made.bucket).get("Uploads")


def test_an_upload_under_the_other_form_of_a_name_is_not_taken_where_they_differ(plain: World) -> None:
    """To SeaweedFS `a\x01b` and `a\ufffdb` are two, as all such names are to S3."""
    plain.s3.create_multipart_upload(Bucket=plain.bucket, Key="a\ufffdb")
    assert both(plain, person(object="a\x01b"))["files"] == RecordCounts()
    assert gone(plain, person(object="a\x01b"))
    assert len(plain.s3.list_multipart_uploads(Bucket=plain.bucket)["Uploads"]) == 1


def test_unfinished_uploads_are_records(plain: World) -> None:
    for key in ("rec/1.ogg", "users/1/big", "users/10/big"):
        upload = plain.s3.create_multipart_upload(Bucket=plain.bucket, Key=key)["UploadId"]
        plain.s3.upload_part(Bucket=plain.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 1024)
    assert both(plain, person()) == {
        "files": RecordCounts(due=1),
        "folders": RecordCounts(due=1),
        "faces": RecordCounts(),
    }
    assert gone(plain, person())
    left = plain.s3.list_multipart_uploads(Bucket=plain.bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == ["users/10/big"]


@pytest.mark.heavy
def test_more_than_a_page_goes_in_batches(versioned: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: versioned.put(f"users/1/{number}"), range(1100)))
    versioned.put("users/2/a")
    beats: list[int] = []
    cutoff = versioned.connector.now()
    assert versioned.connector.count([person()], SCOPE, cutoff)[1]["folders"] == RecordCounts(due=1100)
    versioned.connector.erase([person()], ACTIONS, SCOPE, cutoff, lambda: beats.append(1))
    assert versioned.connector.verify([person()], SCOPE, cutoff)[1]["folders"] == RecordCounts()
    assert versioned.keys() == ["users/2/a"]
    assert len(beats) >= 2


def test_keys_with_odd_characters(versioned: World) -> None:
    for value in ("a b", "a+b", "ä/ö.ogg", "a%2Fb", "quote'\"&<x>", "tab\tnew", "🗑", "*", "a?versionId=1"):
        versioned.put(value)
        assert both(versioned, person(object=value))["files"] == RecordCounts(due=1)
        assert gone(versioned, person(object=value))
    assert versioned.keys() == []


def test_what_a_listing_conceals_is_still_due(versioned: World) -> None:
    """SeaweedFS lists no versions of keys with an empty segment, so they are not erased there: and that is said."""
    subject, cutoff = person(object="rec//1.ogg"), versioned.connector.now()
    versioned.put("rec//1.ogg")
    versioned.connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    try:
        versioned.s3.head_object(Bucket=versioned.bucket, Key="rec//1.ogg")
    except ClientError:
        left = 0
    else:
        left = 1
    assert versioned.connector.verify([subject], SCOPE, cutoff)[1]["files"] == RecordCounts(due=left)
    versioned.delete("rec//1.ogg")


def test_a_key_among_many_that_begin_with_it(versioned: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: versioned.put(f"rec/1.ogg{number}"), range(30)))
    for _ in range(2):
        versioned.put("rec/1.ogg")
    assert both(versioned, person())["files"] == RecordCounts(due=2)
    assert gone(versioned, person())
    assert len(versioned.keys()) == 30


def test_what_a_reusable_identifier_finds_is_judged_version_by_version(versioned: World) -> None:
    subject = person(email="a@mail.example")
    key = "face/a@mail.example.jpg"
    old = versioned.put(key)
    start = versioned.connector.now()
    while (cutoff := versioned.connector.now()) <= start:
        time.sleep(0.05)
    new = versioned.put(key)
    for look in (versioned.connector.count, versioned.connector.verify):
        assert look([subject], SCOPE, cutoff)[1]["faces"] == RecordCounts(due=1, newer=1)
    versioned.connector.erase([subject], ACTIONS, SCOPE, cutoff, no_beat)
    assert versioned.listed() == [(key, new)]
    assert old != new
    assert versioned.connector.verify([subject], SCOPE, cutoff)[1]["faces"] == RecordCounts(newer=1)


def test_the_clock_says_whole_seconds_and_is_never_fast(plain: World) -> None:
    before = datetime.now(UTC)
    now = plain.connector.now()
    assert now.microsecond == 0
    assert before - timedelta(seconds=2) < now <= datetime.now(UTC)


def test_a_name_that_falls_on_a_log_is_refused(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    name = bucket()
    made = world(s3, servers, name, weblog={"bucket": name, "prefix": "web/", "log": LOG})
    made.put("web/visits.log")
    with pytest.raises(TerminalError, match="declared log") as caught:
        made.connector.erase([person(object="web/visits.log")], ACTIONS, SCOPE, made.connector.now(), no_beat)
    assert "visits" not in str(caught.value)
    assert made.keys() == ["web/visits.log"]
    made.connector.close()


def test_a_slash_in_an_identifier_never_names_a_prefix(plain: World) -> None:
    plain.put("users/1/2/a")
    with pytest.raises(DividedNameError, match="holds `/`, which ends it") as caught:
        plain.connector.count([person(user_id="1/2")], SCOPE, plain.connector.now())
    assert caught.value.numbers == {1}
    assert plain.keys() == ["users/1/2/a"]


@pytest.mark.parametrize(("prefix", "refused"), [("of-{controller}-{token}/", True), ("of/{token}/", False)])
def test_a_slash_in_a_member_matters_where_the_member_stands(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory, prefix: str, *, refused: bool
) -> None:
    name = bucket()
    theirs = {"bucket": name, "prefix": prefix, "data_type": "account", "owner": CLIENT}
    made = world(s3, servers, name, theirs=theirs)
    ask, cutoff = person(token="7"), made.connector.now()
    if refused:
        with pytest.raises(UnknownMemberError, match="holds `/`"):
            made.connector.count([ask], Scope("client", "a/b"), cutoff)
    else:
        assert made.connector.count([ask], Scope("client", "a/b"), cutoff)[1]["theirs"] == RecordCounts()
    made.connector.close()


def test_a_missing_bucket_is_an_error_not_an_empty_answer(servers: Endpoints) -> None:
    connector = S3Store("objects", data_map({"objects": spec("no-such-bucket-here")}), connection(servers), wait_none())
    cutoff = datetime.now(UTC)
    calls = (
        lambda: connector.count([person()], SCOPE, cutoff),
        lambda: connector.verify([person()], SCOPE, cutoff),
        lambda: connector.erase([person()], ACTIONS, SCOPE, cutoff, no_beat),
        connector.now,
        connector.identity,
    )
    for call in calls:
        with pytest.raises(TerminalError, match="no-such-bucket-here"):
            call()
    connector.close()


def test_wrong_keys_are_terminal_and_told_without_the_secret(plain: World, servers: Endpoints) -> None:
    connector = S3Store(
        "objects",
        data_map({"objects": spec(plain.bucket)}),
        connection(servers, secret_access_key="not-the-secret"),
        wait_none(),
    )
    with pytest.raises(TerminalError) as caught:
        connector.now()
    assert "not-the-secret" not in f"{caught.value!r}{caught.value}"
    connector.close()


def test_two_people_of_one_chunk_are_told_apart(versioned: World) -> None:
    versioned.put("users/1/a")
    versioned.put("users/2/a")
    versioned.put("users/2/b")
    people = [Subject(n, frozenset({SubjectKey("user_id", str(n))})) for n in (1, 2, 3)]
    counts = versioned.connector.count(people, SCOPE, versioned.connector.now())
    assert [counts[n]["folders"].due for n in (1, 2, 3)] == [1, 2, 0]


def test_verifying_shares_no_request_with_erasing_and_writes_nothing(versioned: World) -> None:
    """Law 1, seen in the operations that boto3 really sends."""
    versioned.put("rec/1.ogg")
    versioned.put("users/1/a")
    sent: list[str] = []
    client = versioned.connector._service._client()
    client.meta.events.register("before-call.s3", lambda model, **_: sent.append(model.name))
    cutoff = versioned.connector.now()
    used: dict[str, set[str]] = {}
    for verb, call in {
        "count": lambda: versioned.connector.count([person()], SCOPE, cutoff),
        "verify": lambda: versioned.connector.verify([person()], SCOPE, cutoff),
        "erase": lambda: versioned.connector.erase([person()], ACTIONS, SCOPE, cutoff, no_beat),
        "inspect": versioned.connector.inspect,
    }.items():
        sent.clear()
        call()
        used[verb] = set(sent)
    assert {"HeadObject", "ListObjectsV2"} <= used["verify"] - used["erase"]
    assert "DeleteObjects" in used["erase"]
    for verb in ("count", "verify", "inspect"):
        assert all(name.startswith(("Get", "Head", "List")) for name in used[verb])
